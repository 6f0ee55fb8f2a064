-- SPDX-License-Identifier: Apache-2.0
-- realtime: what policies and triggers name, in upstream's names, and what the backend asks (freehold_...). Changes of tables
-- are read from the log of changes; realtime.subscription and its types are there because dumps and tools name them.

create schema if not exists realtime authorization supabase_realtime_admin;
grant usage on schema realtime to anon, authenticated, service_role, authenticator, postgres, dashboard_user;

set local role supabase_realtime_admin;

-- Messages, a partition for each day. A plain table of an earlier edition gives its policies to this one; its rows, which nobody
-- waits for any more, go with it.
do $$
declare
  p record;
begin
  if exists (select from pg_catalog.pg_class where oid = pg_catalog.to_regclass('realtime.messages') and relkind = 'r') then
    alter table realtime.messages rename to messages_plain;
    alter table realtime.messages_plain rename constraint messages_pkey to messages_plain_pkey;
    alter index if exists realtime.messages_inserted_at_idx rename to messages_plain_inserted_at_idx;
  end if;
  create table if not exists realtime.messages (
    topic text not null,
    extension text not null,
    payload jsonb,
    event text,
    private boolean default false,
    updated_at timestamp not null default now(),
    inserted_at timestamp not null default now(),
    id uuid not null default gen_random_uuid(),
    binary_payload bytea,
    constraint messages_pkey primary key (id, inserted_at)
  ) partition by range (inserted_at);
  if pg_catalog.to_regclass('realtime.messages_plain') is null then
    return;
  end if;
  for p in select * from pg_catalog.pg_policies where schemaname = 'realtime' and tablename = 'messages_plain' loop
    execute pg_catalog.concat(
      pg_catalog.format('create policy %I on realtime.messages as %s for %s to ', p.policyname, p.permissive, p.cmd),
      (select pg_catalog.string_agg(case when r = 'public' then 'public' else pg_catalog.format('%I', r) end, ', ')
       from pg_catalog.unnest(p.roles) r),
      ' using (' || p.qual || ')', ' with check (' || p.with_check || ')');
  end loop;
  drop table realtime.messages_plain;
end
$$;
create index if not exists messages_inserted_at_topic_index on realtime.messages (inserted_at desc, topic)
  where extension = 'broadcast' and private;
alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant all on realtime.messages to postgres, dashboard_user;

-- Partitions from yesterday to in three days; those older than three days go, and their messages with them.
create or replace function realtime.freehold_partitions() returns void language plpgsql security definer
set search_path = '' as $$
declare
  today constant date := (pg_catalog.now() at time zone 'UTC')::date;
  day date;
  name text;
begin
  perform pg_catalog.pg_advisory_xact_lock(7305001);
  for i in -1..3 loop
    day := today + i;
    name := 'messages_' || pg_catalog.to_char(day, 'YYYY_MM_DD');
    if pg_catalog.to_regclass('realtime.' || name) is null then
      execute pg_catalog.format('create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
                                name, day, day + 1);
      execute pg_catalog.format('alter table realtime.%I enable row level security', name);
    end if;
  end loop;
  for name in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'realtime.messages'::regclass and c.relname ~ '^messages_\d{4}_\d\d_\d\d$'
      and pg_catalog.to_date(pg_catalog.substr(c.relname, 10), 'YYYY_MM_DD') < today - 3
  loop
    execute pg_catalog.format('drop table realtime.%I', name);
  end loop;
end
$$;
select realtime.freehold_partitions();

create or replace function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')::text
$$;

-- Sends to a topic. As its caller: on a private topic the policies decide. What cannot be sent is a warning, so that the
-- change that a trigger reports is never undone by it.
drop function if exists realtime.send(jsonb, text, text, boolean);
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  new_id constant uuid := pg_catalog.gen_random_uuid();
  whole constant jsonb := case when payload ? 'id' then payload
    else pg_catalog.jsonb_set(payload, '{id}', pg_catalog.to_jsonb(new_id)) end;
