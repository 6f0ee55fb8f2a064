-- SPDX-License-Identifier: Apache-2.0
-- vault: secrets that the app's own functions read. They are encrypted with a key that lies in the cluster's folder
-- (freehold_vault.key, made with the cluster) and not in the database: a dump holds nothing readable, a copy of the whole
-- folder does. Whoever may run SQL as postgres or service_role can read them, as in a Supabase project.

create schema if not exists vault authorization supabase_admin;
grant usage on schema vault to postgres, service_role;

create table if not exists vault.secrets (
  id uuid not null default pg_catalog.gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  constraint secrets_pkey primary key (id)
);
create unique index if not exists secrets_name_idx on vault.secrets (name) where name is not null;

create or replace function vault.freehold_key() returns text language plpgsql stable security definer
set search_path = pg_catalog as $$
declare
  key constant text := pg_read_file('freehold_vault.key', 0, 4096, true);
begin
  if key is null then
    raise exception 'the vault cannot be opened: its key, freehold_vault.key in the database folder, is missing'
      using hint = 'Put the file back from a backup of the database folder, or create the secrets anew.';
  end if;
  return btrim(key, E' \n');
end
$$;
create or replace function vault.freehold_open(secret text) returns text language sql stable security definer
set search_path = pg_catalog as $$
  select extensions.pgp_sym_decrypt(decode(secret, 'base64'), vault.freehold_key())
$$;
create or replace function vault.freehold_seal(secret text) returns text language sql security definer
set search_path = pg_catalog as $$
  select encode(extensions.pgp_sym_encrypt(secret, vault.freehold_key(), 'cipher-algo=aes256'), 'base64')
$$;

create or replace view vault.decrypted_secrets as
  select id, name, description, secret, vault.freehold_open(secret) as decrypted_secret, key_id, nonce, created_at,
    updated_at
  from vault.secrets;

create or replace function vault.create_secret(new_secret text, new_name text default null, new_description text default '',
  new_key_id uuid default null) returns uuid language sql security definer set search_path = pg_catalog as $$
  insert into vault.secrets (secret, name, description, key_id)
  values (vault.freehold_seal(new_secret), new_name, new_description, new_key_id)
  returning id
$$;
create or replace function vault.update_secret(secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null) returns void language sql security definer
set search_path = pg_catalog as $$
  update vault.secrets set
    secret = case when new_secret is null then secret else vault.freehold_seal(new_secret) end,
    name = coalesce(new_name, name),
    description = coalesce(new_description, description),
    key_id = coalesce(new_key_id, key_id),
    updated_at = now()
  where id = secret_id
$$;

revoke all on function vault.freehold_key(), vault.freehold_open(text), vault.freehold_seal(text),
  vault.create_secret(text, text, text, uuid), vault.update_secret(uuid, text, text, text, uuid) from public;
grant execute on function vault.freehold_open(text), vault.create_secret(text, text, text, uuid),
  vault.update_secret(uuid, text, text, text, uuid) to postgres, service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres, service_role;
