-- SPDX-License-Identifier: Apache-2.0
-- freehold_jobs: what the backend keeps to run cron's jobs and to send net's requests, and how it asks for work. Its
-- functions run as its own role and never as the superuser, since the tables of cron and net are the app's, triggers and all.

create schema if not exists freehold_jobs authorization freehold_jobs;
grant usage on schema freehold_jobs, cron, net to freehold_jobs;
grant usage on schema freehold_jobs to postgres;
grant select on cron.job to freehold_jobs;
grant select, insert, update, delete on cron.job_run_details to freehold_jobs;
grant usage on sequence cron.job_run_details_runid_seq to freehold_jobs;
grant execute on function cron.freehold_next(text, timestamptz) to freehold_jobs;
grant select, update, delete on net.http_request_queue to freehold_jobs; -- update: to lock rows
grant select, insert, delete on net._http_response to freehold_jobs;

set local role freehold_jobs;

-- When each active job is due. waits_since: it was due then and has not begun, since it runs still or all places are taken;
-- however often it is due meanwhile, it runs once.
create table if not exists freehold_jobs.due (
  jobid bigint primary key,
  schedule text not null,
  due_at timestamptz,
  waits_since timestamptz
);
-- What runs, and on which connection: a run whose connection is gone has ended, whatever became of it.
create table if not exists freehold_jobs.run (
  runid bigint primary key,
  jobid bigint not null,
  claimed_at timestamptz not null default now(),
  pid integer,
  backend_start timestamptz
);
create table if not exists freehold_jobs.state (
  is_one boolean primary key default true check (is_one),
  started_at timestamptz, -- of PostgreSQL, for @reboot
  is_paused boolean not null default false
);
insert into freehold_jobs.state default values on conflict do nothing;
grant select on freehold_jobs.due, freehold_jobs.run, freehold_jobs.state to postgres;

create or replace function freehold_jobs.end_lost() returns void language sql set search_path = pg_catalog as $$
  with lost as (
    delete from freehold_jobs.run r
    where case when r.pid is null then r.claimed_at < now() - interval '30 seconds'
      else not exists (select from pg_stat_activity a where a.pid = r.pid and a.backend_start = r.backend_start) end
    returning r.runid)
  update cron.job_run_details d set status = 'failed', return_message = 'server restarted', end_time = now()
  from lost where d.runid = lost.runid and d.status in ('starting', 'connecting', 'sending', 'running')
$$;

-- The table of due times in step with cron.job. A job by seconds is due at once, any other when its schedule says.
create or replace function freehold_jobs.follow() returns void language sql set search_path = pg_catalog as $$
  delete from freehold_jobs.due d
  where not exists (select from cron.job j where j.jobid = d.jobid and j.active and j.schedule = d.schedule);
  insert into freehold_jobs.due (jobid, schedule, due_at)
  select j.jobid, j.schedule,
    case when cron.freehold_read(j.schedule) ? 'seconds' then now() else cron.freehold_next(j.schedule, now()) end
  from cron.job j where j.active and not exists (select from freehold_jobs.due d where d.jobid = j.jobid)
$$;

-- What was due longer than a minute ago was missed and is not made up: nothing ran meanwhile.
create or replace function freehold_jobs.note_due() returns void language sql set search_path = pg_catalog as $$
  update freehold_jobs.due d set
    waits_since = case when d.due_at < now() - interval '1 minute' and not cron.freehold_read(d.schedule) ? 'seconds'
      then d.waits_since else coalesce(d.waits_since, d.due_at) end,
    due_at = cron.freehold_next(d.schedule, now())
  where d.due_at <= now()
$$;

-- After a start: what waited before is missed too, and where PostgreSQL has started since, @reboot is due.
-- Not "begin": psql would take a dump's CREATE FUNCTION of that name for the beginning of a body, and read on for its END.
drop function if exists freehold_jobs.begin();
create or replace function freehold_jobs.began() returns void language plpgsql set search_path = pg_catalog as $$
begin
  update freehold_jobs.due set waits_since = null where waits_since < now() - interval '1 minute';
  update freehold_jobs.state set started_at = pg_postmaster_start_time()
  where started_at is distinct from pg_postmaster_start_time();
  if found then
    update freehold_jobs.due d set waits_since = now() where cron.freehold_read(d.schedule) ? 'reboot';
  end if;
end
$$;

-- Claims what is to run now, `places` at most. The lock makes it one at a time, however many backends ask. Jobs of the
-- superuser are not run, as where pg_cron is told so.
create or replace function freehold_jobs.claim(places integer, is_first boolean)
returns table (runid bigint, database text, username text, command text) language plpgsql set search_path = pg_catalog as $$
declare
  j record;
