-- Zoho's plans and addons name their tax by id only; its rate is in the list of taxes.
-- depends: 0003_create_mirror
create table billing.taxes (
  zoho_id text primary key,
  name text not null default '',
  percentage numeric(9, 4),
  raw jsonb not null default '{}',
  synced_at timestamptz not null
);
alter table billing.taxes enable row level security;
create policy taxes_read on billing.taxes for select to authenticated, portal_web, portal_staff using (true);
create policy taxes_worker on billing.taxes to portal_worker using (true) with check (true);
grant select on billing.taxes to authenticated, portal_web, portal_staff;
grant select, insert, update, delete on billing.taxes to portal_worker;
