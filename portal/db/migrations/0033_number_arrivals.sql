-- Whether a read of an object began after a delivery had arrived is decided by a number that both take from
-- one sequence, not by the clocks of two machines.
-- depends: 0032_add_sync_seen
create sequence billing.arrivals;
grant usage on sequence billing.arrivals to portal_web, portal_worker;
-- squawk-ignore adding-field-with-default
alter table billing.inbox add column arrival bigint not null default nextval('billing.arrivals');
alter table billing.object_reads add column last_arrival bigint;
-- Replaying gives a delivery a new number: it wants a read that begins from now on.
grant usage on sequence billing.arrivals to portal_staff;
grant update (arrival) on billing.inbox to portal_staff;