begin
  perform pg_catalog.set_config('realtime.topic', topic, true);
  begin
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (new_id, whole, event, topic, private, 'broadcast');
  exception when check_violation then -- a day without a partition
    perform realtime.freehold_partitions();
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (new_id, whole, event, topic, private, 'broadcast');
  end;
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
returns void language plpgsql as $$
begin
  perform pg_catalog.set_config('realtime.topic', topic, true);
  begin
    insert into realtime.messages (binary_payload, event, topic, private, extension)
    values (payload, event, topic, private, 'broadcast');
  exception when check_violation then
    perform realtime.freehold_partitions();
    insert into realtime.messages (binary_payload, event, topic, private, extension)
    values (payload, event, topic, private, 'broadcast');
  end;
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create or replace function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text,
  table_schema text, new record, old record, level text default 'ROW')
returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  if operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    pg_catalog.jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name,
                                  'schema', table_schema),
    event_name, topic_name);
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end
$$;

-- What a caller may do on a topic (realtime/policy.h). Rows are put in and looked for, or tried to be put in, as the caller;
-- the subtransaction takes them back, and with them the role and the claims. No search_path of its own: what policies
-- call finds what it finds elsewhere.
create or replace function realtime.freehold_plant(topic text) returns uuid[] language plpgsql security definer
set search_path = '' as $$
declare
  ids uuid[];
begin
  with planted as (
    insert into realtime.messages (topic, extension) values (topic, 'broadcast'), (topic, 'presence') returning id)
  select pg_catalog.array_agg(planted.id) into ids from planted;
  return ids;
exception when check_violation then
  perform realtime.freehold_partitions();
  with planted as (
    insert into realtime.messages (topic, extension) values (topic, 'broadcast'), (topic, 'presence') returning id)
  select pg_catalog.array_agg(planted.id) into ids from planted;
  return ids;
end
$$;
revoke all on function realtime.freehold_plant(text) from public;
grant execute on function realtime.freehold_plant(text) to authenticator;

create or replace function realtime.freehold_become(caller text, claims jsonb, topic text) returns void language sql as $$
  select pg_catalog.set_config('request.jwt.claims', claims::text, true),
         pg_catalog.set_config('request.jwt.claim.sub', coalesce(claims ->> 'sub', ''), true),
         pg_catalog.set_config('request.jwt.claim.role', caller, true),
         pg_catalog.set_config('request.headers', '{}', true),
         pg_catalog.set_config('realtime.topic', topic, true),
         pg_catalog.set_config('role', caller, true)
$$;

create or replace function realtime.freehold_may_write(caller text, claims jsonb, topic text, extension text)
returns boolean language plpgsql as $$
begin
  perform realtime.freehold_become(caller, claims, topic);
  insert into realtime.messages (topic, extension) values (topic, extension);
  raise exception sqlstate 'FH001';
exception
  when sqlstate 'FH001' then return true;
  when insufficient_privilege then return false;
end
$$;

create or replace function realtime.freehold_allowed(caller text, claims jsonb, topic text, reads boolean,
  out broadcast_read boolean, out broadcast_write boolean, out presence_read boolean, out presence_write boolean)
language plpgsql as $$
declare
  ids uuid[];
  seen text[] := '{}';
begin
  if reads then
    begin
      ids := realtime.freehold_plant(topic);
      perform realtime.freehold_become(caller, claims, topic);
      select coalesce(pg_catalog.array_agg(m.extension), '{}') into seen from realtime.messages m where m.id = any (ids);
      raise exception sqlstate 'FH001';
    exception when sqlstate 'FH001' then null;
    end;
  end if;
  broadcast_read := 'broadcast' = any (seen);
  presence_read := 'presence' = any (seen);
  broadcast_write := realtime.freehold_may_write(caller, claims, topic, 'broadcast');
  presence_write := reads and realtime.freehold_may_write(caller, claims, topic, 'presence');
end
$$;

-- Filters of subscriptions (realtime/interest.h). The names of types come from the catalogue; values are parameters.
create or replace function realtime.freehold_filter(op text, type regtype, value text) returns json language plpgsql
set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'POSTGRES' set bytea_output = 'hex'
set extra_float_digits = 1 as $$
declare
  result json;
