-- Rows that reached the inbox long ago and late are told apart from those to be done now; the sender's
-- address is kept for monitoring only (WH-15).
-- depends: 0030_add_object_reads
alter table billing.inbox add column sender text not null default '';
-- squawk-ignore require-concurrent-index-creation
create index inbox_state_idx on billing.inbox (state, received_at desc);
