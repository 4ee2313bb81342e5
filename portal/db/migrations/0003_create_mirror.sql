-- Our copy of Zoho: a cache with a date on it. Every row carries Zoho's id beside ours (this is the id
-- mapping), Zoho's own modification time, when and how we last read it, and the raw JSON it came from.
-- Only portal/sync writes here (through portal/mirror), as portal_worker.
-- depends: 0002_create_people

create table billing.organization (
  zoho_id text primary key,
  name text not null default '',
  currency_code text not null default 'USD',
  price_precision smallint not null default 2,
  time_zone text not null default 'UTC',
  mode text not null default '',
  raw jsonb not null default '{}',
  synced_at timestamptz not null
);

create table billing.products (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  name text not null default '',
  description text not null default '',
  status text not null default '',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);

-- Plans, addons and coupons are addressed by code at Zoho; the code may be renamed there, so zoho_id is
-- the plan_id when Zoho sends one and the code otherwise.
create table billing.plans (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  code text not null,
  product_zoho_id text not null default '',
  name text not null default '',
  description text not null default '',
  status text not null default '',
  price numeric(20, 6) not null default 0,
  setup_fee numeric(20, 6) not null default 0,
  currency_code text not null default '',
  interval smallint not null default 1,
  interval_unit text not null default 'months',
  billing_cycles integer not null default -1,
  trial_days integer not null default 0,
  tax_percentage numeric(9, 4),
  tax_name text not null default '',
  pricing_scheme text not null default 'unit',
  unit text not null default '',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index plans_code_idx on billing.plans (code);

create table billing.addons (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  code text not null,
  product_zoho_id text not null default '',
  name text not null default '',
  description text not null default '',
  status text not null default '',
  type text not null default 'recurring',
  price numeric(20, 6) not null default 0,
  currency_code text not null default '',
  interval_unit text not null default '',
  pricing_scheme text not null default 'unit',
  unit text not null default '',
  applies_to_all_plans boolean not null default true,
  plan_codes text[] not null default '{}',
  tax_percentage numeric(9, 4),
  tax_name text not null default '',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index addons_code_idx on billing.addons (code);

create table billing.coupons (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  code text not null,
  name text not null default '',
  description text not null default '',
  status text not null default '',
  discount_by text not null default 'percentage',
  discount_value numeric(20, 6) not null default 0,
  redemption_type text not null default 'one_time',
  duration integer,
  max_redemption integer,
  redemption_count integer,
  expires_on date,
  applies_to_all_plans boolean not null default true,
  plan_codes text[] not null default '{}',
  applies_to_all_addons boolean not null default true,
  addon_codes text[] not null default '{}',
  product_zoho_id text not null default '',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index coupons_code_idx on billing.coupons (code);

-- A customer may be in the mirror before an account of ours is linked to it (account_id null).
create table billing.customers (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  display_name text not null default '',
  company_name text not null default '',
  first_name text not null default '',
  last_name text not null default '',
  email text not null default '',
  phone text not null default '',
  status text not null default '',
  currency_code text not null default '',
  tax_id text not null default '',
  billing_address jsonb not null default '{}',
  shipping_address jsonb not null default '{}',
  outstanding numeric(20, 6) not null default 0,
  unused_credits numeric(20, 6) not null default 0,
  ach_supported boolean not null default false,
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index customers_account_idx on billing.customers (account_id);
create index customers_email_idx on billing.customers (lower(email));

create table billing.subscriptions (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  number text not null default '',
  name text not null default '',
  status text not null,
  plan_code text not null default '',
  plan_name text not null default '',
  plan_price numeric(20, 6) not null default 0,
  quantity numeric(20, 6) not null default 1,
  sub_total numeric(20, 6) not null default 0,
  amount numeric(20, 6) not null default 0,
  currency_code text not null default '',
  interval smallint not null default 1,
  interval_unit text not null default 'months',
  auto_collect boolean not null default false,
  coupon_code text not null default '',
  reference_id text not null default '',
  payment_method_zoho_id text not null default '',
  created_on date,
  activated_on date,
  starts_on date,
  trial_ends_on date,
  current_term_starts_on date,
  current_term_ends_on date,
  next_billing_on date,
  last_billing_on date,
  expires_on date,
  cancelled_on date,
  scheduled_cancellation_on date,
  pause_on date,
  resume_on date,
  remaining_billing_cycles integer,
  has_scheduled_change boolean not null default false,
  scheduled_change jsonb,
  child_invoice_zoho_id text not null default '',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index subscriptions_account_idx on billing.subscriptions (account_id, status);
create index subscriptions_customer_idx on billing.subscriptions (customer_zoho_id);
create index subscriptions_reference_idx on billing.subscriptions (reference_id) where reference_id <> '';

create table billing.subscription_addons (
  subscription_id uuid not null references billing.subscriptions (id) on delete cascade,
  account_id uuid references billing.accounts (id) on delete set null,
  position smallint not null,
  code text not null,
  name text not null default '',
  quantity numeric(20, 6) not null default 1,
  price numeric(20, 6) not null default 0,
  total numeric(20, 6) not null default 0,
  type text not null default 'recurring',
  primary key (subscription_id, position)
);
create index subscription_addons_account_idx on billing.subscription_addons (account_id);

create table billing.invoices (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  number text not null default '',
  status text not null,
  transaction_type text not null default '',
  invoice_date date,
  due_date date,
  sub_total numeric(20, 6),
  tax_total numeric(20, 6),
  discount_total numeric(20, 6),
  total numeric(20, 6) not null default 0,
  balance numeric(20, 6) not null default 0,
  payment_made numeric(20, 6) not null default 0,
  credits_applied numeric(20, 6) not null default 0,
  write_off_amount numeric(20, 6) not null default 0,
  currency_code text not null default '',
  ach_payment_initiated boolean not null default false,
  subscription_zoho_ids text[] not null default '{}',
  reference_number text not null default '',
  is_complete boolean not null default false,
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
comment on column billing.invoices.is_complete is
  'false while only a list row was read: lines, taxes and payments are then not known';
create index invoices_account_idx on billing.invoices (account_id, invoice_date desc, id desc);
create index invoices_open_idx on billing.invoices (account_id, due_date)
  where balance > 0 and gone_at is null;
create index invoices_customer_idx on billing.invoices (customer_zoho_id);

create table billing.invoice_lines (
  invoice_id uuid not null references billing.invoices (id) on delete cascade,
  account_id uuid references billing.accounts (id) on delete set null,
  position smallint not null,
  zoho_id text not null default '',
  code text not null default '',
  name text not null default '',
  description text not null default '',
  product_type text not null default '',
  price numeric(20, 6) not null default 0,
  quantity numeric(20, 6) not null default 1,
  discount_amount numeric(20, 6) not null default 0,
  tax_name text not null default '',
  tax_percentage numeric(9, 4),
  item_total numeric(20, 6) not null default 0,
  primary key (invoice_id, position)
);
create index invoice_lines_account_idx on billing.invoice_lines (account_id);

create table billing.payments (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  number text not null default '',
  mode text not null default '',
  status text not null default '',
  amount numeric(20, 6) not null default 0,
  amount_refunded numeric(20, 6) not null default 0,
  currency_code text not null default '',
  paid_on date,
  reference_number text not null default '',
  gateway text not null default '',
  gateway_transaction_id text not null default '',
  gateway_error_code text not null default '',
  gateway_error_message text not null default '',
  payment_method_zoho_id text not null default '',
  last_four text not null default '',
  applied jsonb not null default '[]',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
comment on column billing.payments.applied is
  'list of {invoice_zoho_id, invoice_number, amount} with amounts as decimal strings';
create index payments_account_idx on billing.payments (account_id, paid_on desc, id desc);
create index payments_customer_idx on billing.payments (customer_zoho_id);

create table billing.credit_notes (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  number text not null default '',
  status text not null default '',
  issued_on date,
  total numeric(20, 6) not null default 0,
  balance numeric(20, 6) not null default 0,
  currency_code text not null default '',
  applied jsonb not null default '[]',
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index credit_notes_account_idx on billing.credit_notes (account_id, issued_on desc, id desc);

create table billing.refunds (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  credit_note_zoho_id text not null default '',
  payment_zoho_id text not null default '',
  mode text not null default '',
  status text not null default '',
  amount numeric(20, 6) not null default 0,
  currency_code text not null default '',
  refunded_on date,
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index refunds_account_idx on billing.refunds (account_id);

-- Cards and bank accounts; last_four is always four digits (facts.md 5.1: Zoho may drop leading zeros).
create table billing.payment_methods (
  id uuid primary key default gen_random_uuid(),
  zoho_id text not null unique,
  account_id uuid references billing.accounts (id) on delete set null,
  customer_zoho_id text not null,
  kind text not null check (kind in ('card', 'bank_account', 'paypal')),
  status text not null default '',
  last_four char(4),
  brand text not null default '',
  expiry_month smallint,
  expiry_year smallint,
  gateway text not null default '',
  is_primary boolean,
  is_backup boolean,
  raw jsonb not null default '{}',
  zoho_updated_at timestamptz,
  synced_at timestamptz not null,
  source text not null,
  read_started_at timestamptz not null,
  gone_at timestamptz,
  created_at timestamptz not null default now()
);
create index payment_methods_account_idx on billing.payment_methods (account_id);
create index payment_methods_customer_idx on billing.payment_methods (customer_zoho_id);

-- When each list or customer-level collection (cards of a customer, ...) was last read in full: the
-- freshness of an empty block is known too.
create table billing.freshness (
  account_id uuid not null references billing.accounts (id) on delete cascade,
  kind text not null,
  read_at timestamptz not null,
  source text not null,
  primary key (account_id, kind)
);

do $$
declare
  name text;
begin
  -- The catalogue is the shop window: everybody signed in sees it.
  foreach name in array array['organization', 'products', 'plans', 'addons', 'coupons'] loop
    execute format('alter table billing.%I enable row level security', name);
    execute format('create policy %I on billing.%I for select to authenticated, portal_web, portal_staff using (true)',
                   name || '_read', name);
    execute format('create policy %I on billing.%I to portal_worker using (true) with check (true)',
                   name || '_worker', name);
    execute format('grant select on billing.%I to authenticated, portal_web, portal_staff', name);
    execute format('grant select, insert, update, delete on billing.%I to portal_worker', name);
  end loop;
  -- Everything else belongs to one account, and is read by its members only.
  foreach name in array array['customers', 'subscriptions', 'subscription_addons', 'invoices',
      'invoice_lines', 'payments', 'credit_notes', 'refunds', 'payment_methods', 'freshness'] loop
    execute format('alter table billing.%I enable row level security', name);
    execute format('create policy %I on billing.%I for select to authenticated, portal_web
                    using (account_id = any ((select billing.my_account_ids())::uuid[]))', name || '_own', name);
    execute format('create policy %I on billing.%I for select to portal_staff using (true)', name || '_staff', name);
    execute format('create policy %I on billing.%I to portal_worker using (true) with check (true)',
                   name || '_worker', name);
    execute format('grant select on billing.%I to authenticated, portal_web, portal_staff', name);
    execute format('grant select, insert, update, delete on billing.%I to portal_worker', name);
  end loop;
end
$$;
