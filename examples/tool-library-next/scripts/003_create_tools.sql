-- What hangs on the wall
create table if not exists public.tools (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid not null references public.profiles (id) on delete cascade,
  name text not null check (char_length(name) between 2 and 80),
  description text not null default '',
  is_listed boolean not null default true,
  created_at timestamptz not null default now()
);

alter table public.tools enable row level security;

create policy "tools_select_listed" on public.tools for select using (is_listed or auth.uid() = owner_id);
create policy "tools_insert_own" on public.tools for insert with check (auth.uid() = owner_id);
create policy "tools_update_own" on public.tools for update using (auth.uid() = owner_id);
create policy "tools_delete_own" on public.tools for delete using (auth.uid() = owner_id);
