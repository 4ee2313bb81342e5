-- With which credentials the accounts server refused: a corrected ZOHO_CLIENT_SECRET is tried at once.
-- depends: 0021_tell_token_failures_apart
alter table billing.oauth_tokens add column failure_credentials text not null default '';
comment on column billing.oauth_tokens.failure_credentials is
  'start of a SHA-256 over client id, client secret and refresh token: tells them apart, tells nothing else';
