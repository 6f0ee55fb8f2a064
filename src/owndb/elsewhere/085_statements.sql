-- SPDX-License-Identifier: Apache-2.0
-- In a database elsewhere what queries cost is counted where its host lets us.

do $$
begin
  create extension if not exists pg_stat_statements with schema extensions;
exception when others then
  null;
end
$$;
