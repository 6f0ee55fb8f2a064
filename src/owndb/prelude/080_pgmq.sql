-- SPDX-License-Identifier: Apache-2.0
-- pgmq: message queues as tables, with the functions of the extension of that name. Real, not recorded: a queue is q_NAME,
-- its archive a_NAME; a message that was read stays hidden until its vt, and comes back unless it was deleted.

create schema if not exists pgmq authorization postgres;

set local role postgres;

create table if not exists pgmq.meta (
  queue_name varchar not null,
  is_partitioned boolean not null,
  is_unlogged boolean not null,
  created_at timestamptz not null default now(),
  constraint meta_queue_name_key unique (queue_name)
);

do $$
begin
  if to_regtype('pgmq.message_record') is null then
    create type pgmq.message_record as (
      msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb);
    create type pgmq.queue_record as (
      queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz);
    create type pgmq.metrics_result as (
      queue_name text, queue_length bigint, newest_msg_age_sec integer, oldest_msg_age_sec integer, total_messages bigint,
      scrape_time timestamptz, queue_visible_length bigint);
  end if;
end
$$;

-- The table of a queue ('q') or of its archive ('a'), quoted for format's %s. Names are folded to lower case.
create or replace function pgmq.freehold_table(queue_name text, prefix text) returns text language plpgsql immutable as $$
begin
  if queue_name is null or queue_name !~* '^[a-z0-9_-]{1,47}$' then
    raise exception 'queue name "%" is not usable', queue_name
      using hint = 'Use letters, digits, "_" and "-", 47 of them at most.';
  end if;
  return format('pgmq.%I', prefix || '_' || lower(queue_name));
end
$$;

create or replace function pgmq.freehold_create(queue_name text, is_unlogged boolean) returns void language plpgsql as $$
declare
  q constant text := pgmq.freehold_table(queue_name, 'q');
  a constant text := pgmq.freehold_table(queue_name, 'a');
begin
  execute format('create %s table if not exists %s (
    msg_id bigint primary key generated always as identity, read_ct integer not null default 0,
    enqueued_at timestamptz not null default now(), vt timestamptz not null, message jsonb, headers jsonb)',
    case when is_unlogged then 'unlogged' else '' end, q);
  execute format('create table if not exists %s (
    msg_id bigint primary key, read_ct integer not null default 0, enqueued_at timestamptz not null default now(),
    archived_at timestamptz not null default now(), vt timestamptz not null, message jsonb, headers jsonb)', a);
  execute format('create index if not exists %I on %s (vt)', 'q_' || lower(queue_name) || '_vt_idx', q);
  execute format('create index if not exists %I on %s (archived_at)', 'archived_at_idx_' || lower(queue_name), a);
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values (lower(queue_name), false, is_unlogged)
  on conflict on constraint meta_queue_name_key do nothing;
end
$$;
create or replace function pgmq.create(queue_name text) returns void language sql as $$
  select pgmq.freehold_create(queue_name, false)
$$;
create or replace function pgmq.create_non_partitioned(queue_name text) returns void language sql as $$
  select pgmq.freehold_create(queue_name, false)
$$;
create or replace function pgmq.create_unlogged(queue_name text) returns void language sql as $$
  select pgmq.freehold_create(queue_name, true)
$$;

create or replace function pgmq.drop_queue(queue_name text) returns boolean language plpgsql as $$
begin
  execute format('drop table if exists %s, %s', pgmq.freehold_table(queue_name, 'q'), pgmq.freehold_table(queue_name, 'a'));
  delete from pgmq.meta m where m.queue_name = lower(drop_queue.queue_name);
  return found;
end
$$;

create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay timestamptz)
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'insert into %s (vt, message, headers) select $3, m, h from unnest($1, $2) as t (m, h) returning msg_id',
    pgmq.freehold_table(queue_name, 'q')) using msgs, headers, delay;
end
$$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer default 0)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null::jsonb[], clock_timestamp() + make_interval(secs => delay))
$$;
create or replace function pgmq.send(queue_name text, msg jsonb, delay integer default 0) returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, array[msg], null::jsonb[], clock_timestamp() + make_interval(secs => delay))
$$;
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay integer default 0)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, array[msg], array[headers], clock_timestamp() + make_interval(secs => delay))
$$;

