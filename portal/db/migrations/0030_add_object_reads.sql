-- One row per object that is being read, or was read lately, from Zoho: the lock taken before the read
-- (a lease: no transaction stays open across HTTP, R10), and when the last read that was stored began, so
-- that an event which arrived before that read needs no other one.
-- depends: 0004_create_doing
create table billing.object_reads (
  kind text not null,
  zoho_id text not null,
  last_read_at timestamptz,
  holder uuid,
  lease_until timestamptz,
  primary key (kind, zoho_id)
);
create index object_reads_idle_idx on billing.object_reads (last_read_at) where holder is null;
alter table billing.object_reads enable row level security;
create policy object_reads_worker on billing.object_reads to portal_worker using (true) with check (true);
create policy object_reads_staff on billing.object_reads for select to portal_staff using (true);
grant select, insert, update, delete on billing.object_reads to portal_worker;
grant select on billing.object_reads to portal_staff;
