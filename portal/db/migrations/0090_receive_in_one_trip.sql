-- What several deliveries bring is kept by one call: identity, inbox rows and their jobs in one round trip and
-- one commit, however many came at the same moment (docs/decisions/0090). A function keeps its plans where
-- prepared statements may not be used (a transaction pooler).
-- depends: 0052_note_zoho_clock

-- told is a list of rows, bodies[n] the body of the nth or empty. Returns the keys that are new. Rows and jobs
-- are written in the order of their keys, so that two processes never wait for each other in a circle.
create function billing.store_deliveries(told jsonb, bodies bytea[]) returns text[]
language plpgsql as $$
declare
  fresh text[];
begin
  -- what is acknowledged must survive the server (WH-05), whatever the database's default is
  perform set_config('synchronous_commit', 'on', true);
  with added as (
    insert into billing.inbox
      (dedupe_key, kind, event_id, event_type, event_time, object_kind, object_zoho_id, related, body,
       secret_used, flags, sender, state, received_at, next_attempt_at)
    select d ->> 'dedupe_key', d ->> 'kind', d ->> 'event_id', d ->> 'event_type',
           (d ->> 'event_time')::timestamptz, d ->> 'object_kind', d ->> 'object_zoho_id', d -> 'related',
           nullif(bodies[n], ''), (d ->> 'secret_used')::smallint, string_to_array(d ->> 'flags', ' '),
           d ->> 'sender', d ->> 'state', (d ->> 'now')::timestamptz, (d ->> 'now')::timestamptz
    from jsonb_array_elements(told) with ordinality as rows (d, n)
    order by 1
    on conflict (dedupe_key) do nothing
    returning dedupe_key)
  select array_agg(dedupe_key) into fresh from added;
  return coalesce(fresh, '{}');
end
$$;

-- What procrastinate's own function does, but a job that waits already is no error: no savepoint, no second
-- round trip, and nothing to parse out of a message that row-level security shortens. Returns how many are new.
create function billing.defer_jobs(wanted jsonb) returns bigint
language plpgsql as $$
declare
  added bigint;
begin
  insert into jobs.procrastinate_jobs
    (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
  select job ->> 'queue', job ->> 'task', (job ->> 'priority')::integer, job ->> 'lock', job ->> 'once',
         job -> 'arguments', (job ->> 'at')::timestamptz
  from jsonb_array_elements(wanted) as told (job)
  order by job ->> 'once'
  on conflict (queueing_lock) where status = 'todo' do nothing;
  get diagnostics added = row_count;
  return added;
end
$$;

-- The webhook receiver's one statement, which is a transaction of its own and takes its role itself.
-- A row of told that wants a job names it as job.
create function billing.receive_deliveries(told jsonb, bodies bytea[]) returns text[]
language plpgsql as $$
declare
  fresh text[];
begin
  perform set_config('role', 'portal_web', true),
          set_config('request.jwt.claims', '{"role": "portal_web"}', true),
          set_config('search_path', 'billing, jobs', true);
  fresh := billing.store_deliveries(told, bodies);
  perform billing.defer_jobs(jsonb_agg(d -> 'job'))
  from jsonb_array_elements(told) as rows (d)
  where d ? 'job' and d ->> 'dedupe_key' = any (fresh);
  return fresh;
end
$$;

revoke execute on function billing.store_deliveries(jsonb, bytea[]), billing.defer_jobs(jsonb),
  billing.receive_deliveries(jsonb, bytea[]) from public;
grant execute on function billing.store_deliveries(jsonb, bytea[]), billing.defer_jobs(jsonb)
  to portal_web, portal_worker;
