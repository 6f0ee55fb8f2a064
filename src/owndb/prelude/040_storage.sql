-- SPDX-License-Identifier: Apache-2.0
-- storage: buckets and objects as storage-api has them, and the functions that policies call. The files are the
-- backend's business.

create schema if not exists storage authorization supabase_storage_admin;
grant usage on schema storage to anon, authenticated, service_role, postgres, dashboard_user;

set local role supabase_storage_admin;

do $$
begin
  if to_regtype('storage.buckettype') is null then
    create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
  end if;
end
$$;

create table if not exists storage.buckets (
  id text not null,
  name text not null,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text,
  type storage.buckettype not null default 'STANDARD',
  constraint buckets_pkey primary key (id)
);
create unique index if not exists bname on storage.buckets (name);

create table if not exists storage.objects (
  id uuid not null default gen_random_uuid(),
  bucket_id text,
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb,
  constraint objects_pkey primary key (id),
  constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);
create index if not exists idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
create index if not exists idx_objects_bucket_id_name_lower on storage.objects (bucket_id, (lower(name) collate "C"));
-- Ours: a file is found by its version, when the backend looks for files that no row names.
create index if not exists freehold_objects_version on storage.objects (version);

-- Upstream's latest columns. Nothing sets them yet, there either.
alter table storage.buckets add column if not exists versioning_status text not null default 'DISABLED';
alter table storage.objects add column if not exists archived_at timestamptz;
alter table storage.objects add column if not exists is_delete_marker boolean not null default false;
alter table storage.objects add column if not exists is_versioned boolean not null default false;

create table if not exists storage.s3_multipart_uploads (
  id text not null,
  in_progress_size bigint not null default 0,
  upload_signature text not null,
  bucket_id text not null,
  key text collate "C" not null,
  version text not null,
  owner_id text,
  created_at timestamptz not null default now(),
  user_metadata jsonb,
  constraint s3_multipart_uploads_pkey primary key (id),
  constraint s3_multipart_uploads_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id)
);

alter table storage.s3_multipart_uploads add column if not exists metadata jsonb;
create index if not exists idx_multipart_uploads_list
  on storage.s3_multipart_uploads (bucket_id, key collate "C", created_at);

create table if not exists storage.s3_multipart_uploads_parts (
  id uuid not null default gen_random_uuid(),
  upload_id text not null,
  size bigint not null default 0,
  part_number integer not null,
  bucket_id text not null,
  key text collate "C" not null,
  etag text not null,
  owner_id text,
  version text not null,
  created_at timestamptz not null default now(),
  constraint s3_multipart_uploads_parts_pkey primary key (id),
  constraint s3_multipart_uploads_parts_upload_id_fkey foreign key (upload_id)
    references storage.s3_multipart_uploads (id) on delete cascade,
  constraint s3_multipart_uploads_parts_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id)
);

-- Ours: a part's file is found by its version, as an object's is.
create index if not exists freehold_parts_version on storage.s3_multipart_uploads_parts (version);
create index if not exists freehold_parts_upload on storage.s3_multipart_uploads_parts (upload_id, part_number);

create table if not exists storage.migrations (
  id integer not null,
  name varchar(100) not null,
  hash varchar(40) not null,
  executed_at timestamp default current_timestamp,
  constraint migrations_pkey primary key (id),
  constraint migrations_name_key unique (name)
);

-- 'a/b/c.png': {a,b}, c.png, png.
create or replace function storage.foldername(name text) returns text[] language sql immutable as $$
  select (string_to_array(name, '/'))[1:greatest(array_length(string_to_array(name, '/'), 1) - 1, 0)]
$$;
create or replace function storage.filename(name text) returns text language sql immutable as $$
  select (string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)]
$$;
create or replace function storage.extension(name text) returns text language sql immutable as $$
  select reverse(split_part(reverse(storage.filename(name)), '.', 1))
$$;
create or replace function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language sql stable as $$
  select sum((o.metadata ->> 'size')::bigint)::bigint, o.bucket_id from storage.objects o group by o.bucket_id
