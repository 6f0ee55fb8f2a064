-- SPDX-License-Identifier: Apache-2.0
-- In a database elsewhere there is no folder in which the vault's key could lie.

create or replace function vault.freehold_key() returns text language plpgsql stable security definer
set search_path = pg_catalog as $$
begin
  raise exception 'this app''s database has no vault: it is elsewhere, and a vault''s key lies in the folder of a database of its own'
    using hint = 'Give the secret to the app''s server or functions as a variable instead: freehold env APP set NAME --run';
end
$$;