create or replace function pgmq.read(queue_name text, vt integer, qty integer) returns setof pgmq.message_record
language plpgsql as $$
begin
  return query execute format(
    'with picked as (
       select msg_id from %1$s where vt <= clock_timestamp() order by msg_id limit $1 for update skip locked)
     update %1$s q set vt = clock_timestamp() + make_interval(secs => $2), read_ct = q.read_ct + 1
     from picked where picked.msg_id = q.msg_id
     returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
    pgmq.freehold_table(queue_name, 'q')) using qty, vt;
end
$$;
create or replace function pgmq.pop(queue_name text) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'delete from %1$s where msg_id = (
       select msg_id from %1$s where vt <= clock_timestamp() order by msg_id limit 1 for update skip locked)
     returning msg_id, read_ct, enqueued_at, vt, message, headers', pgmq.freehold_table(queue_name, 'q'));
end
$$;
create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt integer) returns setof pgmq.message_record
language plpgsql as $$
begin
  return query execute format(
    'update %s set vt = clock_timestamp() + make_interval(secs => $2) where msg_id = $1
     returning msg_id, read_ct, enqueued_at, vt, message, headers', pgmq.freehold_table(queue_name, 'q')) using msg_id, vt;
end
$$;

create or replace function pgmq.delete(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
  return query execute format('delete from %s where msg_id = any($1) returning msg_id',
    pgmq.freehold_table(queue_name, 'q')) using msg_ids;
end
$$;
create or replace function pgmq.delete(queue_name text, msg_id bigint) returns boolean language sql as $$
  select exists (select pgmq.delete(queue_name, array[msg_id]))
$$;
create or replace function pgmq.archive(queue_name text, msg_ids bigint[]) returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'with gone as (delete from %s where msg_id = any($1) returning msg_id, read_ct, enqueued_at, vt, message, headers)
     insert into %s (msg_id, read_ct, enqueued_at, vt, message, headers) select * from gone returning msg_id',
    pgmq.freehold_table(queue_name, 'q'), pgmq.freehold_table(queue_name, 'a')) using msg_ids;
end
$$;
create or replace function pgmq.archive(queue_name text, msg_id bigint) returns boolean language sql as $$
  select exists (select pgmq.archive(queue_name, array[msg_id]))
$$;
create or replace function pgmq.purge_queue(queue_name text) returns bigint language plpgsql as $$
declare
  purged bigint;
begin
  execute format('delete from %s', pgmq.freehold_table(queue_name, 'q'));
  get diagnostics purged = row_count;
  return purged;
end
$$;

create or replace function pgmq.list_queues() returns setof pgmq.queue_record language sql stable as $$
  select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta
$$;
create or replace function pgmq.metrics(queue_name text) returns pgmq.metrics_result language plpgsql as $$
declare
  result pgmq.metrics_result;
begin
  execute format(
    'select $1, count(*), extract(epoch from clock_timestamp() - max(enqueued_at))::integer,
       extract(epoch from clock_timestamp() - min(enqueued_at))::integer,
       coalesce((select s.last_value from pg_catalog.pg_sequences s
                 where format(''%%I.%%I'', s.schemaname, s.sequencename)::regclass
                   = pg_get_serial_sequence($2, ''msg_id'')::regclass), 0),
       clock_timestamp(), count(*) filter (where vt <= clock_timestamp())
     from %s', pgmq.freehold_table(queue_name, 'q'))
  using queue_name, pgmq.freehold_table(queue_name, 'q') into result;
  return result;
end
$$;

-- The further shapes of the same functions.
create or replace function pgmq.send(queue_name text, msg jsonb, delay timestamptz) returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, array[msg], null::jsonb[], delay)
$$;
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz) returns setof bigint
language sql as $$
  select pgmq.send_batch(queue_name, array[msg], array[headers], delay)
$$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay timestamptz) returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null::jsonb[], delay)
$$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[]) returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp())
$$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay integer) returns setof bigint
language sql as $$
  select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp() + make_interval(secs => delay))
