-- How the calls to Zoho go, in the one row that a page adds to its own read: three reads had it word by word.
-- depends: 0105_one_open_purchase

-- As JSON text, like every part that portal/mirror/bundle.py reads. With the reader's own rights: the columns
-- of call_budget that pages may see are granted one by one.
create view billing.connection with (security_invoker = true) as
select to_json(c)::text as facts from (
  select breaker_state, breaker_until as breaker_until_at, blocked_until as blocked_until_at
  from billing.call_budget order by updated_at desc limit 1
) c;
revoke all on billing.connection from public;
grant select on billing.connection to authenticated, portal_web, portal_worker;
