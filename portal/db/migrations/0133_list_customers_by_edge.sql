-- Staff page through customers by when each was confirmed, and what one call confirmed has one moment: the row's
-- id belongs to the order, or a page reads and sorts all of that moment (100,000 after a first copy).
-- depends: 0127_show_no_hash_to_its_owner
-- Takes a second at 100,000 customers; a deploy that cannot wait makes it CONCURRENTLY beforehand, by this name.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

create index customers_listed_idx on billing.customers (synced_at desc, id desc);
drop index billing.customers_synced_idx;
