-- Pages say how fresh they are. A row that nothing happened to keeps its old synced_at, but a full
-- comparison with Zoho proves it all the same; members may know when the last one began, and no more of
-- sync_runs. The page indexes follow the reads of the invoice page.
-- depends: 0004_create_doing
create function billing.mirror_checked_at() returns timestamptz
  language sql stable security definer set search_path = ''
  return (
    select max(started_at) from billing.sync_runs
    where kind in ('full', 'rebuild') and state = 'done'
  );
revoke execute on function billing.mirror_checked_at() from public;
grant execute on function billing.mirror_checked_at() to authenticated, portal_web, portal_worker, portal_staff;

-- squawk-ignore require-concurrent-index-creation
create index payments_failed_idx on billing.payments (account_id, paid_on desc) where status = 'failure';
