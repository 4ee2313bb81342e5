-- Who may use the job queue: the web enqueues in its own transaction (JOB-01), the worker works, staff
-- look. Jobs carry ids only, no account's data, so row-level security there guards against other roles.
do $$
declare
  name text;
begin
  for name in select tablename from pg_tables where schemaname = 'jobs' loop
    execute format('alter table jobs.%I enable row level security', name);
    execute format('create policy %I on jobs.%I to portal_web, portal_worker using (true) with check (true)',
                   name || '_queue', name);
    execute format('create policy %I on jobs.%I for select to portal_staff using (true)', name || '_staff', name);
  end loop;
end
$$;
grant select, insert, update, delete on all tables in schema jobs to portal_web, portal_worker;
grant select on all tables in schema jobs to portal_staff;
grant usage on all sequences in schema jobs to portal_web, portal_worker;
revoke execute on all functions in schema jobs from public;
grant execute on all functions in schema jobs to portal_web, portal_worker, portal_staff;
