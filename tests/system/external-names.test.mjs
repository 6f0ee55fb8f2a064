// SPDX-License-Identifier: Apache-2.0
//
// A database elsewhere whose host is a name: while nobody answers what its address is, and where its first address leads nowhere, what
// needs no database is answered as ever. As root.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Freehold, folder, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { Outside } from './outside.mjs';

const NAME = 'db.example.com';
const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
let f, outside, bare, keys;

before(async () => {
  outside = await Outside.start({ names: [NAME] });
  bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss', within: outside.within, address: outside.address, certificate: outside.dir,
    hba: 'host all all all scram-sha-256\n' });
  await bare.psql("create role keeper login createrole createdb password 'keeps'");
  await bare.psql('create database shop owner keeper');
  f = await Freehold.start({ wrap: outside.wrap });
  const site = await folder({ 'index.html': '<!doctype html><title>shop</title>',
    'supabase/migrations/20260101000000_notes.sql': `create table public.notes (id int primary key);
alter table public.notes enable row level security;
create policy all_read on public.notes for select using (true);
insert into public.notes values (7);` });
  await f.deploy(site, 'shop', '--database', `postgresql://keeper:keeps@${NAME}:${bare.port}/shop`);
  ({ keys } = (await f.api('GET', '/v1/apps/shop')).body);
});
after(async () => {
  if (outside) outside.state.isSilent = false;
  await f?.end();
  await bare?.stop();
  await outside?.stop();
});

const timed = async (url) => {
  const from = performance.now();
  const { status } = await f.get('shop', url, { headers: { apikey: keys.anon } });
  return { status, ms: performance.now() - from };
};
const cut = () => bare.psql("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'fh\\_%'");

test('while the name is looked up in vain the backend answers what needs no database, and the daemon everything', async () => {
  assert.equal((await timed('/rest/v1/notes')).status, 200);
  outside.state.isSilent = true;
  await cut();
  let isOver = false;
  const waiting = timed('/rest/v1/notes').finally(() => { isOver = true; });
  const sized = f.api('GET', '/v1/apps/shop/db/size');
  let worst = 0, asked = 0;
  for (; !isOver; asked++) {
    worst = Math.max(worst, (await timed('/auth/v1/settings')).ms);
    const from = performance.now();
    await f.api('GET', '/v1/status');
    worst = Math.max(worst, performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { status, ms } = await waiting;
  outside.state.isSilent = false;
  const size = await sized;
  console.log(`# size ${size.status} ${size.text}`);
  assert.ok([503, 504].includes(size.status), size.text);
  assert.equal(status, 503);
  assert.ok(asked > 20, `${asked} questions in ${ms} ms`);
  assert.ok(worst < 2000, `the slowest answer that needs no database took ${Math.round(worst)} ms`);
  console.log(`# rows were refused after ${Math.round(ms)} ms; meanwhile asked ${asked} times, the slowest took ${Math.round(worst)} ms`);
  const from = performance.now();
  await until('rows come again', async () => (await timed('/rest/v1/notes')).status === 200);
  console.log(`# rows came again after ${Math.round(performance.now() - from)} ms`);
});

test('an address of IPv6 that swallows everything is left for the next one', async () => {
  outside.swallow();
  await cut();
  const { status, ms } = await timed('/rest/v1/notes');
  assert.equal(status, 200);
  assert.ok(ms > 900 && ms < 9000, `it took ${Math.round(ms)} ms; was the address tried at all?`);
  const look = await f.cli('db', 'shop', 'external', `postgresql://keeper:keeps@${NAME}:${bare.port}/shop`);
  assert.equal(look.code, 0, look.all);
});