$$;

create or replace function pgmq.read(queue_name text, vt integer, qty integer, conditional jsonb)
returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'with picked as (
       select msg_id from %1$s where vt <= clock_timestamp() and case when $3 <> ''{}'' then message @> $3 else true end
       order by msg_id limit $1 for update skip locked)
     update %1$s q set vt = clock_timestamp() + make_interval(secs => $2), read_ct = q.read_ct + 1
     from picked where picked.msg_id = q.msg_id
     returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
    pgmq.freehold_table(queue_name, 'q')) using qty, vt, coalesce(conditional, '{}');
end
$$;
-- Reads again until there is something or the time is over. Each look is a statement of its own, so that it sees what was
-- committed meanwhile.
create or replace function pgmq.read_with_poll(queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, conditional jsonb default '{}')
returns setof pgmq.message_record language plpgsql as $$
declare
  until_at constant timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
begin
  loop
    return query select * from pgmq.read(queue_name, vt, qty, conditional);
    if found or clock_timestamp() >= until_at then
      return;
    end if;
    perform pg_sleep(greatest(poll_interval_ms, 10) / 1000.0);
  end loop;
end
$$;
create or replace function pgmq.pop(queue_name text, qty integer) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'with picked as (
       select msg_id from %1$s where vt <= clock_timestamp() order by msg_id limit $1 for update skip locked)
     delete from %1$s q using picked where q.msg_id = picked.msg_id
     returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers', pgmq.freehold_table(queue_name, 'q')) using qty;
end
$$;

-- pg_partman is not here.
create or replace function pgmq.create_partitioned(queue_name text, partition_interval text default '10000',
  retention_interval text default '100000') returns void language plpgsql as $$
begin
  raise warning 'the queue % is made without partitions, and keeps its messages until they are deleted', queue_name
    using hint = 'pg_partman is not part of this database.';
  perform pgmq.freehold_create(queue_name, false);
end
$$;
create or replace function pgmq.drop_queue(queue_name text, partitioned boolean) returns boolean language sql as $$
  select pgmq.drop_queue(queue_name)
$$;
create or replace function pgmq.detach_archive(queue_name text) returns void language sql as $$ select $$;
create or replace function pgmq.metrics_all() returns setof pgmq.metrics_result language sql as $$
  select (pgmq.metrics(queue_name)).* from pgmq.meta
$$;

reset role;

-- As where queues are exposed to the API: by these names, for whoever may use the queue's own tables.
grant usage on schema pgmq to service_role;
grant all on all tables in schema pgmq to service_role;
grant all on all sequences in schema pgmq to service_role;
alter default privileges for role postgres in schema pgmq grant all on tables to service_role;
alter default privileges for role postgres in schema pgmq grant all on sequences to service_role;

create schema if not exists pgmq_public authorization postgres;
grant usage on schema pgmq_public to anon, authenticated, service_role;

set local role postgres;

create or replace function pgmq_public.send(queue_name text, message jsonb, sleep_seconds integer default 0)
returns setof bigint language sql set search_path = '' as $$
  select pgmq.send(queue_name, message, sleep_seconds)
$$;
create or replace function pgmq_public.send_batch(queue_name text, messages jsonb[], sleep_seconds integer default 0)
returns setof bigint language sql set search_path = '' as $$
  select pgmq.send_batch(queue_name, messages, sleep_seconds)
$$;
create or replace function pgmq_public.read(queue_name text, sleep_seconds integer, n integer)
returns setof pgmq.message_record language sql set search_path = '' as $$
  select * from pgmq.read(queue_name, sleep_seconds, n)
$$;
create or replace function pgmq_public.pop(queue_name text) returns setof pgmq.message_record language sql set search_path = '' as $$
  select * from pgmq.pop(queue_name)
$$;
create or replace function pgmq_public.archive(queue_name text, message_id bigint) returns boolean language sql
set search_path = '' as $$
  select pgmq.archive(queue_name, message_id)
$$;
create or replace function pgmq_public.delete(queue_name text, message_id bigint) returns boolean language sql
set search_path = '' as $$
  select pgmq.delete(queue_name, message_id)
$$;

reset role;
