// SPDX-License-Identifier: Apache-2.0
// The whole way with the plainest app: live, served, changed, back, stopped, destroyed.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { Freehold, example, folder, until } from './freehold.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const page = (n) => folder({
  'index.html': `<!doctype html><title>Release ${n}</title><script src="/app.${n}f3a9c1b.js"></script><p>release ${n}</p>`,
  [`app.${n}f3a9c1b.js`]: `console.log(${n})`,
  'about.html': '<!doctype html><p>about',
});

test('a static site goes live', async () => {
  const out = await f.cli('deploy', example('static-site'), '--app', 'site');
  assert.equal(out.code, 0, out.all);
  assert.match(out.all, new RegExp(`http://site\\.localhost:${f.port}`));
  assert.equal((await f.get('site', '/')).status, 200);
  assert.equal(await f.served('site'), 1);
  assert.equal(await f.live('site'), 1);
});

test('another release, and back', async () => {
  assert.equal(await f.deploy(await page(2), 'site'), 2);
  assert.match((await f.get('site', '/')).text, /release 2/);
  assert.equal((await f.get('site', '/app.2f3a9c1b.js')).headers['cache-control'], 'public, max-age=31536000, immutable');
  const back = await f.cli('rollback', 'site', '--json', '--yes');
  assert.equal(back.code, 0, back.all);
  assert.equal(JSON.parse(back.stdout).to, 1);
  assert.equal(await f.served('site'), 1);
  // A tab of release 2 is still open.
  assert.equal((await f.get('site', '/app.2f3a9c1b.js')).status, 200);
  const again = await f.cli('rollback', 'site', '2', '--yes');
  assert.equal(again.code, 0, again.all);
  assert.equal(await f.served('site'), 2);
});

test('what is not there', async () => {
  assert.equal((await f.get('site', '/nowhere')).status, 404);
  assert.equal((await f.get('site', '/app.00000bad.js')).status, 404);
  assert.equal((await f.get('nobody', '/')).status, 404);
  assert.equal((await f.cli('rollback', 'site', '99', '--yes')).code, 3);
  assert.equal((await f.cli('rollback', 'nobody', '--yes')).code, 3);
});

test('stopped and started', async () => {
  assert.equal((await f.cli('stop', 'site')).code, 0);
  assert.equal((await f.get('site', '/')).status, 503);
  const stopped = (await f.api('GET', '/v1/apps/site')).body;
  assert.equal(stopped.state, 'stopped');
  assert.deepEqual(stopped.processes.map((p) => p.state), ['stopped', 'stopped']);
  assert.equal((await f.cli('start', 'site')).code, 0);
  assert.equal((await f.get('site', '/')).status, 200);
});

test('the daemon comes and goes and nothing that serves is touched', async () => {
  const before = (await f.api('GET', '/v1/apps/site')).body.processes.map((p) => p.pid);
  await f.killDaemon();
  assert.equal((await f.get('site', '/')).status, 200);
  assert.equal((await f.get('site', '/auth/v1/health')).status, 200);
  await f.startDaemon();
  const found = await until('both run', async () => {
    const { processes } = (await f.api('GET', '/v1/apps/site')).body;
    return processes.every((p) => p.state === 'running') ? processes : null;
  });
  assert.deepEqual(found.map((p) => p.pid), before);
});

test('a killed backend is back within a second', async () => {
  const backend = async () => (await f.api('GET', '/v1/apps/site')).body.processes.find((p) => p.name === 'backend');
  const { pid } = await backend();
  const killed = Date.now();
  process.kill(pid, 'SIGKILL');
  await until('a new one serves', async () => (await backend()).pid !== pid && (await f.get('site', '/auth/v1/health')).status === 200, 5000);
  assert.ok(Date.now() - killed < 1000, `${Date.now() - killed} ms`);
});

test('destroyed, with a last dump kept and nothing else', async () => {
  const out = await f.cli('destroy', 'site', '--confirm', 'site', '--json');
  assert.equal(out.code, 0, out.all);
  const { dump } = JSON.parse(out.stdout);
  const { existsSync } = await import('node:fs');
  assert.ok(existsSync(dump));
  assert.ok(!existsSync(f.app('site')));
  assert.ok(!existsSync(path.join(f.home, 'cache/apps/site')));
  assert.equal((await f.get('site', '/')).status, 404);
  assert.deepEqual((await f.processes()).filter((p) => /site/.test(p.command)), []);
});
