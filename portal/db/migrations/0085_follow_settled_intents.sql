-- An act that is done wants its objects read again; when the process dies before that, the worker does it.
-- depends: 0004_create_doing
-- squawk-ignore require-concurrent-index-creation, require-concurrent-index-deletion
drop index billing.intents_due_idx;
-- squawk-ignore require-concurrent-index-creation
create index intents_due_idx on billing.intents (next_check_at) where next_check_at is not null;
