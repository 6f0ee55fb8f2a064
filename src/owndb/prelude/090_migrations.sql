-- SPDX-License-Identifier: Apache-2.0
-- Which migrations are applied, as the builders' command line keeps it; statements as they were run, so that an edited
-- file can be told.

create schema if not exists supabase_migrations authorization postgres;

set local role postgres;

create table if not exists supabase_migrations.schema_migrations (
  version text not null,
  statements text[],
  name text,
  constraint schema_migrations_pkey primary key (version)
);

reset role;
