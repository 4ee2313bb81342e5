-- What pages ask at 100,000 accounts and 1,200,000 invoices, where a plan had to read a whole table.
-- depends: 0090_receive_in_one_trip
-- Each takes seconds at that size; a deploy that cannot wait makes them CONCURRENTLY beforehand, by these names.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

-- Customers for staff: the last confirmed first, and by the beginnings of the words of a name.
create index customers_synced_idx on billing.customers (synced_at desc);
create index customers_words_idx on billing.customers using gin (to_tsvector('simple', display_name));

-- How many there are is all rows (a narrow index tells) less these few.
create index customers_gone_idx on billing.customers (zoho_id) where gone_at is not null;
create index subscriptions_gone_idx on billing.subscriptions (zoho_id) where gone_at is not null;

-- Logins for staff, by the beginning of an address or a name.
create index users_email_start_idx on billing.users (lower(email) text_pattern_ops);
create index users_name_start_idx on billing.users (lower(display_name) text_pattern_ops);

-- Events by object: the id alone for a search, with its kind for the worker. Takes the place of the index that
-- began with the kind, so that a delivery is not entered in one index more.
create index inbox_subject_idx on billing.inbox (object_zoho_id, object_kind, received_at desc);
drop index billing.inbox_object_idx;

-- Mails of the last day, mails not sent, and the newest.
create index outbox_sent_idx on billing.outbox (sent_at) where state = 'sent';
create index outbox_unsent_idx on billing.outbox (state) where state <> 'sent';
create index outbox_created_idx on billing.outbox (created_at desc);

-- Reconciliations, the newest first.
create index sync_runs_newest_idx on billing.sync_runs (started_at desc);
