// SPDX-License-Identifier: Apache-2.0
// The whole way as an ordinary user: no system users, one user for everything, sandboxes by user namespaces.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, bin, example, until } from './freehold.mjs';
import { applied, assertAgreement, assertNothingLeft, deployUntil, restart, source } from './crash.mjs';

const user = `fhtest${process.pid % 100000}`;
let f, dir, why, ids;

// Programs, examples and a home where the user can reach them.
function prepare() {
  if (process.getuid() !== 0) return undefined;
  execFileSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', user]);
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  ids = { uid: id('-u'), gid: id('-g') };
  dir = mkdtempSync(path.join(os.tmpdir(), 'fho-'));
  chmodSync(dir, 0o755);
  cpSync(bin, path.join(dir, 'bin'), { recursive: true });
  const as = ['--reuid', String(ids.uid), '--regid', String(ids.gid), '--clear-groups'];
  const tried = spawnSync('setpriv', [...as, 'bwrap', '--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', 'true'], { encoding: 'utf8' });
  return tried.status === 0 ? undefined : `user namespaces are not available: ${tried.stderr}`;
}

before(async () => {
  why = prepare();
  if (why) return;
  const home = dir ? path.join(dir, 'h') : undefined;
  if (home) {
    execFileSync('install', ['-d', '-o', user, '-g', user, '-m', '700', home]);
    const as = ['setpriv', '--reuid', String(ids.uid), '--regid', String(ids.gid), '--clear-groups'];
    f = await Freehold.start({ home, programs: path.join(dir, 'bin'), wrap: as, wrapCli: as, mode: 0o700 });
    f.env.HOME = home;
  } else {
    f = await Freehold.start();
  }
});
after(async () => {
  if (f) await f.end();
  if (dir) rmSync(dir, { recursive: true, force: true });
  if (ids) spawnSync('userdel', [user]);
});

async function readable(made) {
  if (ids) execFileSync('chown', ['-R', `${ids.uid}:${ids.gid}`, made.dir]);
  return made;
}

test('a static site with a database: live, changed, back', async (t) => {
  if (why) return t.skip(why);
  const one = await readable(await source());
  assert.equal(await f.deploy(one.dir, 'shop'), 1);
  await assertAgreement(f, 'shop');
  assert.deepEqual(await applied(f, 'shop'), one.versions);
  const two = await readable(await source({ earlier: one.migrations }));
  assert.equal(await f.deploy(two.dir, 'shop'), 2);
  const back = await f.cli('rollback', 'shop', '--yes');
  assert.equal(back.code, 0, back.all);
  assert.equal((await assertAgreement(f, 'shop')).live, 1);
  await assertNothingLeft(f, 'shop');
  const all = await f.processes();
  assert.ok(all.length > 3);
});

test('killed in the middle, and well again', async (t) => {
  if (why) return t.skip(why);
  for (const at of ['rehearse:file', 'migrate:committed', 'promote:renamed']) {
    const one = await readable(await source());
    const app = `app-${at.split(':')[1]}`;
    await restart(f, at);
    const { ended, child } = await deployUntil(f, one.dir, app, at);
    assert.equal(ended, undefined, ended?.all);
    await f.killDaemon();
    await f.startDaemon();
    await child;
    await f.settled(app);
    await assertAgreement(f, app);
    await assertNothingLeft(f, app);
    await f.deploy(one.dir, app);
    assert.deepEqual(await applied(f, app), one.versions);
  }
});

test('stopped, started, killed backend, destroyed', async (t) => {
  if (why) return t.skip(why);
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  assert.equal((await f.get('shop', '/')).status, 503);
  assert.equal((await f.cli('start', 'shop')).code, 0);
  const backend = async () => (await f.api('GET', '/v1/apps/shop')).body.processes.find((p) => p.name === 'backend');
  const { pid } = await backend();
  process.kill(pid, 'SIGKILL');
  await until('it is back', async () => (await backend()).pid !== pid && (await f.get('shop', '/auth/v1/health')).status === 200, 5000);
  const doctor = await f.cli('doctor');
  assert.match(doctor.all, /user/);
  const out = await f.cli('destroy', 'shop', '--confirm', 'shop', '--json');
  assert.equal(out.code, 0, out.all);
  assert.equal((await f.get('shop', '/')).status, 404);
});
