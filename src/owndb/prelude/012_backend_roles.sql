-- SPDX-License-Identifier: Apache-2.0
-- The two roles as which the backend reads the log of changes and does what the database asks for.

-- The backend's reader of the log. It may log in to the database (pg_hba.conf: not to replicate the cluster), owns nothing
-- and is granted nothing.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'freehold_realtime') then
    create role freehold_realtime login replication noinherit;
  end if;
end
$$;
alter role freehold_realtime login replication noinherit connection limit 4;

-- It can become postgres and whoever that can become, because jobs run as those. It inherits nothing of them.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'freehold_jobs') then
    create role freehold_jobs login noinherit;
  end if;
end
$$;
alter role freehold_jobs login noinherit connection limit 16;
grant postgres to freehold_jobs;
