-- SPDX-License-Identifier: Apache-2.0
-- freehold_auth: what sign-in keeps beside upstream's tables. Here the mails: a row is written in the transaction that
-- makes what the mail is about, and sent from there (src/mail/queue.h has the rules). Nobody but supabase_auth_admin
-- sees them, since they hold links that sign in.

create schema if not exists freehold_auth authorization supabase_auth_admin;

set local role supabase_auth_admin;

-- waiting: to be sent from next_attempt_at on; sending: until claimed_until by one sender; sent; dead: given up.
-- What a mail said is emptied when it was sent.
create table if not exists freehold_auth.mails (
  id bigint generated always as identity primary key,
  message_id uuid not null default gen_random_uuid(),
  kind text not null,
  recipient text not null,
  subject text not null,
  html text not null,
  plain text not null,
  link text,
  token text,
  user_id uuid,
  state text not null default 'waiting' check (state in ('waiting', 'sending', 'sent', 'dead')),
  attempts integer not null default 0,
  answer text,
  queued_at timestamptz not null default now(),
  next_attempt_at timestamptz not null default now(),
  claimed_until timestamptz,
  ended_at timestamptz
);
create index if not exists mails_due_idx on freehold_auth.mails (next_attempt_at) where state in ('waiting', 'sending');
create index if not exists mails_recipient_idx on freehold_auth.mails (recipient);

create table if not exists freehold_auth.mail_attempts (
  mail_id bigint not null references freehold_auth.mails (id) on delete cascade,
  at timestamptz not null default now(),
  outcome text not null,
  answer text not null
);
create index if not exists mail_attempts_mail_id_idx on freehold_auth.mail_attempts (mail_id);

-- Refuses beyond ten thousand that wait: by then somebody is bombing, or the mail server has been away for long.
create or replace function freehold_auth.queue_mail(kind text, recipient text, subject text, html text, plain text,
  link text, token text, user_id uuid) returns bigint language plpgsql set search_path = '' as $$
declare
  made bigint;
begin
  if (select count(*) >= 10000 from (select from freehold_auth.mails m where m.state in ('waiting', 'sending')
      limit 10000) w) then
    raise exception 'ten thousand mails wait to be sent' using errcode = 'configuration_limit_exceeded';
  end if;
  insert into freehold_auth.mails as m (kind, recipient, subject, html, plain, link, token, user_id)
  values (kind, recipient, subject, html, plain, link, token, user_id) returning m.id into made;
  perform pg_notify('freehold_mail', '');
  return made;
end
$$;
revoke execute on function freehold_auth.queue_mail(text, text, text, text, text, text, text, uuid) from public;

reset role;
