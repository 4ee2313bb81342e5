-- Postgres lets everybody execute a new function, and default privileges of one schema cannot take that
-- back (0001 tried). So it is taken back function by function; a test of the catalogue finds the next one.
-- depends: 0010_add_refresh_lease

revoke execute on all functions in schema billing from public;
