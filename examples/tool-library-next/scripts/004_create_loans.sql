-- Who asked for what, and what the owner said
create table if not exists public.loans (
  id uuid primary key default gen_random_uuid(),
  tool_id uuid not null references public.tools (id) on delete cascade,
  borrower_id uuid not null references public.profiles (id) on delete cascade,
  lender_id uuid not null references public.profiles (id) on delete cascade,
  note text not null default '',
  status text not null default 'requested' check (status in ('requested', 'approved', 'declined', 'returned')),
  created_at timestamptz not null default now()
);

create unique index if not exists loans_one_at_a_time on public.loans (tool_id) where status = 'approved';

alter table public.loans enable row level security;

create policy "loans_select_both_sides" on public.loans for select using (auth.uid() in (borrower_id, lender_id));
create policy "loans_insert_borrower" on public.loans for insert with check (auth.uid() = borrower_id and status = 'requested');
create policy "loans_update_lender" on public.loans for update using (auth.uid() = lender_id);

-- The lender is whoever owns the tool
create or replace function public.set_lender()
returns trigger
language plpgsql
security definer
set search_path = public
as $$
begin
  select owner_id into new.lender_id from public.tools where id = new.tool_id and is_listed;
  if not found then
    raise exception 'That tool is not on the wall any more';
  end if;
  if new.lender_id = new.borrower_id then
    raise exception 'This one is yours already';
  end if;
  return new;
end;
$$;

revoke execute on function public.set_lender() from public, anon, authenticated;

drop trigger if exists loans_set_lender on public.loans;

create trigger loans_set_lender
  before insert on public.loans
  for each row
  execute function public.set_lender();
