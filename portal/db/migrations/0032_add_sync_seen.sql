-- The ids that a full reconciliation has met in Zoho's lists, so that what it did not meet is found by a
-- set difference in the database, whatever the number of objects.
-- depends: 0031_note_inbox_wakeups
create table billing.sync_seen (
  run_id uuid not null references billing.sync_runs (id) on delete cascade,
  kind text not null,
  zoho_id text not null,
  primary key (run_id, kind, zoho_id)
);
alter table billing.sync_seen enable row level security;
create policy sync_seen_worker on billing.sync_seen to portal_worker using (true) with check (true);
grant select, insert, delete on billing.sync_seen to portal_worker;
-- One run of a kind at a time, whoever asks for it.
-- squawk-ignore require-concurrent-index-creation
create unique index sync_runs_one_running_idx on billing.sync_runs (kind) where state = 'running';
