-- SPDX-License-Identifier: Apache-2.0
-- What the extension pgjwt offers: tokens signed with a shared secret (HS256, HS384, HS512), made and checked in SQL.

create or replace function extensions.url_encode(data bytea) returns text language sql immutable as $$
  select pg_catalog.translate(pg_catalog.encode(data, 'base64'), E'+/=\n', '-_')
$$;
create or replace function extensions.url_decode(data text) returns bytea language sql immutable as $$
  select pg_catalog.decode(
    pg_catalog.rpad(pg_catalog.translate(data, '-_', '+/'), (pg_catalog.length(data) + 3) / 4 * 4, '='), 'base64')
$$;
create or replace function extensions.algorithm_sign(signables text, secret text, algorithm text) returns text
language sql immutable as $$
  select extensions.url_encode(extensions.hmac(signables, secret,
    case algorithm when 'HS256' then 'sha256' when 'HS384' then 'sha384' when 'HS512' then 'sha512' else '' end))
$$;
create or replace function extensions.sign(payload json, secret text, algorithm text default 'HS256') returns text
language sql immutable as $$
  select s.signables || '.' || extensions.algorithm_sign(s.signables, secret, algorithm)
  from (select extensions.url_encode(pg_catalog.convert_to('{"alg":"' || algorithm || '","typ":"JWT"}', 'UTF8')) || '.'
          || extensions.url_encode(pg_catalog.convert_to(payload::text, 'UTF8'))) as s (signables)
$$;
create or replace function extensions.verify(token text, secret text, algorithm text default 'HS256')
returns table (header json, payload json, valid boolean) language sql immutable as $$
  select pg_catalog.convert_from(extensions.url_decode(t[1]), 'UTF8')::json,
    pg_catalog.convert_from(extensions.url_decode(t[2]), 'UTF8')::json,
    t[3] = extensions.algorithm_sign(t[1] || '.' || t[2], secret, algorithm)
  from pg_catalog.string_to_array(token, '.') as t
$$;