begin
  if op = 'in' then
    execute format('select coalesce(json_agg(case when v is null then null else concat(v) end), ''[]''::json)'
                   ' from unnest($1::%s[]) v', type) into result using value;
    if json_array_length(result) > 100 then
      raise exception 'too many values for `in` filter. Maximum 100';
    end if;
    return result;
  elsif op = 'is' then
    if value not in ('null', 'true', 'false', 'unknown') then
      raise exception 'invalid value for is filter: must be null, true, false, or unknown';
    elsif value <> 'null' and type <> 'boolean'::regtype then
      raise exception 'is % filter requires a boolean column, got %', value, type;
    end if;
    return '[]';
  elsif op in ('like', 'ilike', 'match', 'imatch') then
    if not exists (select from pg_catalog.pg_operator o where o.oprleft = type and o.oprresult = 'boolean'::regtype
                   and o.oprname = case op when 'match' then '~' when 'imatch' then '~*' else '~~' end) then
      raise exception 'operator % requires a text-compatible column type, got %', op, type;
    end if;
    if op like '%match' then
      begin
        perform '' ~ value;
      exception when others then
        raise exception 'invalid regular expression for % filter: %', op, sqlerrm;
      end;
    end if;
    return json_build_array(value);
  end if;
  execute format('select json_build_array(concat($1::%s))', type) into result using value;
  return result;
end
$$;

create or replace function realtime.freehold_compare(op text, type regtype, given text, wanted text, negated boolean)
returns boolean language plpgsql stable
set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'POSTGRES' set bytea_output = 'hex' as $$
declare
  symbol constant text := case op when 'eq' then '=' when 'neq' then '<>' when 'lt' then '<' when 'lte' then '<='
    when 'gt' then '>' when 'gte' then '>=' when 'like' then 'like' when 'ilike' then 'ilike' when 'match' then '~'
    when 'imatch' then '~*' when 'isdistinct' then 'is distinct from' end;
  result boolean;
begin
  if op = 'in' then
    execute format('select ($1::%s) = any ($2::%s[])', type, type) into result using given, wanted;
  elsif op = 'is' then
    result := case wanted when 'true' then given::boolean is true when 'false' then given::boolean is false
      else given is null end;
  else
    execute format('select ($1::%s) %s ($2::%s)', type, symbol, type) into result using given, wanted;
  end if;
  return coalesce(result <> negated, false);
exception when others then
  return false; -- what cannot be compared is not shown
end
$$;

do $$
begin
  if pg_catalog.to_regtype('realtime.action') is null then
    create type realtime.action as enum ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'ERROR');
  end if;
  if pg_catalog.to_regtype('realtime.equality_op') is null then
    create type realtime.equality_op as enum ('eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'is', 'match',
      'imatch', 'isdistinct');
  end if;
  if pg_catalog.to_regtype('realtime.user_defined_filter') is null then
    create type realtime.user_defined_filter as (column_name text, op realtime.equality_op, value text, negate boolean);
  end if;
end
$$;
create table if not exists realtime.subscription (
  id bigint generated always as identity primary key,
  subscription_id uuid not null,
  entity regclass not null,
  filters realtime.user_defined_filter[] not null default '{}',
  claims jsonb not null,
  claims_role text not null generated always as (claims ->> 'role') stored,
  created_at timestamp not null default pg_catalog.timezone('utc', now()),
  action_filter text default '*',
  selected_columns text[]
);
grant select on realtime.subscription to postgres, dashboard_user, anon, authenticated, service_role;

reset role;

do $$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime_messages_publication') then
    create publication supabase_realtime_messages_publication for table realtime.messages
      with (publish = 'insert', publish_via_partition_root = true);
  elsif not exists (select from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
                    where p.pubname = 'supabase_realtime_messages_publication'
                      and r.prrelid = 'realtime.messages'::regclass) then
    alter publication supabase_realtime_messages_publication add table realtime.messages;
  end if;
end
$$;
