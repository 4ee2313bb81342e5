-- Two columns that let several processes share one decision without holding a transaction open:
-- who is refreshing a session's tokens at the moment (SB-07), and when a counter was last hit, from
-- which the growing delay after failed sign-ins is counted (AUT-04).
-- depends: 0004_create_doing

alter table billing.sessions add column refreshing_until timestamptz;
alter table billing.rate_limits add column last_hit_at timestamptz;
