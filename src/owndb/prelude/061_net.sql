-- SPDX-License-Identifier: Apache-2.0
-- net: pg_net's functions and tables. The app's backend sends what is queued once the transaction has committed
-- (062_jobs.sql, src/jobs/net.h) and keeps each answer for six hours.

create schema if not exists net authorization postgres;
grant usage on schema net to anon, authenticated, service_role, supabase_functions_admin;

set local role postgres;

create table if not exists net.http_request_queue (
  id bigserial not null,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null,
  recorded_at timestamptz not null default now(),
  constraint http_request_queue_pkey primary key (id)
);
create index if not exists http_request_queue_recorded_at_idx on net.http_request_queue (recorded_at);
create table if not exists net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index if not exists _http_response_created_idx on net._http_response (created);
create index if not exists _http_response_id_idx on net._http_response (id);
grant select on net._http_response, net.http_request_queue to service_role;

create or replace function net.freehold_queued() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_notify('freehold_jobs', 'net');
  return null;
end
$$;
create or replace trigger freehold_queued after insert on net.http_request_queue for each statement
  execute function net.freehold_queued();

create or replace function net._urlencode_string(string varchar) returns text language sql immutable
set search_path = pg_catalog as $$
  select coalesce(string_agg(
    case when b between 48 and 57 or b between 65 and 90 or b between 97 and 122 or b in (45, 46, 95, 126) then chr(b)
      else '%' || upper(lpad(to_hex(b), 2, '0')) end, '' order by i), '')
  from (select convert_to(string, 'UTF8') as bytes) s, generate_series(0, octet_length(s.bytes) - 1) i,
    lateral (select get_byte(s.bytes, i) as b) x
$$;
create or replace function net._encode_url_with_params_array(url text, params_array text[]) returns text language sql immutable
set search_path = pg_catalog as $$
  select case when coalesce(cardinality(params_array), 0) = 0 then url
    else u.base || case when strpos(u.base, '?') > 0 then '&' else '?' end || array_to_string(params_array, '&') || u.rest end
  from (select split_part(url, '#', 1) as base, substr(url, length(split_part(url, '#', 1)) + 1) as rest) u
$$;

drop function if exists net.freehold_record(text, text, jsonb, jsonb, bytea, integer);
create or replace function net.freehold_queue(method text, url text, params jsonb, headers jsonb, body bytea,
  timeout_milliseconds integer) returns bigint language plpgsql set search_path = '' as $$
declare
  pairs constant text[] := (select array_agg(net._urlencode_string(p.key) || '=' || net._urlencode_string(p.value))
                            from pg_catalog.jsonb_each_text(params) p);
  request bigint;
begin
  insert into net.http_request_queue as q (method, url, headers, body, timeout_milliseconds)
  values (method, net._encode_url_with_params_array(url, pairs), headers, body, timeout_milliseconds)
  returning q.id into request;
  return request;
end
$$;
revoke execute on function net.freehold_queue(text, text, jsonb, jsonb, bytea, integer) from public;

create or replace function net.freehold_json_headers(headers jsonb) returns jsonb language plpgsql immutable
set search_path = '' as $$
declare
  content_type constant text := (select h.value from pg_catalog.jsonb_each_text(coalesce(headers, '{}')) h
                                 where pg_catalog.lower(h.key) = 'content-type' limit 1);
begin
  if content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return case when content_type is null then headers || '{"Content-Type": "application/json"}' else headers end;
end
$$;

create or replace function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_queue('POST', url, params, net.freehold_json_headers(headers),
    pg_catalog.convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;
create or replace function net.http_get(url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_queue('GET', url, params, headers, null, timeout_milliseconds)
$$;
create or replace function net.http_delete(url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000, body jsonb default null)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_queue('DELETE', url, params, headers, pg_catalog.convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;

do $$
begin
  if to_regtype('net.request_status') is null then
    create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
    create type net.http_response as (status_code integer, headers jsonb, body text);
    create type net.http_response_result as (status net.request_status, message text, response net.http_response);
  end if;
end
$$;

-- Only for a request of an earlier transaction: before the commit nothing is sent.
create or replace function net._await_response(request_id bigint) returns boolean language plpgsql
set search_path = pg_catalog as $$
begin
  while not exists (select from net._http_response r where r.id = request_id) loop
    perform pg_sleep(0.05);
  end loop;
  return true;
end
$$;
create or replace function net._http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result language plpgsql security definer set search_path = pg_catalog as $$
declare
  r net._http_response;
begin
  if not async then
    perform net._await_response(request_id);
  end if;
  select * into r from net._http_response x where x.id = request_id;
  if r is null or r.error_msg is not null then
    return ('ERROR', coalesce(r.error_msg, 'request matching request_id not found'), null)::net.http_response_result;
  end if;
  return ('SUCCESS', 'ok', (r.status_code, r.headers, r.content)::net.http_response)::net.http_response_result;
end
$$;
create or replace function net.http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result language sql security definer set search_path = pg_catalog as $$
  select net._http_collect_response(request_id, async)
$$;
create or replace function net.wake() returns void language sql set search_path = pg_catalog as $$
  select pg_notify('freehold_jobs', 'net')
$$;
create or replace function net.check_worker_is_up() returns void language plpgsql security definer
set search_path = pg_catalog as $$
begin
  if not exists (select from pg_stat_activity a where a.usename = 'freehold_jobs') then
    raise exception 'the pg_net background worker is not up'
      using detail = 'The app''s backend, which sends what is queued, is not connected to this database.';
  end if;
end
$$;

reset role;
