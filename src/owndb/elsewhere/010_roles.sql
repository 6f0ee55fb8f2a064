-- SPDX-License-Identifier: Apache-2.0
-- In a database elsewhere, instead of prelude/010 to 012: the same roles, made by an owner who is no superuser. Two names stand
-- for others there (owndb/prelude.c): supabase_admin is the owner whom the address names, postgres is freehold_owner, who owns what the app
-- makes. Nobody logs in as any of these but the owner; the backend has logins of its own (owndb/elsewhere.h).

create schema if not exists freehold;
create table if not exists freehold.prelude (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
revoke all on schema freehold from public;

do $$
declare
  made constant text[] := array['postgres', 'anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin',
    'supabase_storage_admin', 'supabase_realtime_admin', 'supabase_functions_admin', 'dashboard_user', 'freehold_jobs'];
  is_16 constant boolean := current_setting('server_version_num')::int >= 160000;
  name text;
begin
  foreach name in array made loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I nologin', name);
      if name in ('authenticator', 'freehold_jobs') then
        execute format('alter role %I noinherit', name);
      end if;
    end if;
    -- Who makes a role is not yet one who may act as it.
    if not pg_has_role(current_user, name, 'usage') then
      execute format('grant %I to %I%s', name, current_user, case when is_16 then ' with inherit true, set true' end);
    end if;
  end loop;
  begin
    alter role service_role bypassrls;
  exception when insufficient_privilege then
    null;
  end;
end
$$;

grant anon, authenticated, service_role, supabase_storage_admin to authenticator;
grant anon, authenticated, supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, supabase_functions_admin,
  dashboard_user to postgres;
grant postgres to freehold_jobs;

-- Where nobody may give BYPASSRLS: row security does not hold for a table's owner, nor for who inherits from it.
do $$
begin
  if not (select rolbypassrls from pg_roles where rolname = 'service_role') then
    alter role service_role inherit;
    grant postgres, supabase_storage_admin, supabase_realtime_admin to service_role;
  end if;
  grant pg_monitor to postgres;
exception when insufficient_privilege then
  null;
end
$$;
