-- What kind of failure is remembered: a refusal asks for a person, the others pass by themselves.
-- depends: 0020_extend_zoho_connection
alter table billing.oauth_tokens
  add column failure_kind text not null default ''
  constraint oauth_tokens_failure_kind_check check (failure_kind in ('', 'refused', 'throttled', 'unreachable'));
grant select (failure_kind) on billing.oauth_tokens to portal_staff;
