-- What the portal is doing: purchases under way, commands to Zoho, webhooks received, mail to send,
-- reconciliation runs, differences found, the call budget, the audit trail, Zoho's tokens.
-- depends: 0003_create_mirror

-- A hosted-page attempt. key is made by the server, sent to Zoho as reference_id, and unique: one
-- attempt for one choice (choice_hash) may be open at a time.
create table billing.checkouts (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references billing.accounts (id) on delete cascade,
  user_id uuid references billing.users (id) on delete set null,
  kind text not null check (kind in ('new_subscription', 'update_subscription', 'update_card',
    'add_payment_method', 'update_payment_method', 'invoice_payment', 'one_time_addon')),
  key text not null unique,
  choice jsonb not null,
  choice_hash text not null,
  quoted jsonb not null default '{}',
  state text not null check (state in ('preparing', 'open', 'confirming', 'completed', 'failed',
    'cancelled', 'expired', 'unknown')),
  hosted_page_id text unique,
  hosted_page_url text,
  hosted_page_status text not null default '',
  hosted_page_expires_at timestamptz,
  subscription_zoho_id text,
  invoice_zoho_id text,
  confirmed_at timestamptz,
  confirmed_by text,
  problem text not null default '',
  attempts integer not null default 0,
  next_check_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  closed_at timestamptz
);
create unique index checkouts_open_choice_idx on billing.checkouts (account_id, kind, choice_hash)
  where state in ('preparing', 'open', 'confirming', 'unknown');
create index checkouts_account_idx on billing.checkouts (account_id, created_at desc);
create index checkouts_due_idx on billing.checkouts (next_check_at)
  where state in ('preparing', 'open', 'confirming', 'unknown');

-- A command to Zoho, committed before the call (CONV-03, CONV-04). key comes from the form.
create table billing.intents (
  id uuid primary key default gen_random_uuid(),
  key text not null unique,
  account_id uuid references billing.accounts (id) on delete cascade,
  user_id uuid references billing.users (id) on delete set null,
  kind text not null,
  subject_kind text not null default '',
  subject_zoho_id text not null default '',
  request jsonb not null,
  request_hash text not null,
  state text not null check (state in ('ready', 'calling', 'done', 'refused', 'unknown', 'abandoned')),
  result jsonb,
  problem text not null default '',
  before jsonb,
  attempts integer not null default 0,
  lease_until timestamptz,
  called_at timestamptz,
  next_check_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  settled_at timestamptz
);
create index intents_account_idx on billing.intents (account_id, created_at desc);
create index intents_due_idx on billing.intents (next_check_at) where state in ('ready', 'calling', 'unknown');
create index intents_subject_idx on billing.intents (subject_kind, subject_zoho_id, created_at desc);
-- One act at a time on one subject: a second tab cannot start another while the first is unsettled.
create unique index intents_one_live_idx on billing.intents (subject_kind, subject_zoho_id)
  where state in ('ready', 'calling', 'unknown') and subject_zoho_id <> '';

-- Webhooks received and events pulled. The row is the truth, the job only a wake-up.
create table billing.inbox (
  id uuid primary key default gen_random_uuid(),
  dedupe_key text not null unique,
  kind text not null check (kind in ('webhook', 'pulled')),
  event_id text not null default '',
  event_type text not null default '',
  event_time timestamptz,
  object_kind text not null default '',
  object_zoho_id text not null default '',
  related jsonb not null default '[]',
  body bytea,
  secret_used smallint,
  flags text[] not null default '{}',
  state text not null default 'pending'
    check (state in ('pending', 'applying', 'applied', 'ignored', 'failed', 'dead')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_error text not null default '',
  effect jsonb,
  received_at timestamptz not null default now(),
  applied_at timestamptz
);
comment on column billing.inbox.related is 'further objects named by the event: list of {kind, zoho_id}';
create index inbox_due_idx on billing.inbox (next_attempt_at) where state in ('pending', 'applying', 'failed');
create index inbox_object_idx on billing.inbox (object_kind, object_zoho_id, received_at desc);
create index inbox_received_idx on billing.inbox (received_at desc, id desc);
create index inbox_event_idx on billing.inbox (event_id) where event_id <> '';

-- Outgoing mail, once per (template, entity, cause) (CONV-05).
create table billing.outbox (
  id uuid primary key default gen_random_uuid(),
  template text not null,
  entity text not null,
  cause text not null,
  account_id uuid references billing.accounts (id) on delete set null,
  recipient text not null,
  locale text not null default 'en',
  context jsonb not null default '{}',
  state text not null default 'pending'
    check (state in ('pending', 'sending', 'sent', 'unknown', 'failed', 'stopped')),
  attempts integer not null default 0,
  not_before timestamptz not null default now(),
  last_error text not null default '',
  created_at timestamptz not null default now(),
  claimed_at timestamptz,
  sent_at timestamptz,
  unique (template, entity, cause, recipient)
);
create index outbox_due_idx on billing.outbox (not_before) where state in ('pending', 'sending');

create table billing.sync_runs (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('hot', 'events', 'full', 'rebuild', 'replay')),
  state text not null default 'running' check (state in ('running', 'done', 'failed', 'stopped')),
  requested_by uuid references billing.users (id) on delete set null,
  cursor jsonb not null default '{}',
  progress jsonb not null default '{}',
  calls integer not null default 0,
  rows_read integer not null default 0,
  rows_written integer not null default 0,
  drift_found integer not null default 0,
  problem text not null default '',
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  finished_at timestamptz
);
create index sync_runs_started_idx on billing.sync_runs (kind, started_at desc);

