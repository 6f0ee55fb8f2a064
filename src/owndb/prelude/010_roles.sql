-- SPDX-License-Identifier: Apache-2.0
-- The roles that policies, grants and clients name. Names and powers are those of a Supabase project, but for powers that
-- would lead out of the database: nobody but supabase_admin is superuser or creates databases, nobody else replicates but
-- the backend's reader of changes (050_realtime.sql), and postgres
-- creates roles only where that cannot make it more than it is (PostgreSQL 16 and later; before, CREATEROLE may grant
-- itself pg_execute_server_program, which is a shell as the cluster's system user).

create schema if not exists freehold;
create table if not exists freehold.prelude (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
revoke all on schema freehold from public;

do $$
declare
  wanted constant text[] := array[
    'postgres', 'anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin', 'supabase_storage_admin',
    'supabase_realtime_admin', 'supabase_functions_admin', 'dashboard_user'];
  name text;
begin
  foreach name in array wanted loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute pg_catalog.format('create role %I nologin', name);
    end if;
  end loop;
  if pg_catalog.current_setting('server_version_num')::int >= 160000 then
    alter role postgres createrole;
  end if;
end
$$;

alter role postgres login bypassrls inherit;
alter role anon noinherit;
alter role authenticated noinherit;
alter role service_role noinherit bypassrls;
alter role authenticator login noinherit;
alter role supabase_auth_admin login noinherit;
alter role supabase_storage_admin noinherit;
alter role supabase_realtime_admin noinherit;
alter role supabase_functions_admin noinherit;

grant anon, authenticated, service_role, supabase_storage_admin to authenticator;
-- What lets a migration put triggers on auth.users and policies on storage.objects: it is a member of their owners.
grant anon, authenticated, service_role, authenticator, supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin,
  supabase_functions_admin, dashboard_user, pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

-- The superuser must never run a function that the app left on the search path.
alter role supabase_admin set search_path = pg_catalog;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = storage;
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
