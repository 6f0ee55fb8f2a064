// SPDX-License-Identifier: Apache-2.0
// A full disk, at different moments: a clear word, nothing half made, and all is well once there is room again.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, chmodSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { Visitor, assertAgreement, assertNothingLeft, assertWholeMigrations, deployUntil, restart, source } from './crash.mjs';

const SIZE = '640m';
let f, home, second, why, shop;

function mount() {
  if (process.getuid() !== 0) return 'a small file system of its own needs root';
  home = mkdtempSync(path.join(os.tmpdir(), 'fh-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=755`, 'tmpfs', home], { stdio: 'pipe' });
  } catch (error) {
    rmSync(home, { recursive: true });
    home = undefined;
    return `tmpfs cannot be mounted here: ${error.stderr}`;
  }
  chmodSync(home, 0o755);
  return undefined;
}

before(async () => {
  why = mount();
  if (why) return;
  f = await Freehold.start({ home });
  const first = await source();
  shop = { live: await f.deploy(first.dir, 'shop'), migrations: first.migrations, versions: first.versions };
});
after(async () => {
  if (f) await f.end();
  if (second) {
    execFileSync('umount', ['-l', second]);
    rmSync(second, { recursive: true });
  }
  if (home) {
    execFileSync('umount', ['-l', home]);
    rmSync(home, { recursive: true });
  }
});

const filler = () => path.join(home, 'filler');

// Leaves so many bytes.
function fill(left) {
  const { bavail, bsize } = statfsSync(home);
  execFileSync('fallocate', ['-l', String(bavail * bsize - left), filler()]);
}

// To the last page: what fallocate refuses, dd takes.
function fillWhole() {
  fill(1 << 20);
  try { execFileSync('dd', ['if=/dev/zero', `of=${filler()}.rest`, 'bs=4k'], { stdio: 'pipe' }); } catch { /* full */ }
}

function makeRoom() {
  rmSync(filler(), { force: true });
  rmSync(`${filler()}.rest`, { force: true });
}

async function assertWhole() {
  const { live } = await assertAgreement(f, 'shop');
  assert.equal(live, shop.live);
  await assertNothingLeft(f, 'shop');
}

async function next(sql) {
  const made = await source({ earlier: shop.migrations, sql });
  return made;
}

async function goesLive(made) {
  shop = { live: await f.deploy(made.dir, 'shop'), migrations: made.migrations, versions: [...shop.versions, ...made.versions] };
  assert.deepEqual(await assertWholeMigrations(f, 'shop'), shop.versions);
  assert.equal(execFileSync('sqlite3', [path.join(home, 'freehold.db'), 'pragma integrity_check'], { encoding: 'utf8' }).trim(), 'ok');
  await assertWhole();
}

test('status says which disk is short of room, with what is there, in the words of doctor', async (t) => {
  if (why) return t.skip(why);
  const said = await f.cli('status', '--json');
  const { warnings, disks } = JSON.parse(said.stdout);
  assert.deepEqual(disks.map(({ at, is_low, apps, places }) => ({ at, is_low, apps, places })), [{ at: home, is_low: true, apps: ['shop'], places: ['this disk'] }]);
  assert.ok(disks[0].free_bytes > 0 && disks[0].free_bytes < 640 << 20, said.stdout);
  const words = new RegExp(`0\\.\\d GB are free at ${home}, where shop and backups are`);
  assert.match(warnings.find((w) => w.startsWith('Only ')), new RegExp(`^Only ${words.source}; make room: .*freehold db APP size`));
  assert.match((await f.cli('status')).stdout.replace(/\s+/g, ' '), words);
  const checks = (await f.api('GET', '/v1/doctor')).body.checks.filter(({ name }) => name === 'disk');
  assert.deepEqual(checks.map(({ state }) => state), ['weak']);
  assert.match(checks[0].what, words);
});

test('before the upload', async (t) => {
  if (why) return t.skip(why);
  const visitor = new Visitor(f, 'shop');
  const made = await next();
  fill(50 << 20);
  const said = await f.cli('deploy', made.dir, '--app', 'shop');
  assert.notEqual(said.code, 0);
  assert.match(said.all, /the disk is full/);
  await assertWhole();
  makeRoom();
  await goesLive(made);
  await visitor.end();
});

test('a branch, before anything of it is copied', async (t) => {
  if (why) return t.skip(why);
  const said = await f.cli('db', 'shop', 'branch', 'create', 'try-1');
  assert.notEqual(said.code, 0);
  assert.match(said.stderr, /not enough room for this branch of shop: it takes about \d+ MB, 1024 MB are to stay free, and \d+ MB are free/);
  assert.equal(said.stdout.includes('copy'), false);
  await assertWhole();
});

for (const at of ['receive:began', 'package:began', 'rehearse:began', 'migrate:began'])
  test(`at ${at}`, async (t) => {
    if (why) return t.skip(why);
    const made = await next('create table big_SERIAL as select repeat(md5(i::text), 100) as x from generate_series(1, 8000) i; alter table big_SERIAL enable row level security;'.replaceAll('SERIAL', String(Date.now())));
    await restart(f, at);
    const visitor = new Visitor(f, 'shop', ['/']);
    const { ended, child } = await deployUntil(f, made.dir, 'shop', at);
    assert.equal(ended, undefined);
    fillWhole();
    const [runner] = (await f.processes()).filter((p) => p.command.includes('--deploy shop '));
    process.kill(runner.pid, 'SIGCONT');
    const said = await until('the deployment has failed', async () => {
      const { body } = await f.api('GET', '/v1/apps/shop');
      return body.deployment?.state !== 'running' ? { all: '' } : null;
    }, 12000).catch(() => null);
    makeRoom();
    const out = await child;
    assert.notEqual(out.code, 0, out.all);
    await f.settled('shop');
    const { body } = await f.api('GET', '/v1/apps/shop');
    const failed = (await f.api('GET', `/v1/apps/shop/deployments/${body.deployment.number}`)).body;
    assert.match(failed.error.message, /disk|No space left/, `${at}: ${said ? 'at once' : 'once there was room'}`);
    await restart(f);
    await until('PostgreSQL runs', async () => (await f.api('GET', '/v1/apps/shop')).body.processes.every((p) => p.state === 'running'), 40000);
    await assertWholeMigrations(f, 'shop');
    await assertWhole();
    await goesLive(made);
    await visitor.end();
  });

test('so it does of another disk that backups go to, and asks none that is another machine\'s', async (t) => {
  if (why) return t.skip(why);
  second = mkdtempSync(path.join(os.tmpdir(), 'fh-second-'));
  chmodSync(second, 0o755);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300m,mode=755', 'tmpfs', second], { stdio: 'pipe' });
  const disks = async () => (await f.api('GET', '/v1/status')).body.disks.slice(1).map(({ at, apps, places, what }) => ({ at, apps, places, what: what.replace(/[.\d]+/, 'N') }));
  const added = await f.cli('backup', 'add', second);
  assert.equal(added.code, 0, added.all);
  assert.deepEqual(await disks(), [{ at: second, apps: [], places: [second], what: `N GB are free at ${second}, where backups are` }]);
  assert.match((await f.cli('status')).stdout.replace(/\s+/g, ' '), new RegExp(`Only 0\\.\\d GB are free at ${second}, where backups are; make room there, or keep fewer days: freehold backup set days=7`));
  f.store(`update backup_place set is_elsewhere = 1 where location = '${second}'`);
  assert.deepEqual(await disks(), []);
});
