// SPDX-License-Identifier: Apache-2.0
//
// The sources of many deployments: packed after ten, never while the home's files are copied, all of them still there.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { Freehold, folder, until } from './freehold.mjs';

const MANY = 10; // PACK_EVERY of upkeep/pack.h
let f;
const git = (...args) => execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', f.app('site', 'repo.git'), ...args], { encoding: 'utf8' }).trim();
const objects = () => Object.fromEntries(git('count-objects', '-v').split('\n').map((line) => line.split(': ')).map(([name, n]) => [name, Number(n)]));
const site = (n) => folder({ 'index.html': `<!doctype html><title>${n}</title>` });

before(async () => { f = await Freehold.start(); });
after(() => f?.end());

async function keepOff() {
  const lock = path.join(f.home, 'backups/packing.lock');
  execFileSync('mkdir', ['-p', path.dirname(lock)]);
  const held = spawn('flock', ['-s', lock, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => held.stdout.once('data', resolve));
  return () => new Promise((resolve) => { held.on('exit', resolve); held.stdin.end(); });
}

test('the sources of ten deployments are packed once nobody copies them', async () => {
  const letGo = await keepOff();
  for (let n = 1; n < MANY; n++) await f.deploy(await site(n), 'site');
  await f.api('PUT', '/v1/backup', {}); // it looks what is due
  await f.api('GET', '/v1/status');
  assert.equal(f.store("select count(*) from job where kind = 'pack'"), '0', 'not for fewer');
  await f.deploy(await site(MANY), 'site');
  await until('it is put off', async () => f.store("select error_code from job where kind = 'pack' order by id limit 1") === 'conflict', 60000);
  assert.equal(objects().count, MANY * 3);
  await letGo();
  await until('they are packed', async () => {
    await f.api('PUT', '/v1/backup', {});
    return f.store("select count(*) from job where kind = 'pack' and state = 'done'") === '1';
  }, 60000);
  const now = objects();
  assert.deepEqual([now.count, now.packs, now['in-pack']], [0, 1, MANY * 3]);
  git('fsck', '--full', '--strict');
  assert.equal(git('rev-list', '--count', 'main'), String(MANY));
  assert.match(git('cat-file', 'blob', `main~${MANY - 1}:index.html`), /<title>1</);
});

test('the next deployment goes on from there', async () => {
  await f.deploy(await site('one more'), 'site');
  assert.equal(objects().count, 3);
  assert.match(git('cat-file', 'blob', 'main:index.html'), /one more/);
});
