// SPDX-License-Identifier: Apache-2.0
//
// Backups: there from the first deployment, in several places, through places that fail; what is said of them is true.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { psql, source } from './crash.mjs';

let f, folder, place;

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fh-places-'));
  chmodSync(folder, 0o755);
  place = path.join(folder, 'second');
  execFileSync('mkdir', [place]);
  f = await Freehold.start();
  await f.deploy((await source()).dir, 'shop');
});
after(async () => {
  await f?.end();
  rmSync(folder, { recursive: true, force: true });
});

const backups = async () => (await f.api('GET', '/v1/apps/shop/db/backups')).body.places;
// Nothing that is done by the clock runs any more.
const idle = () => until('no job runs', async () => f.store("select count(*) from job where state = 'running'") === '0', 60000);
const backup = async (...options) => { await idle(); const r = await f.cli('db', 'shop', 'backup', ...options); assert.equal(r.code, 0, r.all); return r; };
const warnings = async () => (await f.api('GET', '/v1/status')).body.warnings;

test('the first backup is taken by itself, and status says where it lies', async () => {
  const [home] = await until('a backup', async () => { const places = await backups(); return places[0].backups.length > 0 && places; });
  assert.equal(home.backups[0].type, 'full');
  assert.equal(home.windows.length, 1);
  assert.match((await warnings())[0], /^If this server is lost, everything is lost/);
  const shown = await f.cli('db', 'shop', 'backups');
  assert.match(shown.stdout, /this disk \(lost with this server\)\n {2}any second from .* to now/);
});

test('a backup on demand takes what changed; --full takes everything; retention lets the rest go', async () => {
  const changed = await backup();
  assert.match(changed.stdout, /what changed/);
  for (let i = 0; i < 2; i++) await backup('--full');
  assert.equal((await backups())[0].backups.filter((b) => b.type === 'full').length, 3, 'all of the last days');
  f.store("insert into home_setting values ('clock_offset_ms', 30 * 86400000)");
  await until('the day after, by itself', async () => (await backups())[0].backups.length === 2, 30000);
  assert.equal((await backups())[0].backups.filter((b) => b.type === 'full').length, 2, 'two full ones stay, however old');
  f.store('delete from home_setting');
});

