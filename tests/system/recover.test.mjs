// SPDX-License-Identifier: Apache-2.0
//
// The day everything burned: another home, a place of backups and the recovery kit are all there is.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chownSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, bin, until } from './freehold.mjs';
import { psql, source } from './crash.mjs';

let f, g, folder, place, second, moved, kit, home, users;

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fh-burned-'));
  chmodSync(folder, 0o755);
  [place, second, moved, kit, home] = ['place', 'second', 'moved', 'kit.txt', 'home'].map((name) => path.join(folder, name));
  mkdirSync(place);
  mkdirSync(second);
  f = await Freehold.start();
  users = new Set();
});
after(async () => {
  await g?.end();
  for (const user of users) try { execFileSync('userdel', [user], { stdio: 'pipe' }); } catch { /* gone */ }
  if (f?.daemon.exitCode === null && f.daemon.signalCode === null) await f.stop();
  rmSync(folder, { recursive: true, force: true });
});

const recover = (...words) => new Promise((resolve) => execFile(path.join(bin, 'freehold'), ['recover', kit, ...words], { env: { ...process.env, FREEHOLD_HOME: home } },
  (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, all: stdout + stderr })));

test('everything is in the place', async () => {
  assert.equal((await f.cli('backup', 'add', place, '--elsewhere')).code, 0);
  assert.equal((await f.cli('backup', 'add', second)).code, 0);
  await f.deploy((await source()).dir, 'shop');
  await f.deploy((await source({ hasServer: true })).dir, 'served');
  await f.cli('env', 'shop', 'set', 'SECRET=-', { input: 'kept' });
  await psql(f, 'shop', 'create table public.n (id int primary key); insert into public.n select generate_series(1, 100)');
  for (const app of ['shop', 'served']) {
    const code = statSync(f.app(app, 'data'));
    writeFileSync(f.app(app, 'data/wrote.txt'), app);
    chownSync(f.app(app, 'data/wrote.txt'), code.uid, code.gid);
    for (const name of ['data', 'storage', 'postgres/data']) users.add(execFileSync('id', ['-nu', String(statSync(f.app(app, name)).uid)], { encoding: 'utf8' }).trim());
  }
  users.delete('root');
  mkdirSync(f.app('shop', 'storage/x'));
  writeFileSync(f.app('shop', 'storage/x/object'), 'bytes');
  await until('both are backed up there', async () => {
    const all = await Promise.all(['shop', 'served'].map((app) => f.api('GET', `/v1/apps/${app}/db/backups`)));
    return all.every(({ body }) => body.places.every(({ backups }) => backups.length > 0));
  }, 90000);
  // One that is dated later than the last, since the clock was ahead.
  f.store("insert into home_setting values ('clock_offset_ms', 300000)");
  await until('files', async () => (await f.cli('backup', 'files')).code === 0, 60000);
  f.store("delete from home_setting where name = 'clock_offset_ms'");
  writeFileSync(f.app('shop', 'storage/x/later'), 'newer');
  await until('files', async () => (await f.cli('backup', 'files')).code === 0, 60000);
  assert.equal((await f.cli('backup', 'kit', kit)).code, 0);
  assert.equal(statSync(kit).mode & 0o777, 0o600);
  // After the last backup: only in the log of changes.
  await psql(f, 'shop', 'insert into public.n select generate_series(101, 200)');
  const [last] = await psql(f, 'shop', 'select pg_walfile_name(pg_switch_wal())');
  await until('it has arrived', async () => (await psql(f, 'shop', `select last_archived_wal >= '${last}' from pg_stat_archiver`))[0] === 't'
    && (await f.api('GET', '/v1/apps/shop/db/backups')).body.places[1].waiting_bytes === 0, 60000);
});

test('one command brings it back on another server', async () => {
  process.kill(f.daemon.pid, 'SIGKILL');
  await f.daemonEnd;
  for (const p of await f.processes()) try { process.kill(p.pid, 'SIGKILL'); } catch { /* gone */ }
  rmSync(f.home, { recursive: true, force: true });
  execFileSync('mv', [place, moved]);
  mkdirSync(home);
  const nowhere = await recover();
  assert.notEqual(nowhere.code, 0);
  assert.match(nowhere.all, /is not there .*mounted/);
  const done = await recover('--at', moved);
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /^served +\d{8}-\d{6}F.*\nshop +\d{8}-.*\n\nEverything is back\. Now start it/m);
  assert.equal(existsSync(path.join(home, 'recovering')), false);
  // Every place takes what it gets from the first moment on, also the new server's own disk, whose repository is new, and
  // a second one that was carried over, where the users of the lost server own what lies there.
  for (const app of ['shop', 'served']) {
    const archive = path.join(home, 'apps', app, 'postgres/archive');
    assert.deepEqual(readdirSync(archive).filter((name) => /\.(failing|broken)$/.test(name)).map((name) => readFileSync(path.join(archive, name), 'utf8')), []);
    assert.deepEqual(readdirSync(archive).filter((name) => name.endsWith('.queue')).flatMap((name) => readdirSync(path.join(archive, name))), []);
  }
  const again = await recover('--at', moved);
  assert.match(again.all, /is in use: everything is recovered into an empty home/);
});

test('apps, rows, files, releases and secrets are there, and backups go on', async () => {
  g = await Freehold.start({ home });
  const answers = async () => Promise.all(['shop', 'served'].map(async (app) => (await g.get(app, '/')).status));
  await until('both answer', async () => (await answers()).every((status) => status === 200), 40000)
    .catch(async (error) => assert.fail(`${error.message}: ${await answers()}\n${(await g.cli('status')).all}\n${readFileSync(g.log, 'utf8')}`));
  assert.deepEqual((await g.api('GET', '/v1/status')).body.warnings.filter((w) => /have not reached|cannot be restored/.test(w)), []);
  assert.deepEqual(await psql(g, 'shop', 'select count(*) from public.n'), ['200']);
  assert.equal(readFileSync(g.app('shop', 'data/wrote.txt'), 'utf8'), 'shop');
  assert.equal(readFileSync(g.app('shop', 'storage/x/object'), 'utf8'), 'bytes');
  assert.equal(readFileSync(g.app('shop', 'storage/x/later'), 'utf8'), 'newer', 'of the copies the last one, not the one dated last');
  assert.match((await g.cli('env', 'shop', 'list', '--show')).stdout, /SECRET.*kept/);
  assert.equal((await g.api('GET', '/v1/apps/shop/releases')).body.releases.length, 1);
  await g.deploy((await source()).dir, 'shop');
  await until('a backup of the new history', async () => {
    const { body } = await g.api('GET', '/v1/apps/shop/db/backups');
    return body.places[1].backups.some((b) => b.timeline > 1) && body.places[1].failing === '';
  }, 90000);
  await until('proved', async () => (await g.cli('db', 'shop', 'drill')).code === 0, 60000);
  await until('proved', async () => (await g.cli('db', 'served', 'drill')).code === 0, 60000);
  assert.ok(!(await g.api('GET', '/v1/status')).body.warnings.some((w) => /If this server is lost/.test(w)));
});
