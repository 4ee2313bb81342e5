-- The portal's own roles. None may log in and none bypasses row-level security:
-- a connection becomes one of them for the length of a transaction
-- (portal/db/transaction.py), the way Supabase's API becomes "authenticated".
--
--   portal_web     a web request that acts for a person (writes) or for nobody yet (sign-in)
--   portal_worker  jobs: the mirror, the inbox, the outbox, Zoho's tokens
--   portal_staff   the merchant's staff on the sync-status pages
-- depends:
do $$
declare
  wanted text;
begin
  foreach wanted in array array['portal_web', 'portal_worker', 'portal_staff'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I nologin noinherit', wanted);
    end if;
    execute format('grant %I to %I', wanted, current_user);
  end loop;
  execute format('grant authenticated to %I', current_user);
end
$$;

create schema billing;
create schema jobs;

revoke all on schema billing, jobs from public;
grant usage on schema billing to authenticated, portal_web, portal_worker, portal_staff;
grant usage on schema jobs to portal_web, portal_worker, portal_staff;
grant usage on schema auth to portal_web, portal_worker, portal_staff;
grant execute on function auth.uid() to portal_web, portal_worker, portal_staff;
alter default privileges in schema billing revoke execute on functions from public;
