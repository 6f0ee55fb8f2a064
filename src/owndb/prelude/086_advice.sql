-- SPDX-License-Identifier: Apache-2.0
-- Which index would help, proved: PostgreSQL plans a query as it is and with an index that hypopg makes up, in this
-- session and in memory only. Nothing is run, made or kept. freehold db APP slow asks.
--
-- hypopg's functions are named here one by one, not as an extension: a dump of the app should not want one that the app
-- never asked for. What is planned are the app's own queries over its own policies, whose functions planning may call; so
-- all of it runs as the app's owner, who is no superuser, and under the role that sends the query.

create schema if not exists freehold_advice;
revoke all on schema freehold_advice from public;
grant usage on schema freehold_advice to postgres;

-- Called at every deployment: the package may have come since. Whether it is there is not an error.
create or replace function freehold_advice.ready() returns boolean language plpgsql set search_path = pg_catalog as $$
begin
  if to_regprocedure('freehold_advice.hypopg_create_index(text)') is not null then return true; end if;
  if not exists (select from pg_available_extensions where name = 'hypopg') then return false; end if;
  create function freehold_advice.hypopg_create_index(in sql_order text, out indexrelid oid, out indexname text)
    returns setof record language c strict volatile as '$libdir/hypopg', 'hypopg_create_index';
  create function freehold_advice.hypopg_relation_size(indexid oid) returns bigint
    language c strict as '$libdir/hypopg', 'hypopg_relation_size';
  create function freehold_advice.hypopg_reset() returns void language c volatile as '$libdir/hypopg', 'hypopg_reset';
  revoke all on function freehold_advice.hypopg_create_index(text), freehold_advice.hypopg_relation_size(oid),
    freehold_advice.hypopg_reset() from public;
  grant execute on function freehold_advice.hypopg_create_index(text), freehold_advice.hypopg_relation_size(oid),
    freehold_advice.hypopg_reset() to postgres;
  return true;
exception when others then
  return false; -- a package that is half there
end
$$;
revoke all on function freehold_advice.ready() from public;

create or replace function freehold_advice.name(rel regclass) returns text language sql stable as $$
  select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = rel
$$;

-- The plan of a statement for values that are not known, as it is sent by that role.
create or replace function freehold_advice.plan(query text, role text) returns jsonb language plpgsql as $$
declare
  params constant int := coalesce((select max(m[1]::int) from regexp_matches(query, '\$(\d+)', 'g') m), 0);
  answer json;
begin
  if exists (select from pg_prepared_statements where name = 'freehold_advice') then deallocate freehold_advice; end if; -- of one that failed
  perform set_config('role', role, true);
  execute 'prepare freehold_advice as ' || query;
  execute 'explain (format json, verbose) execute freehold_advice'
    || case when params > 0 then '(' || repeat('null, ', params - 1) || 'null)' else '' end into answer;
  deallocate freehold_advice;
  perform set_config('role', 'none', true);
  return answer::jsonb -> 0 -> 'Plan';
end
$$;

