// SPDX-License-Identifier: Apache-2.0
//
// Going back: to a second, to a restore point, one table only; undone; killed at each step; and drills that can fail.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { jobStands, psql, source } from './crash.mjs';

let f, first;
const idle = () => until('no job runs', async () => f.store("select count(*) from job where state = 'running'") === '0', 90000);
const db = async (...words) => { await idle(); const r = await f.cli('db', 'shop', ...words); assert.equal(r.code, 0, `${words.join(' ')}: ${r.all}`); return r; };
const ids = async () => (await psql(f, 'shop', 'select id from public.n order by id')).map(Number);
const answers = () => until('the app answers', async () => (await f.get('shop', '/')).status === 200);
// A moment between two commits: both clocks are the machine's, and a millisecond is what a restore goes to.
async function moment() {
  const since = Date.now();
  await until('a later millisecond', () => Date.now() > since);
  const at = Date.now();
  await until('one later still', () => Date.now() > at);
  return new Date(at).toISOString();
}

before(async () => {
  f = await Freehold.start();
  first = await source();
  await f.deploy(first.dir, 'shop');
  await until('a backup', async () => (await f.api('GET', '/v1/apps/shop/db/backups')).body.places[0].backups.length > 0, 60000);
  await psql(f, 'shop', 'create table public.n (id int primary key, created_at timestamptz default now()); alter table public.n owner to postgres; insert into public.n select generate_series(1, 5)');
});
after(() => f?.end());

let at;
test('a copy can be looked at, and rows of one table come back from it', async () => {
  at = await moment();
  await psql(f, 'shop', 'delete from public.n where id <= 3; insert into public.n values (6)');
  const looked = await db('restore', '--to', at, '--inspect');
  assert.match(looked.stdout, /public\.n +5 +3 /);
  const sockets = /psql -h (\S+)/.exec(looked.stdout)[1];
  const { uid, gid } = statSync(f.app('shop', 'postgres/data'));
  const inCopy = (sql) => execFileSync('psql', ['-XAtq', '-h', sockets, '-U', 'postgres', '-d', 'postgres', '-c', sql], { uid, gid, cwd: '/', encoding: 'utf8', stdio: 'pipe' }).trim();
  assert.equal(inCopy('select count(*) from public.n'), '5');
  assert.throws(() => inCopy('delete from public.n'), /read-only transaction/);
  assert.equal(inCopy('show archive_mode'), 'off');
  assert.match((await db('restore', '--table', 'n', '--where', 'id = 2')).stdout, /1 rows in the copy, 1 of them/);
  assert.deepEqual(await ids(), [2, 4, 5, 6]);
  assert.match((await db('restore', '--table', 'public.n')).stdout, /5 rows in the copy, 2 of them/);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 6]);
  await idle();
  assert.match((await f.cli('db', 'shop', 'restore', '--table', 'n', '--where', 'true); drop table public.n; --')).stderr, /syntax error|cannot insert multiple/);
  await psql(f, 'shop', 'drop table public.n');
  assert.match((await db('restore', '--table', 'n')).stdout, /with the table/);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5]);
});

test('the app is switched over to the copy, that is undone, and undone again', async () => {
  await psql(f, 'shop', 'insert into public.n values (7)');
  assert.match((await db('restore', '--copy')).stdout, /public\.n +5 +6 /);
  await answers();
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5]);
  await psql(f, 'shop', 'insert into public.n values (8)');
  assert.match((await db('restore', '--undo')).stdout, /is back at what was live before the restore/);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 7]);
  assert.match((await db('restore', '--undo')).stdout, /is at what the restore had brought again/);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 8]);
});

test('a moment belongs to the history that was live then', async () => {
  const later = await moment();
  await psql(f, 'shop', 'insert into public.n values (9)');
  await db('restore', '--to', later);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 8]);
  await psql(f, 'shop', 'insert into public.n values (10)');
  await db('restore', '--to', at);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5]);
  const [place] = (await f.api('GET', '/v1/apps/shop/db/backups')).body.places;
  assert.equal(place.failing, '', 'each history has a number of its own in the archive');
});