$$;
-- The operation that the storage API is doing, set by it: policies may tell a list from a download.
create or replace function storage.operation() returns text language sql stable as $$
  select current_setting('storage.operation', true)
$$;
-- Whether it is one of these; 'storage.' before a name may be left out.
create or replace function storage.allow_any_operation(expected_operations text[]) returns boolean language sql stable as $$
  select exists (
    select from unnest(expected_operations) e
    where e <> '' and regexp_replace(e, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', ''))
$$;
create or replace function storage.allow_only_operation(expected_operation text) returns boolean language sql stable as $$
  select storage.allow_any_operation(array[expected_operation])
$$;

-- Listing. What lies below a folder is one entry: the name up to the first delimiter behind the prefix; null for a file.
create or replace function storage.get_common_prefix(p_key text, p_prefix text, p_delimiter text) returns text
language sql immutable as $$
  select case when p_delimiter <> '' and strpos(substr(p_key, length(p_prefix) + 1), p_delimiter) > 0
    then left(p_key, length(p_prefix) + strpos(substr(p_key, length(p_prefix) + 1), p_delimiter) - 1 + length(p_delimiter)) end
$$;

create or replace function storage.list_objects_with_delimiter(
  _bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100, start_after text default '',
  next_token text default '', sort_order text default 'asc')
returns table (name text, id uuid, metadata jsonb, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz)
language plpgsql stable as $$
declare
  prefix constant text := coalesce(prefix_param, '');
  after constant text := coalesce(nullif(next_token, ''), start_after, '');
  is_down constant boolean := lower(coalesce(sort_order, 'asc')) = 'desc';
begin
  return query
    with entries as (
      select coalesce(storage.get_common_prefix(o.name, prefix, delimiter_param), o.name) as entry, o.*
      from storage.objects o
      where o.bucket_id = _bucket_id and o.name collate "C" >= prefix and starts_with(o.name, prefix)),
    singles as (
      select distinct on (e.entry) e.entry, e.name = e.entry as is_file, e.id, e.metadata, e.updated_at, e.created_at,
        e.last_accessed_at
      from entries e
      where after = '' or (is_down and e.entry collate "C" < after) or (not is_down and e.entry collate "C" > after)
      order by e.entry)
    select s.entry, case when is_file then s.id end, case when is_file then s.metadata end,
      case when is_file then s.updated_at end, case when is_file then s.created_at end,
      case when is_file then s.last_accessed_at end
    from singles s
    order by case when not is_down then s.entry collate "C" end, s.entry collate "C" desc
    limit max_keys;
end
$$;

-- A page of a folder, sorted by name or by a time; of a folder that is its oldest file's.
create or replace function storage.search_by_timestamp(
  p_prefix text, p_bucket_id text, p_limit integer, p_level integer, p_start_after text, p_sort_order text,
  p_sort_column text, p_sort_column_after text)
returns table (key text, name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz,
  metadata jsonb)
language plpgsql stable as $$
declare
  prefix constant text := coalesce(p_prefix, '');
  is_down constant boolean := lower(coalesce(p_sort_order, 'asc')) = 'desc';
  after_time constant timestamptz := coalesce(nullif(p_sort_column_after, '')::timestamptz, 'epoch');
begin
  return query
    with files as (
      select o.*, storage.get_common_prefix(o.name, prefix, '/') as folder
      from storage.objects o where o.bucket_id = p_bucket_id and starts_with(o.name, prefix)),
    entries as (
      select f.name as entry, f.id as file, f.updated_at as changed, f.created_at as made, f.last_accessed_at as seen,
        f.metadata as facts
      from files f where f.folder is null
      union all
      select rtrim(f.folder, '/'), null, min(f.created_at), min(f.created_at), null, null
      from files f where f.folder is not null group by f.folder),
    sorted as (
      select e.*, date_trunc('milliseconds', case p_sort_column when 'updated_at' then e.changed else e.made end) as at
      from entries e)
    select split_part(s.entry, '/', p_level), s.entry, s.file, s.changed, s.made, s.seen, s.facts
    from sorted s
    where coalesce(p_start_after, '') = ''
      or (is_down and (s.at, s.entry collate "C") < (after_time, p_start_after))
      or (not is_down and (s.at, s.entry collate "C") > (after_time, p_start_after))
    order by case when not is_down then s.at end, case when not is_down then s.entry collate "C" end, s.at desc,
      s.entry collate "C" desc
    limit p_limit;
end
$$;

create or replace function storage.search_v2(
  prefix text, bucket_name text, limits integer default 100, levels integer default 1, start_after text default '',
  sort_order text default 'asc', sort_column text default 'name', sort_column_after text default '')
returns table (key text, name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz,
  metadata jsonb)
language plpgsql stable as $$
begin
  if lower(coalesce(sort_column, 'name')) in ('updated_at', 'created_at') then
    return query select * from storage.search_by_timestamp(
      prefix, bucket_name, least(coalesce(limits, 100), 1500), levels, start_after, sort_order, lower(sort_column),
      sort_column_after);
  else
    return query select split_part(l.name, '/', levels), l.name, l.id, l.updated_at, l.created_at, l.last_accessed_at, l.metadata
      from storage.list_objects_with_delimiter(
        bucket_name, prefix, '/', least(coalesce(limits, 100), 1500), start_after, '', sort_order) l;
  end if;
end
$$;

-- The first list of storage-js: names relative to the prefix, upper and lower case alike, folders before files where it
-- sorts by a time. levels is not needed any more, upstream either.
create or replace function storage.search(
  prefix text, bucketname text, limits integer default 100, levels integer default 1, offsets integer default 0,
  search text default '', sortcolumn text default 'name', sortorder text default 'asc')
returns table (name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb)
language plpgsql stable as $$
declare
  wanted constant text := lower(coalesce(prefix, '') || coalesce(search, ''));
  skip constant integer := length(coalesce(prefix, ''));
  is_down constant boolean := lower(coalesce(sortorder, 'asc')) = 'desc';
  by_time constant boolean := lower(coalesce(sortcolumn, 'name')) in ('updated_at', 'created_at', 'last_accessed_at');
begin
  return query
    with files as (
      select o.*, storage.get_common_prefix(lower(o.name), wanted, '/') as folder
      from storage.objects o
      where o.bucket_id = bucketname and lower(o.name) collate "C" >= wanted and starts_with(lower(o.name), wanted)),
    entries as (
      select substr(f.name, skip + 1) as entry, lower(f.name) as place, f.id as file, f.updated_at as changed,
        f.created_at as made, f.last_accessed_at as seen, f.metadata as facts,
        case lower(sortcolumn) when 'updated_at' then f.updated_at when 'created_at' then f.created_at
          else f.last_accessed_at end as at
      from files f where f.folder is null
      union all
      select rtrim(substr(left(min(f.name), length(f.folder)), skip + 1), '/'), f.folder, null, null, null, null, null, null
      from files f where f.folder is not null group by f.folder)
    select e.entry, e.file, e.changed, e.made, e.seen, e.facts
    from entries e
    order by case when by_time then e.file is not null end,
      case when by_time and not is_down then e.at end, case when by_time then e.at end desc,
      case when not is_down then e.place collate "C" end, e.place collate "C" desc
    limit least(coalesce(limits, 100), 1500) offset greatest(coalesce(offsets, 0), 0);
end
$$;

create or replace function storage.list_multipart_uploads_with_delimiter(
  bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100, next_key_token text default '',
  next_upload_token text default '')
returns table (key text, id text, created_at timestamptz) language sql stable as $$
  select distinct on (e.entry collate "C") e.entry, e.id, e.created_at
  from (select coalesce(storage.get_common_prefix(u.key, prefix_param, delimiter_param), u.key) as entry, u.id, u.created_at
        from storage.s3_multipart_uploads u
        where u.bucket_id = $1 and starts_with(u.key, prefix_param)) e
  where case when next_upload_token <> '' then e.id collate "C" > next_upload_token
    else next_key_token = '' or e.entry collate "C" > next_key_token end
  order by e.entry collate "C", e.created_at
  limit max_keys
$$;

-- Whether whoever asks may write this object: it is written, row security and the app's triggers speak, and all of that is
-- undone. The backend asks before it takes the file's bytes. A refusal comes as PostgreSQL's own error.
create or replace function storage.freehold_try_upload(
  bucket text, object text, is_upsert boolean, owner_id text, metadata jsonb, user_metadata jsonb)
returns void language plpgsql as $$
begin
  begin
    if is_upsert then
      insert into storage.objects as o (bucket_id, name, version, owner, owner_id, metadata, user_metadata)
      values (bucket, object, '1', storage.freehold_uuid(freehold_try_upload.owner_id), freehold_try_upload.owner_id,
        freehold_try_upload.metadata, freehold_try_upload.user_metadata)
      on conflict (bucket_id, name) do update set version = excluded.version, owner = excluded.owner,
        owner_id = excluded.owner_id, metadata = excluded.metadata, user_metadata = excluded.user_metadata;
    else
      insert into storage.objects (bucket_id, name, version, owner, owner_id, metadata, user_metadata)
      values (bucket, object, '1', storage.freehold_uuid(freehold_try_upload.owner_id), freehold_try_upload.owner_id,
        freehold_try_upload.metadata, freehold_try_upload.user_metadata);
    end if;
    raise exception using errcode = 'FHTRY';
  exception when sqlstate 'FHTRY' then
    null;
  end;
end
$$;

create or replace function storage.freehold_uuid(text) returns uuid language sql immutable as $$
  select case when $1 ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then $1::uuid end
$$;

-- Ours, for the owner's command: what each bucket holds.
create or replace function storage.freehold_usage() returns json language sql stable security definer set search_path = '' as $$
  select json_build_object(
    'buckets', coalesce(json_agg(b order by b.id), '[]'::json), 'objects', coalesce(sum(b.objects), 0),
    'bytes', coalesce(sum(b.bytes), 0),
    'parts', (select json_build_object('uploads', count(distinct p.upload_id), 'bytes', coalesce(sum(p.size), 0))
              from storage.s3_multipart_uploads_parts p))
  from (
    select b.id, b.public, b.file_size_limit, b.allowed_mime_types, b.created_at, count(o.id) as objects,
      coalesce(sum(case when o.metadata ->> 'size' ~ '^[0-9]{1,18}$' then (o.metadata ->> 'size')::bigint end), 0) as bytes
    from storage.buckets b left join storage.objects o on o.bucket_id = b.id
    group by b.id) b
$$;
revoke all on function storage.freehold_usage() from public;
grant usage on schema storage to supabase_auth_admin;
grant execute on function storage.freehold_usage() to supabase_auth_admin;

create or replace function storage.enforce_bucket_name_length() returns trigger language plpgsql as $$
begin
  if length(new.name) > 100 then
    raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
  end if;
  return new;
end
$$;
create or replace trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets
  for each row execute function storage.enforce_bucket_name_length();

create or replace function storage.update_updated_at_column() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end
$$;
create or replace trigger update_objects_updated_at before update on storage.objects
  for each row execute function storage.update_updated_at_column();

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.s3_multipart_uploads enable row level security;
alter table storage.migrations enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role, postgres, dashboard_user;
grant all on storage.s3_multipart_uploads to service_role, postgres, dashboard_user;
grant select on storage.s3_multipart_uploads to anon, authenticated;
alter table storage.s3_multipart_uploads_parts enable row level security;
grant all on storage.s3_multipart_uploads_parts to service_role, postgres, dashboard_user;
grant select on storage.s3_multipart_uploads_parts to anon, authenticated;

reset role;
