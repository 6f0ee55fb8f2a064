-- SPDX-License-Identifier: Apache-2.0
-- cron: pg_cron's tables and functions (1.6). The app's backend runs the jobs (062_jobs.sql, src/jobs/cron.h), all times
-- in UTC. Schedules are read here and nowhere else, so that what is accepted is what runs.

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

-- One field: numbers, names, ranges, lists and steps, from low to high; null when it is none. As pg_cron, a step wants a
-- range or a star, and a range goes upwards.
create or replace function cron.freehold_field(field text, low integer, high integer, names text[]) returns integer[]
language plpgsql immutable set search_path = pg_catalog as $$
declare
  part text;
  m text[];
  first integer;
  last integer;
  step integer;
  numbers integer[] := '{}';
begin
  foreach part in array coalesce(string_to_array(lower(field), ','), '{}') loop
    m := regexp_match(part, '^(?:(\*)|([0-9]{1,4}|[a-z]+)(?:-([0-9]{1,4}|[a-z]+))?)(?:/([0-9]{1,4}))?$');
    if m is null or (m[1] is null and m[3] is null and m[4] is not null) then
      return null;
    end if;
    first := case when m[1] is not null then low when m[2] ~ '^[0-9]' then m[2]::integer
      else array_position(names, m[2]) - 1 + low end;
    last := case when m[1] is not null then high when m[3] is null then first when m[3] ~ '^[0-9]' then m[3]::integer
      else array_position(names, m[3]) - 1 + low end;
    step := coalesce(m[4]::integer, 1);
    if first is null or last is null or first < low or last > high or first > last or step < 1 or step > high then
      return null;
    end if;
    numbers := numbers || array(select generate_series(first, last, step));
  end loop;
  return case when cardinality(numbers) > 0 then numbers end;
end
$$;

