"""The statements of the one row that holds an organisation's tokens; tokens.py decides about them."""

# The organisation of the settings, or the one that was connected last.
FIND = """
select organization_id, refresh_token, access_token, access_expires_at, refreshed_at, failure, failure_kind,
       retry_after, failure_credentials
from billing.oauth_tokens
where organization_id = %(organization_id)s or %(organization_id)s = ''
order by connected_at desc nulls last
limit 1
"""

# A refresh token from the environment needs a row to keep its access tokens in.
ENSURE = """
insert into billing.oauth_tokens (organization_id) values (%(organization_id)s)
on conflict (organization_id) do nothing
"""

# Only one process gets a row back: the update locks the row and looks again at what it finds there.
CLAIM = """
update billing.oauth_tokens
set refresh_lease = %(lease)s,
    refresh_lease_until = %(lease_until)s,
    refresh_attempts = %(now)s::timestamptz || array(
      select attempt from unnest(refresh_attempts) attempt where attempt > %(window_start)s)
where organization_id = %(organization_id)s
  and (refresh_lease_until is null or refresh_lease_until <= %(now)s)
  and (retry_after is null or retry_after <= %(now)s or failure_credentials <> %(credentials)s)
  and (access_expires_at is null or access_expires_at <= %(renew_if_before)s
       or refreshed_at <= %(refused_version)s)
  and (select count(*) from unnest(refresh_attempts) attempt where attempt > %(window_start)s) < %(most)s
returning refresh_token
"""

STORE = """
update billing.oauth_tokens
set access_token = %(access_token)s, access_expires_at = %(expires_at)s, refreshed_at = %(now)s,
    api_domain = %(api_domain)s, scope = coalesce(nullif(%(scope)s, ''), scope),
    failed_at = null, failure = '', failure_kind = '', retry_after = null,
    refresh_lease = null, refresh_lease_until = null, updated_at = %(now)s
where organization_id = %(organization_id)s and refresh_lease = %(lease)s
"""

FAIL = """
update billing.oauth_tokens
set failed_at = %(now)s, failure = %(failure)s, failure_kind = %(kind)s, retry_after = %(retry_after)s,
    failure_credentials = %(credentials)s,
    refresh_attempts = case when %(counts)s then refresh_attempts
                            else array_remove(refresh_attempts, %(claimed_at)s) end,
    refresh_lease = null, refresh_lease_until = null, updated_at = %(now)s
where organization_id = %(organization_id)s and refresh_lease = %(lease)s
"""

# What a fresh connection brings; everything remembered about the old one is void.
CONNECT = """
insert into billing.oauth_tokens (organization_id, refresh_token, access_token, access_expires_at, api_domain,
  accounts_server, location, scope, connected_by, connected_at, refreshed_at)
values (%(organization_id)s, %(refresh_token)s, %(access_token)s, %(expires_at)s, %(api_domain)s,
  %(accounts_server)s, %(location)s, %(scope)s, %(connected_by)s, %(now)s, %(now)s)
on conflict (organization_id) do update
set refresh_token = excluded.refresh_token, access_token = excluded.access_token,
    access_expires_at = excluded.access_expires_at, api_domain = excluded.api_domain,
    accounts_server = excluded.accounts_server, location = excluded.location, scope = excluded.scope,
    connected_by = excluded.connected_by, connected_at = excluded.connected_at,
    refreshed_at = excluded.refreshed_at,
    failed_at = null, failure = '', failure_kind = '', retry_after = null,
    refresh_lease = null, refresh_lease_until = null, refresh_attempts = '{}',
    updated_at = excluded.connected_at
"""
