-- SPDX-License-Identifier: Apache-2.0
-- A database as a Supabase project has it: the host's roles, schemas and triggers, and an app in it. Run by the superuser
-- supabase_admin on a bare cluster. Written for the tests of moving in; the columns are those of the host's own tables.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
create role supabase_auth_admin login noinherit createrole;
create role supabase_storage_admin login noinherit createrole;
create role supabase_realtime_admin nologin noinherit;
create role supabase_replication_admin login replication;
create role supabase_read_only_user login bypassrls;
create role dashboard_user createrole createdb;
create role pgbouncer login;
create role postgres login createrole createdb bypassrls password 'let-me-in';
grant anon, authenticated, service_role, supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, pg_read_all_data to postgres;
alter database postgres owner to postgres;
alter schema public owner to postgres;

create schema extensions authorization postgres;
create extension "uuid-ossp" with schema extensions;
create extension pgcrypto with schema extensions;
create extension pg_trgm with schema extensions;
grant usage on schema extensions to public;

-- auth, with a column that nobody here knows and without some that are known
create schema auth authorization supabase_auth_admin;
set role supabase_auth_admin;
create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');
create table auth.users (
  instance_id uuid, id uuid not null primary key, aud varchar(255), role varchar(255), email varchar(255), encrypted_password varchar(255),
  email_confirmed_at timestamptz, invited_at timestamptz, confirmation_token varchar(255), confirmation_sent_at timestamptz,
  recovery_token varchar(255), recovery_sent_at timestamptz, email_change_token_new varchar(255), email_change varchar(255),
  email_change_sent_at timestamptz, last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean,
  created_at timestamptz, updated_at timestamptz, phone text default null unique, phone_confirmed_at timestamptz, phone_change text default '',
  phone_change_token varchar(255) default '', phone_change_sent_at timestamptz,
  confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
  email_change_token_current varchar(255) default '', email_change_confirm_status smallint default 0, banned_until timestamptz,
  reauthentication_token varchar(255) default '', reauthentication_sent_at timestamptz, is_sso_user boolean not null default false,
  deleted_at timestamptz, is_anonymous boolean not null default false, of_tomorrow text default 'unknown here');
create table auth.identities (
  provider_id text not null, user_id uuid not null references auth.users on delete cascade, identity_data jsonb not null, provider text not null,
  last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz,
  email text generated always as (lower(identity_data ->> 'email')) stored, id uuid not null default gen_random_uuid() primary key,
  unique (provider_id, provider));
create table auth.sessions (id uuid primary key, user_id uuid not null references auth.users on delete cascade, created_at timestamptz,
  updated_at timestamptz, factor_id uuid, aal auth.aal_level, not_after timestamptz, refreshed_at timestamp, user_agent text, ip inet, tag text);
create table auth.refresh_tokens (instance_id uuid, id bigserial primary key, token varchar(255) unique, user_id varchar(255), revoked boolean,
  created_at timestamptz, updated_at timestamptz, parent varchar(255), session_id uuid references auth.sessions on delete cascade);
create table auth.mfa_factors (id uuid primary key, user_id uuid not null references auth.users on delete cascade, friendly_name text,
  factor_type auth.factor_type not null, status auth.factor_status not null, created_at timestamptz not null, updated_at timestamptz not null,
  secret text, phone text, last_challenged_at timestamptz);
create table auth.schema_migrations (version varchar(255) primary key);
insert into auth.schema_migrations values ('20250101000000');
create function auth.uid() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create function auth.role() returns text language sql stable as $$ select current_setting('request.jwt.claim.role', true) $$;
insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_token, recovery_token,
    email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
  select '00000000-0000-0000-0000-000000000000', ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'authenticated', 'authenticated',
    'person' || n || '@example.com', extensions.crypt('secret of ' || n, extensions.gen_salt('bf', 6)), now(), '', '', '', '',
    '{"provider": "email", "providers": ["email"]}', jsonb_build_object('name', 'Person ' || n), now(), now() from generate_series(1, 12) n;
insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
  select id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now() from auth.users;
insert into auth.sessions (id, user_id, created_at, updated_at, aal) values
  ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', now(), now(), 'aal1');
insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, session_id)
  values ('oldRefreshToken00001', 'a0000000-0000-4000-8000-000000000001', false, now(), now(), 'b0000000-0000-4000-8000-000000000001');
reset role;
grant usage on schema auth to anon, authenticated, service_role, postgres;
grant all on all tables in schema auth to postgres, dashboard_user;

-- vault: what stands in the rows is of no use without the host's key; the view opens it
create schema vault authorization supabase_admin;
create table vault.secrets (id uuid primary key, name text, description text not null default '', secret text not null, key_id uuid, nonce bytea,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create view vault.decrypted_secrets as select id, name, description, secret, convert_from(decode(secret, 'base64'), 'UTF8') as decrypted_secret,
  key_id, nonce, created_at, updated_at from vault.secrets;
insert into vault.secrets (id, name, description, secret) values
  ('d0000000-0000-4000-8000-000000000001', 'stripe', 'for payments', encode('sk_live_of_old', 'base64')),
  ('d0000000-0000-4000-8000-000000000002', null, '', encode('without a name: ä', 'base64'));
grant usage on schema vault to postgres;
grant select on all tables in schema vault to postgres;

-- storage, with the triggers that the host puts on its own tables
create schema storage authorization supabase_storage_admin;
set role supabase_storage_admin;
create table storage.buckets (id text primary key, name text not null, owner uuid, created_at timestamptz default now(), updated_at timestamptz default now(),
  public boolean default false, avif_autodetection boolean default false, file_size_limit bigint, allowed_mime_types text[], owner_id text);
create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets, name text, owner uuid,
  created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now(), metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored, version text, owner_id text, user_metadata jsonb, level integer);
create table storage.migrations (id integer primary key, name varchar(100), hash varchar(40), executed_at timestamp default now());
create function storage.update_updated_at_column() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
create function storage.foldername(name text) returns text[] language sql immutable as $$ select (string_to_array(name, '/'))[1:array_length(string_to_array(name, '/'), 1) - 1] $$;
create trigger update_objects_updated_at before update on storage.objects for each row execute function storage.update_updated_at_column();
alter table storage.objects enable row level security;
alter table storage.buckets enable row level security;
insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true), ('papers', 'papers', false);
insert into storage.objects (bucket_id, name, owner, owner_id, metadata, version) values
  ('avatars', 'a0000000-0000-4000-8000-000000000001/me.txt', 'a0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
   '{"eTag": "\"0\"", "size": 11, "mimetype": "text/plain", "cacheControl": "max-age=3600"}', 'c0000000-0000-4000-8000-000000000001'),
  ('papers', 'plan/ä b.txt', null, null, '{"size": 5, "mimetype": "text/plain"}', 'c0000000-0000-4000-8000-000000000002');
reset role;
grant usage on schema storage to anon, authenticated, service_role, postgres;
grant all on all tables in schema storage to postgres, anon, authenticated, service_role;
alter table storage.objects owner to supabase_storage_admin;

create schema cron;
create table cron.job (jobid bigserial primary key, schedule text not null, command text not null, nodename text not null default 'localhost',
  nodeport integer not null default 5432, database text not null default 'postgres', username text not null default 'postgres',
  active boolean not null default true, jobname text);
insert into cron.job (schedule, command, jobname) values ('0 3 * * *', 'select net.http_post(url := ''https://abcdefghijklmnopqrst.supabase.co/functions/v1/nightly'')', 'nightly'),
  ('*/5 * * * *', 'delete from public.notes where false', 'tidy');
grant usage on schema cron to postgres;
grant all on all tables in schema cron to postgres;