create table billing.drift (
  id uuid primary key default gen_random_uuid(),
  run_id uuid references billing.sync_runs (id) on delete set null,
  kind text not null check (kind in ('missing_here', 'missing_there', 'differs')),
  object_kind text not null,
  object_zoho_id text not null,
  account_id uuid references billing.accounts (id) on delete set null,
  field text not null default '',
  ours text,
  theirs text,
  likely_cause text not null default '',
  found_at timestamptz not null default now(),
  repaired_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by uuid references billing.users (id) on delete set null
);
create index drift_found_idx on billing.drift (found_at desc);
create index drift_open_idx on billing.drift (object_kind, object_zoho_id) where repaired_at is null;

-- One row per organisation: the shared token bucket, lanes, day counter, block and breaker (API-01 to API-05).
create table billing.call_budget (
  organization_id text primary key,
  tokens double precision not null,
  refilled_at timestamptz not null,
  lane_tokens jsonb not null default '{}',
  day date not null,
  day_calls integer not null default 0,
  in_flight integer not null default 0,
  blocked_until timestamptz,
  breaker_state text not null default 'closed' check (breaker_state in ('closed', 'open', 'half_open')),
  breaker_until timestamptz,
  breaker_failures integer not null default 0,
  breaker_recent text not null default '',
  breaker_opens integer not null default 0,
  updated_at timestamptz not null default now()
);
create table billing.zoho_calls (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  lane text not null,
  method text not null,
  endpoint text not null,
  status integer,
  zoho_code integer,
  ms integer not null,
  outcome text not null,
  request_id text not null default ''
);
create index zoho_calls_at_idx on billing.zoho_calls (at desc);

create table billing.oauth_tokens (
  organization_id text primary key,
  refresh_token bytea,
  access_token bytea,
  access_expires_at timestamptz,
  api_domain text not null default '',
  accounts_server text not null default '',
  location text not null default '',
  scope text not null default '',
  connected_by uuid references billing.users (id) on delete set null,
  connected_at timestamptz,
  refreshed_at timestamptz,
  failed_at timestamptz,
  failure text not null default '',
  retry_after timestamptz,
  updated_at timestamptz not null default now()
);

-- Secrets kept in the database when SECRETS_BACKEND=env and Vault is not there: AES-GCM, key outside.
create table billing.secrets (
  name text primary key,
  value bytea not null,
  updated_at timestamptz not null default now()
);

-- Append-only audit: who did what to which object (LOG-04, INV-11). Nobody may update or delete.
create table billing.activity (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor_kind text not null check (actor_kind in ('user', 'staff', 'system', 'zoho')),
  actor_id uuid,
  account_id uuid,
  action text not null,
  object_kind text not null default '',
  object_id text not null default '',
  detail jsonb not null default '{}',
  request_id text not null default ''
);
create index activity_account_idx on billing.activity (account_id, at desc);
create index activity_object_idx on billing.activity (object_kind, object_id, at desc);