// As a pgBackRest of the app that runs; gives what ends it.
async function holdLock() {
  const lock = path.join(f.app('shop'), 'postgres/archive/run/main-backup.lock');
  writeFileSync(lock, '');
  chmodSync(lock, 0o666);
  const held = spawn('flock', [lock, 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  await until('the lock is held', async () => spawnSync('flock', ['-n', lock, 'true']).status !== 0);
  return () => held.stdin.end();
}

// pgBackRest does not wait for its lock; whoever waits for it starts one after the other, which lives for some milliseconds:
// it is looked for without a pause, by its name, since one that has ended has no words any more. What archives is PostgreSQL's.
async function hasTriedTwice() {
  const user = statSync(f.app('shop', 'postgres/data')).uid, seen = new Set();
  const isTry = (pid) => {
    try {
      const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      return name === 'pgbackrest' && statSync(`/proc/${pid}`).uid === user && !/^postgres|archive/.test(readFileSync(`/proc/${parent}/comm`, 'utf8'));
    } catch { return false; }
  };
  const until = Date.now() + 25000;
  while (seen.size < 2 && Date.now() < until) {
    for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid) && !seen.has(pid) && isTry(pid)) seen.add(pid);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  assert.ok(seen.size >= 2, 'it tries again');
}

test('another pgBackRest of the app is waited for', async () => {
  await idle();
  const letGo = await holdLock();
  const taken = f.cli('db', 'shop', 'backup');
  await until('it has begun', async () => f.store("select step from job where state = 'running' and kind = 'backup'") === 'place-1');
  try { await hasTriedTwice(); } finally { letGo(); }
  const r = await taken;
  assert.equal(r.code, 0, r.all);
});

test('a backup whose database was stopped says so in plain words, and is made up for', async () => {
  await idle();
  const newest = (await backups())[0].backups.at(-1).id;
  const letGo = await holdLock();
  const taken = f.cli('db', 'shop', 'backup');
  await until('it has begun', async () => f.store("select step from job where state = 'running' and kind = 'backup'") === 'place-1');
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  letGo();
  const r = await taken;
  assert.notEqual(r.code, 0);
  assert.match(r.stderr, /the database of shop was stopped or switched while/);
  assert.doesNotMatch(r.all, /pgBackRest/);
  assert.ok((await warnings()).some((w) => /^A backup of shop was put off/.test(w)), String(await warnings()));
  assert.equal((await f.cli('start', 'shop')).code, 0);
  await until('it was made up for', async () => (await backups())[0].backups.at(-1).id !== newest, 40000);
  await idle();
  assert.ok(!(await warnings()).some((w) => /put off/.test(w)), String(await warnings()));
});

// What is due is begun when it is looked at; whoever is answered after that sees it.
async function takenAt(seconds) {
  f.store(`insert into home_setting values ('clock_offset_ms', ${seconds * 1000}) on conflict (name) do update set value = excluded.value`);
  const newest = () => Number(f.store("select max(id) from job where kind = 'backup'")), before = newest();
  assert.equal((await f.api('PUT', '/v1/backup', {})).status, 200);
  await f.api('GET', '/v1/status');
  return newest() > before;
}

test('one that is put off again and again is tried ever less often', async () => {
  await idle();
  const now = Date.now();
  for (let i = 0; i < 5; i++)
    f.store(`insert into job (app, kind, state, options, began_at, ended_at, error_code, error_message) values ('shop', 'backup', 'failed', '{"place": 0}', ${now}, ${now}, 'conflict', 'in the way')`);
  assert.equal(await takenAt(120), false, 'after 10 s the first time, 160 the fifth');
  assert.equal(await takenAt(170), true);
  await idle();
  f.store("delete from home_setting where name = 'clock_offset_ms'");
});

test('a second place gets its own, and one that fails holds up nobody', async () => {
  const added = await f.cli('backup', 'add', place);
  assert.equal(added.code, 0, added.all);
  assert.match(added.stdout, /second +lost with this server/);
  await until('a backup there', async () => (await backups())[1]?.backups.length > 0);
  renameSync(place, `${place}.away`);
  await psql(f, 'shop', 'create table public.kept_1 (x int); insert into public.kept_1 values (1)');
  await psql(f, 'shop', 'select pg_switch_wal()');
  await until('it is said', async () => (await warnings()).some((w) => /have not reached .*second since/.test(w)));
  await until('it waits', async () => (await backups())[1].waiting_bytes > 0);
  assert.equal((await backups())[0].failing, '', 'the place that is there has everything');
  // The one that a new place is given may run just now: then this one is refused, and says nothing of the place.
  await until('a copy of files fails', async () => (await f.cli('backup', 'files')).code !== 0
    && (await warnings()).some((w) => /^The last copy of files .* failed: .*second: .*is the disk mounted/.test(w)), 60000);
  assert.match((await f.cli('backup')).stdout, /this disk .* kB in \d+ snapshots?\n.*second .*the last copy failed/);
  await f.deploy((await source()).dir, 'shop');
  const began = Date.now();
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  assert.ok(Date.now() - began < 20000, `a stop took ${Date.now() - began} ms`);
  assert.equal((await f.cli('start', 'shop')).code, 0);
  renameSync(`${place}.away`, place);
  await until('what waited has arrived', async () => { const [, s] = await backups(); return s.waiting_bytes === 0 && s.failing === ''; }, 60000);
  const [, told] = await backups();
  assert.equal(told.windows.length, 1, `the window has no gap: ${JSON.stringify(told)}`);
  await until('a copy of files', async () => (await f.cli('backup', 'files')).code === 0, 60000);
  assert.ok(!(await warnings()).some((w) => /copy of files/.test(w)));
  // Of one that began while the clock was ahead nothing follows for when the next is due.
  f.store(`update job set began_at = began_at + ${400 * 86400000} where kind = 'files'`);
  await until('another copy of files', async () => f.store(`select count(*) from job where kind = 'files' and state = 'done' and began_at <= ${Date.now()}`) !== '0', 60000);
  assert.match((await f.cli('backup')).stdout, /this disk .* kB in \d+ snapshots\n.*second .* kB in \d+ snapshots?\n/);
});

test('at its ceiling the queue is dropped, the window says so, and a full backup mends it', async () => {
  assert.equal((await f.cli('backup', 'set', 'ceiling=64M')).code, 0);
  await f.cli('stop', 'shop');
  await f.cli('start', 'shop');
  renameSync(place, `${place}.away`);
  for (let i = 0; i < 7; i++) {
    await psql(f, 'shop', `create table public.dropped_${i} (x int)`);
    await psql(f, 'shop', 'select pg_switch_wal()');
  }
  await until('the window is broken', async () => (await backups())[1].broken !== '', 60000);
  assert.ok((await warnings()).some((w) => /cannot be restored to a moment after .* from .*second/.test(w)), String(await warnings()));
  assert.equal((await backups())[0].broken, '', 'of that place only');
  assert.match((await f.cli('db', 'shop', 'backups')).stdout, /the window is broken/);
  const before = (await backups())[1].backups.length;
  renameSync(`${place}.away`, place);
  await backup();
  const [, second] = await backups();
  assert.equal(second.broken, '');
  assert.ok(second.backups.length > before - 1);
  assert.equal(second.backups.at(-1).type, 'full', 'a full one without being asked');
  assert.equal(second.windows.length, 2, JSON.stringify(second));
});

test('places that cannot be are refused in words', async () => {
  for (const [typed, said] of [['relative/path', /no place for backups/], ['/no/such/folder', /no folder here/], ['sftp://host/x', /2\.46/], ['s3://B', /no bucket/]]) {
    const r = await f.cli('backup', 'add', typed, { input: 'x' });
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, said);
  }
  assert.match((await f.cli('backup', 'set', 'days=0')).stderr, /days is how many days/);
  assert.equal((await f.cli('backup', 'remove', '2')).code, 0);
  assert.match((await f.cli('backup', 'remove', '1')).stderr, /only place/);
});
