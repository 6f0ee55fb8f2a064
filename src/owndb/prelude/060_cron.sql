-- SPDX-License-Identifier: Apache-2.0
-- cron: pg_cron's tables and functions. Jobs are stored; nothing runs them yet, and owndb_promises says so by name.

create schema if not exists cron authorization postgres;

set local role postgres;

create table if not exists cron.job (
  jobid bigserial not null,
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default 5432,
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint job_pkey primary key (jobid),
  constraint jobname_username_uniq unique (jobname, username)
);
create table if not exists cron.job_run_details (
  jobid bigint,
  runid bigserial not null,
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz,
  constraint job_run_details_pkey primary key (runid)
);

-- Five fields of numbers, names, ranges, lists and steps ($ is the last day of a month), "@daily" and kin, or "30 seconds".
create or replace function cron.freehold_check(schedule text) returns void language plpgsql immutable as $$
declare
  field constant text := '(\*|[0-9a-z]+(-[0-9a-z]+)?|\$)(/[0-9]+)?';
  fields constant text := field || '(,' || field || ')*';
begin
  if schedule !~* ('^\s*' || fields || '(\s+' || fields || '){4}\s*$')
    and schedule !~* '^\s*@(yearly|annually|monthly|weekly|daily|midnight|hourly|reboot)\s*$'
    and schedule !~* '^\s*([1-9]|[1-5][0-9])\s+seconds?\s*$' then
    raise exception 'invalid schedule: %', schedule
      using hint = 'Write five fields as in cron (''0 3 * * *'') or ''[1-59] seconds''.';
  end if;
end
$$;

create or replace function cron.schedule(job_name text, schedule text, command text) returns bigint language plpgsql as $$
declare
  id bigint;
begin
  if job_name is null then
    raise exception 'job_name can not be NULL';
  end if;
  perform cron.freehold_check(schedule);
  insert into cron.job as j (jobname, schedule, command) values (job_name, schedule, command)
  on conflict on constraint jobname_username_uniq do update set schedule = excluded.schedule, command = excluded.command
  returning j.jobid into id;
  return id;
end
$$;
create or replace function cron.schedule(schedule text, command text) returns bigint language plpgsql as $$
declare
  id bigint;
begin
  perform cron.freehold_check(schedule);
  insert into cron.job as j (schedule, command) values (schedule, command) returning j.jobid into id;
  return id;
end
$$;
create or replace function cron.schedule_in_database(job_name text, schedule text, command text, database text,
  username text default null, active boolean default true) returns bigint language plpgsql as $$
declare
  id bigint;
begin
  perform cron.freehold_check(schedule);
  insert into cron.job as j (jobname, schedule, command, database, username, active)
  values (job_name, schedule, command, database, coalesce(username, current_user), active)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database, active = excluded.active
  returning j.jobid into id;
  return id;
end
$$;
create or replace function cron.alter_job(job_id bigint, schedule text default null, command text default null,
  database text default null, username text default null, active boolean default null) returns void language plpgsql as $$
begin
  if schedule is not null then
    perform cron.freehold_check(schedule);
  end if;
  update cron.job j set schedule = coalesce(alter_job.schedule, j.schedule), command = coalesce(alter_job.command, j.command),
    database = coalesce(alter_job.database, j.database), username = coalesce(alter_job.username, j.username),
    active = coalesce(alter_job.active, j.active)
  where j.jobid = job_id;
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end
$$;
create or replace function cron.unschedule(job_id bigint) returns boolean language plpgsql as $$
begin
  delete from cron.job where jobid = job_id;
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_id;
  end if;
  return true;
end
$$;
create or replace function cron.unschedule(job_name text) returns boolean language plpgsql as $$
begin
  delete from cron.job where jobname = job_name and username = current_user;
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_name;
  end if;
  return true;
end
$$;

reset role;