test('each deployment makes a point to go back to', async () => {
  await psql(f, 'shop', 'insert into public.n values (20)');
  const number = await f.deploy((await source({ earlier: first.migrations })).dir, 'shop');
  await psql(f, 'shop', 'insert into public.n values (21)');
  await idle();
  await db('restore', '--point', `before-${number}`);
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5, 20]);
  assert.match((await f.cli('status')).stdout, /shop keeps the database that its last restore set\s+aside, \d+ MB on this\s+disk/);
  assert.match((await db('restore', '--forget')).stdout, /are gone; --undo has nothing to go back to/);
  assert.doesNotMatch((await f.cli('status')).stdout, /shop keeps/);
  assert.equal(existsSync(f.app('shop', 'postgres')) && readdirSync(f.app('shop', 'postgres')).some((n) => /^(aside|copy)-/.test(n)), false);
});

// CRASH_ALL=1, as tests/long/crash.mjs sets it: every point; else those around the switch.
const points = process.env.CRASH_ALL ? ['fetch:restore', 'recover:restore', 'compare:restore', 'stop:restore', 'swap:noted', 'swap:exchanged', 'start:restore']
  : ['recover:restore', 'swap:noted', 'swap:exchanged'];
for (const point of points)
  test(`killed at ${point}, the app has the one state or the other`, async () => {
    await psql(f, 'shop', 'delete from public.n where id = 200; insert into public.n values (100) on conflict do nothing');
    await idle();
    const before = await moment();
    await psql(f, 'shop', 'insert into public.n values (200) on conflict do nothing');
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: point });
    await until('PostgreSQL runs', async () => (await f.api('GET', '/v1/apps/shop')).body.processes.every((p) => p.state === 'running'), 40000);
    await idle();
    const begun = await f.api('POST', '/v1/apps/shop/db/restore', { to: before });
    assert.equal(begun.status, 202, begun.text);
    await jobStands(f, point);
    await f.killDaemon();
    await f.startDaemon();
    await idle();
    await answers();
    await until('PostgreSQL runs', async () => (await f.api('GET', '/v1/apps/shop')).body.processes.every((p) => p.state === 'running'), 40000);
    const isDone = f.store(`select state from job where id = ${begun.body.id}`) === 'done';
    assert.equal(isDone, ['swap:exchanged', 'start:restore'].includes(point));
    assert.equal((await ids()).includes(200), !isDone);
    assert.equal((await ids()).includes(100), true);
    assert.equal(readdirSync(f.app('shop', 'postgres')).filter((n) => /^copy-/.test(n)).length, 0);
    if (isDone) await db('restore', '--undo');
    assert.equal((await ids()).includes(200), true);
  });

test('a drill proves the backup; one that was spoiled is the first thing that status says', async () => {
  assert.match((await db('drill')).stdout, /^Proved: /m);
  assert.match((await f.cli('status')).stdout, /last proved just now: .* in /);
  // Half of a file of each full backup is gone.
  const folder = f.app('shop', 'postgres/repository/backup/main');
  for (const full of readdirSync(folder).filter((n) => /^\d.*F$/.test(n))) {
    const files = execFileSync('find', [path.join(folder, full, 'pg_data/base'), '-type', 'f', '-size', '+8k'], { encoding: 'utf8' }).trim().split('\n');
    truncateSync(files[0], 4096);
  }
  await idle();
  const failed = await f.cli('db', 'shop', 'drill');
  assert.notEqual(failed.code, 0);
  assert.match((await f.api('GET', '/v1/status')).body.warnings[0], /^THE BACKUP OF shop COULD NOT BE RESTORED/);
  assert.equal(readdirSync(f.app('shop', 'postgres')).filter((n) => /^drill-/.test(n)).length, 0);
  await db('backup', '--full');
  await db('drill');
  assert.doesNotMatch((await f.api('GET', '/v1/status')).body.warnings[0], /COULD NOT/);
});

test('what cannot be is refused in words', async () => {
  for (const [words, said] of [[[], /restore to where/], [['--to', 'yesterday'], /no moment/], [['--to', '2001-01-01T00:00:00'], /no backup of shop reaches/],
    [['--to', '2999-01-01T00:00:00'], /has not come yet/], [['--point', 'before-999'], /no restore point/], [['--backup', 'x'], /no backup x/], [['--copy'], /no copy to switch/]]) {
    const r = await f.cli('db', 'shop', 'restore', ...words);
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, said);
  }
});
