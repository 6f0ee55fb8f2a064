-- SPDX-License-Identifier: Apache-2.0
-- In a database elsewhere, instead of prelude/020: what there needs no superuser. What may be refused is tried.

do $$
begin
  execute format('grant create on database %I to postgres', current_database());
  grant usage, create on schema public to postgres with grant option;
  if not has_database_privilege('postgres', current_database(), 'create')
    or not has_schema_privilege('postgres', 'public', 'create') then
    raise exception 'the user % may not let another role create schemas and tables in this database', current_user
      using errcode = '42501', hint = 'As the database''s owner: alter database NAME owner to USER';
  end if;
end
$$;

create schema if not exists extensions authorization postgres;
grant usage on schema extensions to public;
grant usage, create on schema extensions to postgres, dashboard_user, supabase_admin;
create extension if not exists "uuid-ossp" with schema extensions;
create extension if not exists pgcrypto with schema extensions;

grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to postgres, anon, authenticated, service_role;

do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
    alter publication supabase_realtime owner to postgres;
  end if;
end
$$;
