-- SPDX-License-Identifier: Apache-2.0
-- freehold_auth: the app as an OpenID Connect issuer for its own server (src/auth/issuer.h): its signing key, and codes
-- between the sign-in page and the server.

set local role supabase_auth_admin;

create table if not exists freehold_auth.issuer_keys (
  is_only boolean primary key default true check (is_only),
  jwk jsonb not null,
  created_at timestamptz not null default now()
);
create table if not exists freehold_auth.issuer_codes (
  code_hash text primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  client_id text not null,
  redirect_uri text not null,
  challenge text not null,
  nonce text not null,
  scope text not null,
  created_at timestamptz not null default now()
);
create index if not exists issuer_codes_created_at_idx on freehold_auth.issuer_codes (created_at);

reset role;
