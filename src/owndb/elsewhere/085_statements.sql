-- SPDX-License-Identifier: Apache-2.0
-- In a database elsewhere what queries cost is counted where its host lets us. One that is there already, in another schema, is found
-- under the name that is asked for.

do $$
declare
  its_schema text;
begin
  create extension if not exists pg_stat_statements with schema extensions;
  select n.nspname into its_schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements';
  if its_schema <> 'extensions' then
    execute format('create or replace view extensions.pg_stat_statements as select * from %I.pg_stat_statements', its_schema);
    execute format('create or replace view extensions.pg_stat_statements_info as select * from %I.pg_stat_statements_info', its_schema);
    grant select on extensions.pg_stat_statements, extensions.pg_stat_statements_info to postgres;
  end if;
exception when others then
  null;
end
$$;