-- Which columns of a table a plan compares with one value, which with a range, and which it sorts by first.
create or replace function freehold_advice.columns(plan jsonb, node jsonb, rel regclass)
returns table (name text, is_equal boolean, is_ordered boolean) language sql stable as $$
  with said as (
    select coalesce((node ->> 'Filter'), '') || ' ' || coalesce((node ->> 'Index Cond'), '') || ' ' || coalesce((node ->> 'Recheck Cond'), '') || ' ' || coalesce((
        select string_agg(c #>> '{}', ' ') from jsonb_path_query(plan, 'strict $.**."Hash Cond"', silent => true) c), '') || ' ' || coalesce((
        select string_agg(c #>> '{}', ' ') from jsonb_path_query(plan, 'strict $.**."Join Filter"', silent => true) c), '') as conditions,
      (select string_agg(c #>> '{}', ' ; ') from jsonb_path_query(plan, 'strict $.**."Sort Key"[0]', silent => true) c) as sorted),
  of as (
    select quote_ident(a.attname) as name, a.attnum,
      '(?<![\w".])' || regexp_replace(quote_ident(node ->> 'Alias') || '.' || quote_ident(a.attname), '([^\w])', '\\\1', 'g') || '(?![\w"])' as pattern
    from pg_attribute a where a.attrelid = rel and a.attnum > 0 and not a.attisdropped)
  select o.name, s.conditions ~ (o.pattern || '\)?(::[a-z ]+)?\)? (=|IS NOT DISTINCT FROM) ') or s.conditions ~ (' = \(?' || o.pattern),
    s.conditions ~ (o.pattern || '\)?(::[a-z ]+)?\)? (<|>|<=|>=) ') or coalesce(s.sorted ~ ('(^|; )' || o.pattern), false)
  from of o, said s order by o.attnum
$$;

-- Lists of columns worth a try for one table of a plan: each that is compared, all of them, and what it sorts by behind.
create or replace function freehold_advice.candidates(plan jsonb) returns table (rel regclass, columns text)
language plpgsql stable as $$
declare
  node jsonb;
  equal text[];
  ordered text[];
begin
  for node in select n from jsonb_path_query(plan, 'strict $.** ? (exists (@."Relation Name"))', silent => true) n loop
    rel := to_regclass(format('%I.%I', node ->> 'Schema', node ->> 'Relation Name'));
    continue when rel is null or not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = rel and c.relkind = 'r' and c.reltuples >= 1000 and n.nspname !~ '^(pg_|freehold)' and n.nspname not in (
        'information_schema', 'auth', 'storage', 'extensions', 'realtime', 'cron', 'net', 'vault', 'pgmq', 'supabase_migrations'));
    select (array_agg(c.name) filter (where c.is_equal))[1:3], (array_agg(c.name) filter (where c.is_ordered and not c.is_equal))[1:2]
      into equal, ordered from freehold_advice.columns(plan, node, rel) c;
    for columns in
      select e from unnest(equal) e union select array_to_string(equal, ', ') where cardinality(equal) > 1
      union select concat_ws(', ', array_to_string(equal, ', '), o) from unnest(ordered) o
      union select o from unnest(ordered) o
    loop
      return next;
    end loop;
  end loop;
end
$$;

-- The best of them for one statement, when it takes a fifth of the cost and more away; else no row.
create or replace function freehold_advice.best(query text, role text)
returns table (rel regclass, columns text, cost_before float8, cost_after float8, bytes bigint) language plpgsql as $$
declare
  before constant jsonb := freehold_advice.plan(query, role);
  least float8 := 0.8 * (before ->> 'Total Cost')::float8;
  tried record;
  made record;
  after jsonb;
begin
  if least < 50 then return; end if;
  for tried in select c.* from (select distinct c.rel, c.columns from freehold_advice.candidates(before) c) c order by length(c.columns) limit 12 loop
    begin
      select * into made from freehold_advice.hypopg_create_index(format('create index on %s (%s)', tried.rel, tried.columns));
      after := freehold_advice.plan(query, role);
      if (after ->> 'Total Cost')::float8 < least and strpos(after::text, made.indexname) > 0 then
        least := (after ->> 'Total Cost')::float8;
        rel := tried.rel;
        columns := tried.columns;
        bytes := freehold_advice.hypopg_relation_size(made.indexrelid);
      end if;
    exception when others then
      null; -- a type that has no order, or a role that may not
    end;
    perform freehold_advice.hypopg_reset();
  end loop;
  if rel is null then return; end if;
  cost_before := (before ->> 'Total Cost')::float8;
  cost_after := least;
  return next;
end
$$;

-- One row for each index that would help: with the statement that it helps most, and how many others.
create or replace function freehold_advice.proposals() returns json language plpgsql
set search_path = public, extensions set plan_cache_mode = force_generic_plan set lock_timeout = '500ms' as $$
declare
  q record;
  b record;
  found jsonb := '[]';
  is_cut boolean := false;
  began constant timestamptz := clock_timestamp();
begin
  if to_regprocedure('freehold_advice.hypopg_create_index(text)') is null then return json_build_object('proved', false); end if;
  for q in
    select s.query, case when r.rolname = 'freehold_app' then 'postgres' else r.rolname end as role, s.calls, s.total_exec_time as total_ms
      from extensions.pg_stat_statements s join pg_roles r on r.oid = s.userid
      where s.dbid = (select oid from pg_database where datname = current_database()) and s.query ~* '^\s*(/\*|--|select|with|update|delete|insert)'
        and (r.rolname = 'freehold_app' or pg_has_role(current_user, r.oid, 'member')) and s.query !~ 'freehold_advice'
      order by s.total_exec_time desc limit 40
  loop
    is_cut := clock_timestamp() - began > interval '6 seconds';
    exit when is_cut;
    begin
      for b in select * from freehold_advice.best(q.query, q.role) loop
        found := found || jsonb_build_object('table', freehold_advice.name(b.rel), 'columns', b.columns, 'index',
          format('create index on %s (%s);', freehold_advice.name(b.rel), b.columns), 'cost_before', round(b.cost_before::numeric, 1), 'cost_after', round(b.cost_after::numeric, 1), 'bytes', b.bytes, 'calls', q.calls, 'total_ms',
          round(q.total_ms::numeric, 1), 'role', q.role, 'query', left(q.query, 4000));
      end loop;
    exception when others then
      null; -- it cannot be planned without its values
    end;
  end loop;
  -- Of two on one table the longer serves what the shorter does, where it begins with the same columns.
  return json_build_object('proved', true, 'is_cut', is_cut, 'list', (select coalesce(json_agg(p.one order by p.gain desc), '[]') from (
    select distinct on (f ->> 'index') f || jsonb_build_object('queries', count(*) over (partition by f ->> 'index')) as one, g.gain
    from jsonb_array_elements(found) f, lateral (
      select (f ->> 'total_ms')::float8 * (1 - (f ->> 'cost_after')::float8 / (f ->> 'cost_before')::float8) as gain) g
    where not exists (select from jsonb_array_elements(found) o where o ->> 'table' = f ->> 'table' and starts_with(o ->> 'columns', (f ->> 'columns') || ', '))
    order by f ->> 'index', g.gain desc) p));
end
$$;

-- What looking up the rows behind a foreign key costs, as it is and with an index.
create or replace function freehold_advice.key_cost(rel regclass, columns text)
returns table (cost_before float8, cost_after float8, bytes bigint) language plpgsql
set search_path = public, extensions set plan_cache_mode = force_generic_plan set lock_timeout = '500ms' as $$
begin
  if to_regprocedure('freehold_advice.hypopg_create_index(text)') is null then return; end if;
  select b.cost_before, b.cost_after, b.bytes into cost_before, cost_after, bytes from freehold_advice.best(format('select 1 from %s where %s', rel,
    (select string_agg(format('%s = $%s', c, n), ' and ') from string_to_table(columns, ', ') with ordinality t (c, n))), 'postgres') b;
  if cost_before is not null then return next; end if;
exception when others then
  return;
end
$$;

grant execute on all functions in schema freehold_advice to postgres;
revoke all on function freehold_advice.ready() from postgres;
