-- Who: users (by Supabase subject), accounts (one Zoho customer each), members, invitations, sessions.
-- depends: 0001_create_roles

create table billing.users (
  id uuid primary key,
  issuer text not null,
  email text not null,
  display_name text not null default '',
  locale text not null default 'en',
  time_zone text not null default 'UTC',
  is_staff boolean not null default false,
  has_second_factor boolean not null default false,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index users_email_idx on billing.users (lower(email));

create table billing.accounts (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  billing_email text not null,
  currency_code text,
  zoho_customer_id text unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  closed_at timestamptz
);

create table billing.members (
  account_id uuid not null references billing.accounts (id) on delete cascade,
  user_id uuid not null references billing.users (id) on delete cascade,
  role text not null check (role in ('owner', 'billing', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (account_id, user_id)
);
create index members_user_idx on billing.members (user_id);

create table billing.invitations (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references billing.accounts (id) on delete cascade,
  email text not null,
  role text not null check (role in ('owner', 'billing', 'viewer')),
  token_hash bytea not null unique,
  invited_by uuid references billing.users (id) on delete set null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz
);
create index invitations_account_idx on billing.invitations (account_id, created_at desc);

-- token_hash is the SHA-256 of the cookie; the Supabase tokens are AES-GCM ciphertexts (SES-01, SES-10).
create table billing.sessions (
  id uuid primary key default gen_random_uuid(),
  token_hash bytea not null unique,
  user_id uuid not null references billing.users (id) on delete cascade,
  supabase_session_id uuid,
  aal text not null default 'aal1' check (aal in ('aal1', 'aal2')),
  is_staff boolean not null default false,
  account_id uuid references billing.accounts (id) on delete set null,
  access_token bytea,
  refresh_token bytea,
  access_expires_at timestamptz,
  user_agent text not null default '',
  ip text not null default '',
  created_at timestamptz not null default now(),
  authenticated_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_reason text
);
create index sessions_user_idx on billing.sessions (user_id) where ended_at is null;

-- What a sign-in flow must remember between two requests of a visitor who has no session yet
-- (PKCE verifier, pending e-mail change, second-factor step-up). Keyed by the hash of the visitor's cookie.
create table billing.auth_flows (
  visitor_hash bytea not null,
  kind text not null,
  payload bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (visitor_hash, kind)
);

-- Fixed-window counters for rate limits and brute-force delays, shared by all processes (RL-01, AUT-04).
create table billing.rate_limits (
  key text not null,
  window_start timestamptz not null,
  hits integer not null default 0,
  primary key (key, window_start)
);

-- The accounts the signed-in person may see. One definer function instead of a sub-select in every
-- policy: the planner runs it once a statement, and members' own policy needs no recursion.
create function billing.my_account_ids() returns uuid[]
  language sql stable security definer set search_path = ''
  return (
    select coalesce(array_agg(m.account_id), '{}')
    from billing.members m join billing.users u on u.id = m.user_id
    where m.user_id = (select auth.uid()) and u.disabled_at is null
  );
create function billing.my_account_ids(roles text[]) returns uuid[]
  language sql stable security definer set search_path = ''
  return (
    select coalesce(array_agg(m.account_id), '{}')
    from billing.members m join billing.users u on u.id = m.user_id
    where m.user_id = (select auth.uid()) and u.disabled_at is null and m.role = any (roles)
  );
grant execute on function billing.my_account_ids(), billing.my_account_ids(text[])
  to authenticated, portal_web, portal_worker, portal_staff;

alter table billing.users enable row level security;
alter table billing.accounts enable row level security;
alter table billing.members enable row level security;
alter table billing.invitations enable row level security;
alter table billing.sessions enable row level security;
alter table billing.auth_flows enable row level security;
alter table billing.rate_limits enable row level security;

-- A person sees themself and the people they share an account with.
grant select on billing.users, billing.accounts, billing.members, billing.invitations, billing.sessions
  to authenticated;
create policy users_self on billing.users for select to authenticated
  using (id = (select auth.uid()) or exists (
    select from billing.members m
    where m.user_id = users.id and m.account_id = any ((select billing.my_account_ids())::uuid[])));
create policy accounts_own on billing.accounts for select to authenticated
  using (id = any ((select billing.my_account_ids())::uuid[]));
create policy members_own on billing.members for select to authenticated
  using (account_id = any ((select billing.my_account_ids())::uuid[]));
create policy invitations_own on billing.invitations for select to authenticated
  using (account_id = any ((select billing.my_account_ids(array['owner']))::uuid[]));
create policy sessions_own on billing.sessions for select to authenticated
  using (user_id = (select auth.uid()));

-- The web server signs people in before it knows them, so it owns the people tables; it acts for one
-- person at a time and every statement there is in portal/people.
grant select, insert, update, delete on billing.users, billing.accounts, billing.members,
  billing.invitations, billing.sessions, billing.auth_flows, billing.rate_limits to portal_web;
create policy users_web on billing.users to portal_web using (true) with check (true);
create policy accounts_web on billing.accounts to portal_web using (true) with check (true);
create policy members_web on billing.members to portal_web using (true) with check (true);
create policy invitations_web on billing.invitations to portal_web using (true) with check (true);
create policy sessions_web on billing.sessions to portal_web using (true) with check (true);
create policy auth_flows_web on billing.auth_flows to portal_web using (true) with check (true);
create policy rate_limits_web on billing.rate_limits to portal_web using (true) with check (true);

grant select, insert, update, delete on billing.users, billing.accounts, billing.members,
  billing.invitations, billing.sessions, billing.auth_flows, billing.rate_limits to portal_worker;
create policy users_worker on billing.users to portal_worker using (true) with check (true);
create policy accounts_worker on billing.accounts to portal_worker using (true) with check (true);
create policy members_worker on billing.members to portal_worker using (true) with check (true);
create policy invitations_worker on billing.invitations to portal_worker using (true) with check (true);
create policy sessions_worker on billing.sessions to portal_worker using (true) with check (true);
create policy auth_flows_worker on billing.auth_flows to portal_worker using (true) with check (true);
create policy rate_limits_worker on billing.rate_limits to portal_worker using (true) with check (true);

grant select on billing.users, billing.accounts, billing.members, billing.invitations, billing.rate_limits
  to portal_staff;
create policy users_staff on billing.users for select to portal_staff using (true);
create policy accounts_staff on billing.accounts for select to portal_staff using (true);
create policy members_staff on billing.members for select to portal_staff using (true);
create policy invitations_staff on billing.invitations for select to portal_staff using (true);
create policy rate_limits_staff on billing.rate_limits for select to portal_staff using (true);
