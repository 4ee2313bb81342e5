-- Who is asking Zoho for the hosted page of an attempt right now: two clicks in two processes ask once.
-- depends: 0004_create_doing
alter table billing.checkouts add column lease_until timestamptz;
