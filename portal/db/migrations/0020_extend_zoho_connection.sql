-- What the Zoho connection keeps beside the first floor: leases of calls under way (so that a killed
-- process cannot leak a slot), the throttle's probes, the single-flight refresh, connecting in the browser.
-- depends: 0004_create_doing

-- One row per call under way; it counts against the concurrency limit until it is deleted or expires.
create table billing.call_leases (
  id uuid primary key default gen_random_uuid(),
  organization_id text not null,
  lane text not null,
  taken_at timestamptz not null,
  expires_at timestamptz not null
);
create index call_leases_idx on billing.call_leases (organization_id, expires_at);

alter table billing.call_budget
  add column throttles integer not null default 0,
  add column next_probe_at timestamptz;
comment on column billing.call_budget.throttles is
  '429 answers in a row; while it is not 0 only single probes pass, at next_probe_at (API-04)';

alter table billing.zoho_calls add column tokens_left real;

-- A refresh is claimed by the row lock of one update, which writes a lease; the HTTP call happens outside
-- any transaction. attempts are the moments of the last refreshes: Zoho allows 10 in 10 minutes.
alter table billing.oauth_tokens
  add column refresh_lease uuid,
  add column refresh_lease_until timestamptz,
  add column refresh_attempts timestamptz[] not null default '{}';

-- An authorisation that staff began in the browser: state, PKCE verifier, and, when the organisation
-- still has to be chosen, the tokens (both sealed).
create table billing.zoho_authorizations (
  state_hash bytea primary key,
  user_id uuid not null references billing.users (id) on delete cascade,
  verifier bytea not null,
  redirect_uri text not null,
  tokens bytea,
  organizations jsonb not null default '[]',
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index zoho_authorizations_user_idx on billing.zoho_authorizations (user_id);

alter table billing.call_leases enable row level security;
alter table billing.zoho_authorizations enable row level security;
create policy call_leases_worker on billing.call_leases to portal_worker using (true) with check (true);
create policy call_leases_staff on billing.call_leases for select to portal_staff using (true);
create policy zoho_authorizations_worker on billing.zoho_authorizations to portal_worker
  using (true) with check (true);
grant select, insert, update, delete on billing.call_leases, billing.zoho_authorizations to portal_worker;
grant select on billing.call_leases to portal_staff;
