create table public.notes (id int primary key, owner uuid, body text, room int, done boolean default false);
create table public.open_notes (id bigint generated always as identity primary key, body text, room int, price numeric, tags text[], data jsonb,
  made timestamptz default now(), mood text default 'ok', secret text);
create table public.whole (id int primary key, a text, b text);
alter table public.whole replica identity full;
create table public.keyless (a text);
alter table public.keyless replica identity full;
create table public.unheard (id int primary key);
alter table public.notes enable row level security;
create policy mine on public.notes for select to authenticated using (owner = auth.uid());
create policy lobby on public.notes for select to anon using (room = 0);
revoke select on public.open_notes from anon;
grant select (id, body, room, price, tags, data, made, mood) on public.open_notes to anon;
alter publication supabase_realtime add table public.notes, public.open_notes, public.whole, public.keyless;
create policy "members read" on realtime.messages for select to authenticated using (realtime.topic() = 'club' or realtime.topic() = 'read-only');
create policy "members write" on realtime.messages for insert to authenticated with check (realtime.topic() = 'club');
create policy "broadcast only" on realtime.messages for select to authenticated using (realtime.topic() = 'no-presence' and extension = 'broadcast');
