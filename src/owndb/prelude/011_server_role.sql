-- SPDX-License-Identifier: Apache-2.0
-- The role of an app's own server (owndb/server_role.h). It acts as postgres, so that what it makes belongs to postgres;
-- it gets its password, and with it the right to log in, when the app has a server.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'freehold_app') then
    create role freehold_app nologin;
  end if;
end
$$;
alter role freehold_app inherit connection limit 25;
grant postgres to freehold_app;
alter role freehold_app set role = 'postgres';
-- A server that was frozen in the middle of something may not keep its locks.
alter role freehold_app set idle_in_transaction_session_timeout = '60s';