-- What a schedule says: {"seconds"} or {"minutes", "hours", "days", "last" (day of the month), "months", "weekdays",
-- "either" (a day of the month or of the week is enough)} or {"reboot"}; null when it is none. As in pg_cron what follows
-- the five fields does not count.
create or replace function cron.freehold_read(schedule text) returns jsonb language plpgsql immutable
set search_path = pg_catalog as $$
declare
  m text[] := regexp_match(schedule, '^\s*([0-9]{1,2})\s*seconds?\s*$', 'i');
  f text[];
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
begin
  if m is not null then
    return case when m[1]::integer between 1 and 59 then jsonb_build_object('seconds', m[1]::integer) end;
  end if;
  f := regexp_split_to_array(btrim(schedule, E' \t\n'), '\s+');
  if f[1] in ('@reboot', '@restart') then
    return '{"reboot": true}';
  end if;
  f := case f[1] when '@yearly' then '{0,0,1,1,*}' when '@annually' then '{0,0,1,1,*}' when '@monthly' then '{0,0,1,*,*}'
    when '@weekly' then '{0,0,*,*,0}' when '@daily' then '{0,0,*,*,*}' when '@midnight' then '{0,0,*,*,*}'
    when '@hourly' then '{0,*,*,*,*}' else f end;
  minutes := cron.freehold_field(f[1], 0, 59, null);
  hours := cron.freehold_field(f[2], 0, 23, null);
  days := case when f[3] = '$' then '{}' else cron.freehold_field(f[3], 1, 31, null) end;
  months := cron.freehold_field(f[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  weekdays := cron.freehold_field(f[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat,sun}');
  if minutes is null or hours is null or days is null or months is null or weekdays is null then
    return null;
  end if;
  return jsonb_build_object('minutes', minutes, 'hours', hours, 'days', days, 'last', f[3] = '$', 'months', months,
    'weekdays', array(select w % 7 from unnest(weekdays) w), 'either', f[3] not like '*%' and f[5] not like '*%');
end
$$;

-- The first time after `since` that a schedule names; null when there is none (@reboot, the 30th of February, no schedule).
create or replace function cron.freehold_next(schedule text, since timestamptz) returns timestamptz language plpgsql immutable
set search_path = pg_catalog as $$
declare
  s constant jsonb := cron.freehold_read(schedule);
  utc constant timestamp := since at time zone 'UTC';
  today date := utc::date;
  is_day boolean;
  is_weekday boolean;
  hit timestamp;
begin
  if s is null or s ? 'reboot' then
    return null;
  end if;
  if s ? 'seconds' then
    return since + make_interval(secs => (s ->> 'seconds')::integer);
  end if;
  for i in 0 .. 3000 loop -- eight years and more: the 29th of February across 2100
    if s -> 'months' @> to_jsonb(extract(month from today)::integer) then
      is_day := s -> 'days' @> to_jsonb(extract(day from today)::integer)
        or ((s ->> 'last')::boolean and extract(day from today + 1) = 1);
      is_weekday := s -> 'weekdays' @> to_jsonb(extract(dow from today)::integer);
      if (case when (s ->> 'either')::boolean then is_day or is_weekday else is_day and is_weekday end) then
        hit := (select min(t) from (select today + make_interval(hours => h::integer, mins => m::integer) as t
               from jsonb_array_elements_text(s -> 'hours') h, jsonb_array_elements_text(s -> 'minutes') m) x
               where t > utc);
        if hit is not null then
          return hit at time zone 'UTC';
        end if;
      end if;
    end if;
    today := today + 1;
  end loop;
  return null;
end
$$;

create or replace function cron.freehold_check(schedule text) returns void language plpgsql immutable as $$
begin
  if cron.freehold_read(schedule) is null then
    raise exception 'invalid schedule: %', schedule using errcode = 'invalid_parameter_value',
      hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''.';
  end if;
end
$$;

-- Whose job may it be? Anybody's whom the caller can become.
create or replace function cron.freehold_check_user(username text) returns text language plpgsql stable as $$
begin
  if username is null then
    return current_user;
  end if;
  if not exists (select from pg_catalog.pg_roles r where r.rolname = freehold_check_user.username) then
    raise exception 'role "%" does not exist', username using errcode = 'undefined_object';
  end if;
  if not pg_catalog.pg_has_role(current_user, username, 'member') then
    raise exception 'must be member of role "%" to schedule jobs for it', username using errcode = 'insufficient_privilege';
  end if;
  return username;
end
$$;

create or replace function cron.schedule(job_name text, schedule text, command text) returns bigint language plpgsql as $$
declare
  id bigint;
begin
  if job_name is null then
    raise exception 'job_name can not be NULL';
  end if;
  if schedule is null then
    raise exception 'schedule can not be NULL';
  end if;
  if command is null then
    raise exception 'command can not be NULL';
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
  values (job_name, schedule, command, database, cron.freehold_check_user(username), active)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database, active = excluded.active
  returning j.jobid into id;
  return id;
end
$$;
create or replace function cron.alter_job(job_id bigint, schedule text default null, command text default null,
  database text default null, username text default null, active boolean default null) returns void language plpgsql as $$
begin
  if coalesce(schedule, command, database, username, active::text) is null then
    raise exception 'no updates specified'
      using hint = 'You must specify at least one job attribute to change when calling alter_job';
  end if;
  if schedule is not null then
    perform cron.freehold_check(schedule);
  end if;
  update cron.job j set schedule = coalesce(alter_job.schedule, j.schedule), command = coalesce(alter_job.command, j.command),
    database = coalesce(alter_job.database, j.database), username = case when alter_job.username is null then j.username else cron.freehold_check_user(alter_job.username) end,
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

-- Whoever changes jobs wakes what runs them.
create or replace function cron.freehold_changed() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_notify('freehold_jobs', '');
  return null;
end
$$;
create or replace trigger freehold_changed after insert or update or delete on cron.job for each statement
  execute function cron.freehold_changed();
create index if not exists job_run_details_jobid_idx on cron.job_run_details (jobid, runid);

reset role;
