create table public.notes (id bigint generated always as identity primary key, owner uuid default auth.uid(), body text not null);
alter table public.notes enable row level security;
create policy "own notes" on public.notes for all to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
create policy "notes of nobody" on public.notes for select to anon using (owner is null);
alter publication supabase_realtime add table public.notes;
create policy "members read the club" on realtime.messages for select to authenticated using (realtime.topic() = 'club');
create policy "members write to the club" on realtime.messages for insert to authenticated with check (realtime.topic() = 'club');
