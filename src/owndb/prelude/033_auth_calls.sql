-- SPDX-License-Identifier: Apache-2.0
-- freehold_auth: what sign-in needs of PostgreSQL beside upstream's tables (src/auth).

set local role supabase_auth_admin;

-- Undoes the transaction it is called in; the backend knows the code.
create or replace function freehold_auth.refuse(why text) returns text language plpgsql set search_path = '' as $$
begin
  raise exception '%', why using errcode = 'FH001';
end
$$;

-- An owner's hook, by its name: quoted here, where names become SQL. Whoever calls it must be allowed to.
create or replace function freehold_auth.call_hook(hook_schema text, hook_function text, input jsonb) returns jsonb
language plpgsql as $$
declare
  output jsonb;
begin
  execute format('select to_jsonb(%I.%I($1))', hook_schema, hook_function) into output using input;
  return output;
end
$$;
revoke execute on function freehold_auth.refuse(text) from public;
revoke execute on function freehold_auth.call_hook(text, text, jsonb) from public;

reset role;