begin
  lock table freehold_jobs.due in share row exclusive mode;
  perform freehold_jobs.end_lost(), freehold_jobs.follow();
  if is_first then
    perform freehold_jobs.began();
  end if;
  perform freehold_jobs.note_due();
  if (select s.is_paused from freehold_jobs.state s) then
    update freehold_jobs.due d set waits_since = null where d.waits_since is not null;
  end if;
  for j in
    select d.jobid, c.database, c.username, c.command from freehold_jobs.due d join cron.job c on c.jobid = d.jobid
    where d.waits_since is not null and not exists (select from freehold_jobs.run r where r.jobid = d.jobid)
    order by d.waits_since, d.jobid limit places
  loop
    insert into cron.job_run_details as n (jobid, database, username, command, status)
    values (j.jobid, j.database, j.username, j.command, 'starting') returning n.runid into runid;
    insert into freehold_jobs.run (runid, jobid) values (claim.runid, j.jobid);
    update freehold_jobs.due d set waits_since = null where d.jobid = j.jobid;
    database := j.database;
    username := j.username;
    command := j.command;
    return next;
  end loop;
end
$$;

-- Milliseconds until something is due; null: nothing is.
create or replace function freehold_jobs.wake_ms() returns bigint language sql stable set search_path = pg_catalog as $$
  select case when min(d.due_at) is not null then -- greatest() would make 0, "now", of nothing
    greatest(ceil(1000 * extract(epoch from min(d.due_at) - clock_timestamp())), 0)::bigint end from freehold_jobs.due d
$$;

create or replace function freehold_jobs.set_running(this bigint, process integer) returns void language sql
set search_path = pg_catalog as $$
  update freehold_jobs.run r set pid = process, backend_start = a.backend_start
  from pg_stat_activity a where r.runid = this and a.pid = process;
  update cron.job_run_details d set status = 'running', job_pid = process, start_time = now() where d.runid = this
$$;
create or replace function freehold_jobs.set_ended(this bigint, status text, message text) returns void language sql
set search_path = pg_catalog as $$
  update cron.job_run_details d set status = set_ended.status, return_message = message, end_time = now(),
    start_time = coalesce(d.start_time, now())
  where d.runid = this and exists (select from freehold_jobs.run r where r.runid = this);
  delete from freehold_jobs.run r where r.runid = this
$$;

-- History: seven days, and ten thousand runs.
create or replace function freehold_jobs.forget() returns void language sql set search_path = pg_catalog as $$
  delete from cron.job_run_details d
  where (d.runid <= (select max(x.runid) - 10000 from cron.job_run_details x) or d.end_time < now() - interval '7 days')
    and not exists (select from freehold_jobs.run r where r.runid = d.runid)
$$;

-- net's requests that were claimed, each until it must have ended. Nobody sends it a second time.
create table if not exists freehold_jobs.request (
  id bigint primary key,
  lease_until timestamptz not null
);
grant select on freehold_jobs.request to postgres;

-- What ends by time: requests whose sender died, those that waited for a day, answers of six hours ago. Is anything left
-- that will?
create or replace function freehold_jobs.sweep_net() returns boolean language plpgsql set search_path = pg_catalog as $$
begin
  with gone as (delete from freehold_jobs.request r where r.lease_until < now() returning r.id)
  insert into net._http_response (id, timed_out, error_msg)
  select gone.id, false, 'its sender ended while it was under way: whether it arrived is not known' from gone;
  with gone as (delete from net.http_request_queue q where q.recorded_at < now() - interval '1 day' returning q.id)
  insert into net._http_response (id, timed_out, error_msg)
  select gone.id, false, 'it waited for more than a day and was not sent' from gone;
  delete from net._http_response r where r.created < now() - interval '6 hours';
  return exists (select from freehold_jobs.request) or exists (select from net._http_response)
    or exists (select from net.http_request_queue);
end
$$;

reset role;
revoke execute on all functions in schema freehold_jobs from public;

-- For the owner: freehold cron APP pause, resume, run JOB.
create or replace function freehold_jobs.pause(is_paused boolean) returns void language sql security definer
set search_path = pg_catalog as $$
  update freehold_jobs.state set is_paused = pause.is_paused;
  select pg_notify('freehold_jobs', '')
$$;
create or replace function freehold_jobs.run_now(this bigint) returns boolean language plpgsql security definer
set search_path = pg_catalog as $$
begin
  perform freehold_jobs.follow();
  update freehold_jobs.due d set waits_since = now()
  where d.jobid = this and not (select s.is_paused from freehold_jobs.state s);
  if not found then
    return false;
  end if;
  perform pg_notify('freehold_jobs', '');
  return true;
end
$$;
alter function freehold_jobs.pause(boolean) owner to freehold_jobs;
alter function freehold_jobs.run_now(bigint) owner to freehold_jobs;
revoke execute on function freehold_jobs.pause(boolean), freehold_jobs.run_now(bigint) from public;
grant execute on function freehold_jobs.pause(boolean), freehold_jobs.run_now(bigint) to postgres;
