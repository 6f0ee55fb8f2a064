// SPDX-License-Identifier: Apache-2.0
//
// A move whose source is followed: a second copy that gets every change while the first is tried, a short pause at the end, and nothing
// left at the source. (Whatever dies in between: tests/long/follow-killed.mjs.)
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Freehold, bin, example, present, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { Writer, made as slots, startSource, writable } from './import/followed.mjs';

let f, b;
const ask = (sql) => f.ask('site', sql);
const move = (...words) => f.cli('move', 'site', ...words);
const journal = async () => (await f.api('GET', '/v1/apps/site/db/import')).body;
const made = () => slots(b);

before(async () => {
  b = await startSource();
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
});
after(async () => {
  await f?.end();
  await b?.stop();
});

test('the first copy is tried and written to, the second follows, and the pause is short', async () => {
  const writers = [2, 3, 4].map((n) => new Writer(b, n));
  const copied = await move(b.url(), '--replace');
  assert.equal(copied.code, 0, copied.all);
  assert.match(copied.all, /public\.keyless has no primary key/);
  assert.match(copied.all, /pg_drop_replication_slot/);
  const began = await journal();
  assert.equal(began.report.catch_up.way, 'replication', JSON.stringify(began.report.catch_up));
  await until('it follows', async () => (await journal()).following?.active);
  const asked = (await journal()).following.asked_at;
  await f.killDaemon();
  await f.startDaemon();
  await until('it follows again', async () => (await journal()).following.asked_at > asked && (await journal()).following.active);
  assert.match((await move()).stdout, /follows[^]*behind/);
  // With everything stopped the slot stays there, which is said.
  const { stderr: stopped } = await promisify(execFile)(path.join(bin, 'freeholdd'), ['--stop'], { env: f.env });
  assert.match(stopped, /^site is being moved, and the slot (freehold_move_\w+) stays at .*keeps its log for it without a limit of its own .*4096 MB.*pg_drop_replication_slot\('\1'\)$/m);
  assert.match(readFileSync(f.log, 'utf8'), /warn site is being moved, and the slot freehold_move_/);
  assert.equal(await made(), '2');
  await f.startDaemon();
  const lastAsked = (await journal()).following.asked_at;
  await until('it follows once more', async () => (await journal()).following.asked_at > lastAsked && (await journal()).following.active);
  // What is tried here is in the way of nothing.
  await ask('insert into moved select 2000000 + n from generate_series(1, 50) n on conflict do nothing; delete from moved where id < 500; insert into keyless values (-1)');
  await b.psql("insert into auth.users (id, email, is_sso_user, is_anonymous, of_tomorrow) values ('c0000000-0000-4000-8000-000000000001', 'late@example.com', false, false, 'x'); update public.notes set body = 'seen late' where id = 1");
  const before = writers.map((w) => w.rows.size);
  await until('all write on', () => writers.every((w, i) => w.rows.size > before[i] + 20));
  const done = await move('--finish');
  assert.equal(done.code, 0, done.all);
  for (const w of writers) {
    await w.ended;
    assert.match(w.refused, /this app is being moved/);
    const here = await ask(`select id || ' ' || body from moved where id / 1000000 = ${Math.floor(w.next / 1e6)} order by id`);
    assert.equal(here, [...w.rows].map(([id, body]) => `${id} ${body}`).join('\n'));
  }
  for (const sql of ['select count(*), sum(hashtext(moved::text)::numeric) from public.moved', 'select count(*), sum(id) from public.keyless', 'select * from public.scratch',
    'select last_value, is_called from public.counter', 'select count(*), max(email) from auth.users', 'select body from public.notes where id = 1'])
    assert.equal(await ask(sql), await b.psql(sql), sql);
  assert.equal(await ask("select count(*) from pg_subscription union all select count(*) from pg_attribute where attname = 'of_tomorrow' union all select count(*) from pg_publication where pubname like 'freehold_move%'"), '0\n0\n0');
  assert.equal(await made(), '0');
  const state = await journal();
  assert.equal(state.following.state, 'ended');
  // What makes the pause short: nothing is copied in it but what cannot be followed.
  const { last_ms: last, whole_ms: whole, compare_ms: compare, way } = state.report.catch_up;
  console.log(`pause ${state.report.held_ms} ms (${JSON.stringify(state.report.catch_up)}), the copy ${began.took_ms} ms: ${((last + whole + compare) / began.took_ms).toFixed(2)} of it`);
  assert.equal(way, 'replication');
  assert.ok(last + whole + compare < began.took_ms / 3 && state.report.held_ms < began.took_ms, `${state.report.held_ms} of ${began.took_ms} ms`);
  for (const ms of [last, whole, compare]) assert.equal(typeof ms, 'number', 'it was waited for, completed and compared');
  const completed = state.following.whole.map((t) => t.name);
  for (const name of ['public.keyless', 'public.scratch']) assert.ok(completed.includes(name), `${name}: ${completed}`);
  for (const name of ['public.moved', 'public.notes', 'auth.users']) assert.ok(!completed.includes(name), `${name}: ${completed}`);
  assert.match(done.stdout, /followed/);
  assert.equal(present(f.app('site', 'following/db')), false);
  assert.equal((await move('--back')).code, 0);
  assert.equal(await writable(b), true);
});

test('a source that does not allow it is told, and the other way is taken', async () => {
  const other = await Bare.start({ walLevel: 'replica' });
  try {
    await other.psql("create role postgres superuser login password 'let-me-in'; set role postgres; create table public.thing as select 1 as id");
    const copied = await move(other.url(), '--replace');
    assert.equal(copied.code, 0, copied.all);
    assert.match(copied.all, /not followed: its wal_level is replica/);
    assert.equal((await journal()).following.state, 'ended');
    assert.match((await move()).stdout, /It is not followed: its wal_level is replica[^]*copies once more/);
    await other.psql('insert into public.thing values (2)');
    const done = await move('--finish');
    assert.equal(done.code, 0, done.all);
    assert.equal(await ask('select count(*) from thing'), '2');
    assert.equal((await journal()).report.catch_up.way, 'pause');
    assert.equal((await move('--back')).code, 0);
  } finally {
    await other.stop();
  }
});

test('a source that is made otherwise meanwhile, or keeps too much for it, is left', async () => {
  assert.equal((await move(b.url(), '--replace', '--slot-limit', '32')).code, 0);
  assert.equal(await made(), '2');
  const open = spawn('psql', ['-XAtq', b.url()], { stdio: 'pipe' });
  open.stdin.write('begin; insert into public.moved values (-5); select 1;\n');
  await new Promise((resolve) => open.stdout.once('data', resolve));
  await b.psql("set role postgres; create table public.large (id int, t text); insert into public.large select n, repeat(md5(n::text), 60) from generate_series(1, 25000) n; drop table public.large");
  await until('the slot is given up', async () => (await made()) === '0');
  await until('it is told', async () => (await journal()).following?.state === 'ended');
  assert.match((await move()).stdout, /more than 32 MB/);
  open.stdin.end('rollback;\n');
  assert.equal((await move(b.url(), '--replace')).code, 0);
  assert.equal(await made(), '2');
  await b.psql('alter table public.moved add column more int', { user: 'postgres' });
  const done = await move('--finish');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /made otherwise now than when it was copied: table public\.moved/);
  assert.equal(await ask('select count(more) from moved'), '0');
  assert.equal(await made(), '0');
  assert.equal((await move('--back')).code, 0);
});
