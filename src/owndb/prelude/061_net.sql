-- SPDX-License-Identifier: Apache-2.0
-- net: pg_net's functions. A request is recorded and answered with its number; nothing sends it yet, and owndb_promises
-- counts what waits. Requests older than seven days are dropped as new ones come, so that the table stays small.

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

create or replace function net.freehold_record(method text, url text, params jsonb, headers jsonb, body bytea,
  timeout_milliseconds integer) returns bigint language plpgsql set search_path = '' as $$
declare
  query constant text := (select string_agg(p.key || '=' || p.value, '&') from jsonb_each_text(params) p);
  request bigint;
begin
  insert into net.http_request_queue as q (method, url, headers, body, timeout_milliseconds)
  values (method, url || coalesce(case when strpos(url, '?') > 0 then '&' else '?' end || query, ''), headers, body,
          timeout_milliseconds)
  returning q.id into request;
  if random() < 0.01 then
    delete from net.http_request_queue where id in (
      select q.id from net.http_request_queue q where q.recorded_at < now() - interval '7 days' limit 1000);
  end if;
  return request;
end
$$;
revoke execute on function net.freehold_record(text, text, jsonb, jsonb, bytea, integer) from public;

create or replace function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_record('POST', url, params, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;
create or replace function net.http_get(url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_record('GET', url, params, headers, null, timeout_milliseconds)
$$;
create or replace function net.http_delete(url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000, body jsonb default null)
returns bigint language sql security definer set search_path = '' as $$
  select net.freehold_record('DELETE', url, params, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;

reset role;