create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values ('20250101000000', '{"create table x"}', 'first'), ('20250202000000', null, 'second');
grant usage on schema supabase_migrations to postgres;
grant all on all tables in schema supabase_migrations to postgres;

create schema realtime authorization supabase_realtime_admin;
create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
create function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$ begin perform 1; end $$;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public grant all on tables to postgres, anon, authenticated, service_role;

-- the app
set role postgres;
alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to postgres, anon, authenticated, service_role;
create schema reports;
create type public.mood as enum ('good', 'so so', 'bad');
create domain public.short_text as text check (length(value) < 200);
create table public.profiles (id uuid primary key references auth.users on delete cascade, name short_text, avatar_url text, mood mood default 'good');
create table public.notes (
  id bigint generated by default as identity primary key, owner uuid not null references public.profiles, body text, extra jsonb, tags text[],
  amount numeric(12, 2), at timestamptz not null default now(), day date, raw bytea, ratio double precision, "Mixed Name" text,
  words tsvector generated always as (to_tsvector('english', coalesce(body, ''))) stored, updated_at timestamptz);
create table public."Order Lines" (id uuid primary key default extensions.uuid_generate_v4(), "of" bigint references public.notes on delete cascade);
create table public.events (id bigserial, at date not null, what text, primary key (id, at)) partition by range (at);
create table public.events_2025 partition of public.events for values from ('2025-01-01') to ('2026-01-01');
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, name) values (new.id, coalesce(new.raw_user_meta_data ->> 'name', 'nobody'));
  return new;
end $$;
create function public.touch() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
create function public.old_place() returns text language sql as $$ select 'https://abcdefghijklmnopqrst.supabase.co/rest/v1/' $$;
insert into public.profiles (id, name, avatar_url) select id, raw_user_meta_data ->> 'name',
  'https://abcdefghijklmnopqrst.supabase.co/storage/v1/object/public/avatars/' || id || '/me.txt' from auth.users;
insert into public.notes (owner, body, extra, tags, amount, day, raw, ratio, "Mixed Name", at)
  select ('a0000000-0000-4000-8000-' || lpad((n % 12 + 1)::text, 12, '0'))::uuid,
    case n % 5 when 0 then null when 1 then E'tab\there\nand a line \\ backslash' when 2 then 'ä ö 漢字 😀' when 3 then '' else '\N' end,
    jsonb_build_object('n', n, 'link', case when n = 7 then 'https://abcdefghijklmnopqrst.supabase.co/x' end), array['a', 'b"c', null, n::text],
    n * 1.25, date '2025-01-01' + n % 300, decode(md5(n::text), 'hex'), n / 3.0, 'x' || n, timestamptz '2025-03-01 12:00+00' + n * interval '1 hour'
  from generate_series(1, 3000) n;
insert into public."Order Lines" ("of") select id from public.notes where id % 3 = 0;
insert into public.events (at, what) select date '2025-06-01' + n, 'event ' || n from generate_series(1, 400) n;
create index notes_words on public.notes using gin (words);
create index notes_trgm on public.notes using gin (body extensions.gin_trgm_ops);
create trigger touch before update on public.notes for each row execute function public.touch();
create view public.moods as select mood, count(*) from public.profiles group by mood;
create materialized view reports.by_day as select day, count(*) n, sum(amount) total from public.notes group by day;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
alter table public.profiles enable row level security;
alter table public.notes enable row level security;
create policy "Profiles are seen by everyone" on public.profiles for select to anon, authenticated using (true);
create policy "Own notes" on public.notes for all to authenticated using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
alter publication supabase_realtime add table public.notes;
comment on table public.notes is 'what people write';
create policy "Avatars of one's own" on storage.objects for insert to authenticated with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = auth.uid()::text);
create policy "Avatars are public" on storage.objects for select to anon, authenticated using (bucket_id = 'avatars');
reset role;
