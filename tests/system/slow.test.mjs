// SPDX-License-Identifier: Apache-2.0
//
// What is slow: who sends each query, told from its text, and indexes that would help, proved by PostgreSQL's planner with
// indexes that are made up. Nothing is changed by asking.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Freehold, example, until } from './freehold.mjs';

let f, keys, user;
const sql = async (text) => { const r = await f.cli('db', 'site', 'psql', '--', '-XAtc', text); assert.equal(r.code, 0, r.all); return r.stdout.trim(); };
const ask = (method, url, headers, body) => f.get('site', url, { method, headers: { 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
const slow = async () => JSON.parse((await f.cli('db', 'site', 'slow', '--json')).stdout);

before(async () => {
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  keys = JSON.parse(await readFile(f.app('site', 'backend.json'), 'utf8'));
  assert.deepEqual((await slow()).queries.filter((q) => /freehold|pg_class|pg_namespace|^create/i.test(q.query)), [], 'nothing of Freehold\'s own in a fresh app');
  await sql(`create table people (id int primary key, name text);
    create table notes (id int primary key, owner uuid, person int references people, "Kind Of" text, body text, at timestamptz default now());
    alter table notes enable row level security; create policy own on notes for all to authenticated using (owner = (select auth.uid()));
    create function hello(a int) returns int language sql as 'select a';
    create schema reports; create table reports.days (id int primary key);
    insert into people select n, 'p' || n from generate_series(1, 2000) n;
    insert into notes select n, gen_random_uuid(), n % 2000 + 1, 'k' || n % 10, 'b' || n, now() - n * interval '1 minute' from generate_series(1, 30000) n`);
  await sql('analyze notes, people');
  const signed = await ask('POST', '/auth/v1/signup', { apikey: keys.anon_key }, { email: 'a@example.com', password: 'a long secret' });
  user = { apikey: keys.anon_key, authorization: `Bearer ${signed.body.access_token}` };
  const all = { apikey: keys.service_role_key, authorization: `Bearer ${keys.service_role_key}` };
  await until('the tables are served', async () => (await ask('GET', '/rest/v1/people?limit=1', all)).status === 200);
  const reset = await f.cli('db', 'site', 'psql', '--', '-U', 'supabase_admin', '-XAtc', 'select extensions.pg_stat_statements_reset()');
  assert.equal(reset.code, 0, reset.all);
  const requests = [['GET', '/rest/v1/notes?select=id,people(name)&person=eq.3&order=at.desc&limit=5'], ['GET', '/rest/v1/people?select=name,notes(body)&id=lt.3'],
    ['GET', '/rest/v1/notes?%22Kind%20Of%22=eq.k3&select=id,at&at=gt.2025-01-01'], ['POST', '/rest/v1/people', { id: 90001, name: 'new' }],
    ['PATCH', '/rest/v1/people?id=eq.90001', { name: 'newer' }], ['DELETE', '/rest/v1/people?id=eq.90001'], ['POST', '/rest/v1/rpc/hello', { a: 1 }],
    ['POST', '/storage/v1/object/list/none', { prefix: '' }]];
  for (let i = 0; i < 3; i++) for (const [method, url, body] of requests) await ask(method, url, all, body);
  for (let i = 0; i < 3; i++) assert.equal((await ask('GET', '/rest/v1/notes?select=id&order=at.desc&limit=20', user)).status, 200);
});
after(async () => { await f?.end(); });

test('each query is told with the request that sends it', async () => {
  const { queries } = await slow();
  const told = new Set(queries.map((q) => q.endpoint));
  for (const endpoint of ['GET /rest/v1/notes', 'GET /rest/v1/people', 'POST /rest/v1/people', 'PATCH /rest/v1/people', 'DELETE /rest/v1/people',
    'POST /rest/v1/rpc/hello', 'POST /storage/v1/object/list', 'each request to /rest/v1', 'each request to /storage/v1']) {
    assert.ok(told.has(endpoint), `${endpoint}: ${[...told].join('; ')}`);
  }
  assert.deepEqual(queries.filter((q) => q.role === 'supabase_admin' || /^(create|alter|analyze)|pg_stat/i.test(q.query)), []);
  const untold = queries.filter((q) => q.query.includes('_postgrest_t') && !q.endpoint);
  assert.deepEqual(untold, []);
  const shown = (await f.cli('db', 'site', 'slow')).stdout;
  assert.match(shown, /GET \/rest\/v1\/notes, REST, signed in/);
});

test('indexes that would help are proposed, with what the planner reckons before and after', async () => {
  const { proposals, foreign_keys: missing } = await slow();
  assert.equal(proposals.proved, true);
  const found = Object.fromEntries(proposals.list.map((p) => [p.index, p]));
  for (const index of ['create index on public.notes (person, at);', 'create index on public.notes ("Kind Of", at);', 'create index on public.notes (owner, at);']) {
    assert.ok(found[index], `${index}: ${Object.keys(found)}`);
    assert.ok(found[index].cost_after < found[index].cost_before * 0.8, JSON.stringify(found[index]));
    assert.equal(found[index].endpoint, 'GET /rest/v1/notes');
  }
  assert.equal(found['create index on public.notes (person);'], undefined, 'the longer one serves it');
  assert.equal(found['create index on public.notes (owner, at);'].role, 'authenticated');
  const key = missing.find((k) => k.columns === 'person');
  assert.ok(key.cost_after < key.cost_before / 10, JSON.stringify(key));
  const shown = (await f.cli('db', 'site', 'slow')).stdout;
  assert.match(shown, /create index on public\.notes \(owner, at\); cost \d+, with it \d+; about [\d.]+ MB\n +for GET \/rest\/v1\/notes \(REST, signed in\), 3 calls/);
});

test('what was proposed helps, and is not proposed again; nothing was made by asking', async () => {
  assert.equal(await sql("select count(*) from pg_indexes where tablename = 'notes'"), '1');
  assert.equal(await sql("select count(*) from pg_extension where extname = 'hypopg'"), '0');
  await sql('create index on public.notes (owner, at); create index on public.notes (person, at); create index on public.notes ("Kind Of", at)');
  const again = await slow();
  assert.deepEqual(again.proposals.list.filter((p) => p.table === 'public.notes').map((p) => p.index), []);
  assert.deepEqual(again.foreign_keys, []);
});

test('functions of policies are called as the app\'s owner at most, never as the superuser', async () => {
  await sql(`create function public.peek() returns int language plpgsql stable as $$ begin
      raise warning 'planned by %', session_user; perform pg_catalog.set_config('role', 'supabase_admin', true); return 0;
      exception when insufficient_privilege then return 0; end $$;
    create policy peeks on notes for select to authenticated using (id > peek())`);
  await ask('GET', '/rest/v1/notes?select=id&order=body&limit=20', user);
  const log = () => readFile(f.app('site', 'logs/postgres.log'), 'utf8');
  const before = (await log()).length;
  assert.equal((await slow()).proposals.proved, true);
  const said = (await log()).slice(before);
  assert.match(said, /planned by postgres/);
  assert.doesNotMatch(said, /planned by supabase_admin/);
});