alter table billing.checkouts enable row level security;
alter table billing.intents enable row level security;
alter table billing.inbox enable row level security;
alter table billing.outbox enable row level security;
alter table billing.sync_runs enable row level security;
alter table billing.drift enable row level security;
alter table billing.call_budget enable row level security;
alter table billing.zoho_calls enable row level security;
alter table billing.oauth_tokens enable row level security;
alter table billing.secrets enable row level security;
alter table billing.activity enable row level security;

-- Members read their account's purchases, commands and history; owner and billing may start them.
grant select on billing.checkouts, billing.intents, billing.activity to authenticated;
create policy checkouts_own on billing.checkouts for select to authenticated
  using (account_id = any ((select billing.my_account_ids())::uuid[]));
create policy intents_own on billing.intents for select to authenticated
  using (account_id = any ((select billing.my_account_ids())::uuid[]));
create policy activity_own on billing.activity for select to authenticated
  using (account_id = any ((select billing.my_account_ids())::uuid[]));

grant select, insert, update on billing.checkouts, billing.intents to portal_web;
create policy checkouts_web on billing.checkouts to portal_web
  using (account_id = any ((select billing.my_account_ids())::uuid[]))
  with check (account_id = any ((select billing.my_account_ids(array['owner', 'billing']))::uuid[]));
create policy intents_web on billing.intents to portal_web
  using (account_id = any ((select billing.my_account_ids())::uuid[]))
  with check (account_id = any ((select billing.my_account_ids(array['owner', 'billing']))::uuid[]));
grant insert on billing.activity to portal_web, portal_worker, portal_staff;
create policy activity_web on billing.activity for insert to portal_web, portal_worker, portal_staff
  with check (true);
grant insert on billing.outbox to portal_web;
create policy outbox_web on billing.outbox for insert to portal_web with check (true);

-- The webhook receiver runs in the web server without a person: it may store and deduplicate, no more.
grant insert, select (id, dedupe_key, state) on billing.inbox to portal_web;
create policy inbox_web on billing.inbox for insert to portal_web with check (true);
create policy inbox_web_dedupe on billing.inbox for select to portal_web using (true);

-- The state of the connection (not the tokens) shows on every page's banner.
grant select (organization_id, blocked_until, breaker_state, breaker_until, updated_at)
  on billing.call_budget to authenticated, portal_web;
create policy call_budget_read on billing.call_budget for select to authenticated, portal_web using (true);

do $$
declare
  name text;
begin
  foreach name in array array['checkouts', 'intents', 'inbox', 'outbox', 'sync_runs', 'drift', 'call_budget',
      'zoho_calls', 'oauth_tokens', 'secrets'] loop
    execute format('create policy %I on billing.%I to portal_worker using (true) with check (true)',
                   name || '_worker', name);
    execute format('grant select, insert, update, delete on billing.%I to portal_worker', name);
  end loop;
  foreach name in array array['checkouts', 'intents', 'inbox', 'outbox', 'sync_runs', 'drift', 'call_budget',
      'zoho_calls', 'activity'] loop
    execute format('create policy %I on billing.%I for select to portal_staff using (true)', name || '_staff', name);
    execute format('grant select on billing.%I to portal_staff', name);
  end loop;
end
$$;
create policy activity_worker on billing.activity for select to portal_worker using (true);
grant select on billing.activity to portal_worker;
grant select (organization_id, access_expires_at, api_domain, accounts_server, location, scope, connected_by,
  connected_at, refreshed_at, failed_at, failure, retry_after, updated_at) on billing.oauth_tokens to portal_staff;
create policy oauth_tokens_staff on billing.oauth_tokens for select to portal_staff using (true);
-- Staff acts: acknowledge drift, ask for a run, replay an event, re-send mail.
grant update (acknowledged_at, acknowledged_by) on billing.drift to portal_staff;
create policy drift_staff_update on billing.drift for update to portal_staff using (true) with check (true);
grant insert on billing.sync_runs to portal_staff;
create policy sync_runs_staff_insert on billing.sync_runs for insert to portal_staff with check (true);
grant update (state, next_attempt_at, attempts) on billing.inbox to portal_staff;
create policy inbox_staff_update on billing.inbox for update to portal_staff using (true) with check (true);
grant update (state, not_before) on billing.outbox to portal_staff;
create policy outbox_staff_update on billing.outbox for update to portal_staff using (true) with check (true);
