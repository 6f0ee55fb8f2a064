// SPDX-License-Identifier: Apache-2.0
// An app with a server of its own: deployed, switched, put back, broken.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { after, before } from 'node:test';
import { Freehold, folder, until } from './freehold.mjs';
import { Mixed, release } from './mixed.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const server = (version, extra = '') => folder({
  'package.json': JSON.stringify({ name: 'echo', private: true, scripts: { start: 'NODE_ENV=production node server.js' } }),
  'server.js': `
    const http = require('node:http');
    ${extra}
    http.createServer((q, r) => {
      let bytes = 0;
      q.on('data', (d) => { bytes += d.length; });
      q.on('end', () => { r.setHeader('content-type', 'text/html'); r.end('version ${version} ' + q.method + ' ' + q.url + ' ' + bytes + ' ' + q.headers.host + ' ' + process.env.NODE_ENV); });
    }).listen(process.env.PORT, () => console.log('listening'));`,
});

test('a server goes live', async () => {
  assert.equal(await f.deploy(await server(1), 'echo'), 1);
  const page = await f.get('echo', '/hello?a=1');
  assert.match(page.text, /version 1 GET \/hello\?a=1 0 echo\.localhost/);
  const { body } = await f.api('GET', '/v1/apps/echo');
  const process = body.processes.find((p) => p.name === 'server');
  assert.equal(process.state, 'running');
  assert.equal(process.release, 1);
  // It speaks to no database, so there is nothing to pool.
  assert.equal(body.processes.find((p) => p.name === 'pool'), undefined);
  assert.match((await f.cli('db', 'echo', 'pool')).stdout, /no pool of connections: its live release has no server that uses DATABASE_URL/);
});

const switched = async (release) => { assert.equal(await f.served('echo'), release); return (await f.get('echo', '/')).text; };
const servers = async () => (await f.api('GET', '/v1/apps/echo')).body.processes.filter((p) => p.name === 'server');

test('the next release boots beside it, and the old one is kept warm', async () => {
  assert.equal(await f.deploy(await server(2), 'echo'), 2);
  assert.match(await switched(2), /^version 2 /);
  const old = await until('the old one is frozen', async () => (await servers()).find((p) => p.release === 1 && p.server?.state === 'frozen'));
  assert.equal(old.state, 'running');
});

test('back to a warm one', async () => {
  const { body } = await f.api('POST', '/v1/apps/echo/rollback', {});
  assert.equal(body.to, 1);
  assert.match(await switched(1), /^version 1 /);
  await until('the other one is frozen', async () => (await servers()).find((p) => p.release === 2 && p.server?.state === 'frozen'));
});

test('forward to one that has to boot', async () => {
  assert.equal((await f.api('PUT', '/v1/apps/echo/settings', { warm: '0' })).body.warm_ms, 0);
  await f.api('POST', '/v1/apps/echo/parts/web.2/stop');
  assert.deepEqual((await servers()).map((p) => p.release), [1]);
  assert.equal((await f.api('POST', '/v1/apps/echo/rollback', { release: 2 })).body.to, 2);
  assert.match(await switched(2), /^version 2 /);
  await until('the other one is gone', async () => (await servers()).length === 1);
});

test('a killed server is back, and the daemon may come and go', async () => {
  const [before] = await servers();
  process.kill(before.pid, 'SIGKILL');
  const again = await until('another one runs', async () => (await servers()).find((p) => p.pid > 0 && p.pid !== before.pid && p.state === 'running'));
  await until('it answers again', async () => (await f.get('echo', '/')).status === 200);
  await f.killDaemon();
  assert.equal((await f.get('echo', '/')).status, 200);
  await f.startDaemon();
  assert.equal((await servers())[0].pid, again.pid);
});

test('stopped and started', async () => {
  assert.equal((await f.cli('stop', 'echo')).code, 0);
  assert.equal((await f.get('echo', '/')).status, 503);
  assert.equal((await f.cli('start', 'echo')).code, 0);
  assert.match(await switched(2), /^version 2 /);
});

// What cannot run, each told apart; the live release stays.
const broken = {
  'ends at once': [`process.exit(3);`, /ended|status 3/],
  'ends with 0': [`process.exit(0);`, /0/],
  'throws': [`throw new Error('no database here');`, /no database here/],
  'answers 500': [`require('node:http').createServer((q, r) => { console.log('broken inside'); r.statusCode = 500; r.end(); }).listen(process.env.PORT); return;`, /answered 500.*broken inside/s],
  'listens and hangs': [`require('node:http').createServer(() => {}).listen(process.env.PORT); return;`, /does not answer/],
  'listens and then traps in a loop': [`require('node:http').createServer(() => { for (;;); }).listen(process.env.PORT); return;`, /does not answer/],
  'never listens': [`setInterval(() => {}, 1000); return;`, /ran for 6 s and never listened/],
  'eats memory': [`const all = []; setInterval(() => { for (let i = 0; i < 16; i++) all.push(Buffer.alloc(1 << 20, 1)); }, 1); return;`, /memory.*limit/],
  'forks without end': [`const { spawn } = require('node:child_process'); (function more() { spawn('sleep', ['1000']).on('error', () => {}); setImmediate(more); })(); return;`, /more than its \d+ processes/],
};
test('limits of memory and of its beginning are set', async () => {
  assert.equal((await f.api('PUT', '/v1/apps/echo/settings', { boot: '2s' })).status, 400);
  assert.equal((await f.api('PUT', '/v1/apps/echo/settings', { memory: '192M', boot: '6s' })).body.boot_ms, 6000);
  assert.match((await f.cli('set', 'echo')).stdout, /^ *boot +6s\s/m);
});
for (const [name, [code, said]] of Object.entries(broken))
  test(`a server that ${name}`, async () => {
    const result = await f.cli('deploy', await server(9, code), '--app', 'echo');
    assert.notEqual(result.code, 0);
    assert.match(result.all, said);
    assert.match(await switched(2), /^version 2 /);
    assert.deepEqual((await servers()).map((p) => p.release), [2]);
  });

test('and are taken back', async () => {
  assert.equal((await f.api('PUT', '/v1/apps/echo/settings', { boot: '30s' })).body.boot_ms, 30000);
});

test('an app that does not compile is shown its compiler\'s own lines', async () => {
  const dir = await folder({
    'package.json': JSON.stringify({ name: 'echo', private: true, scripts: { build: 'node build.js', start: 'node server.js' } }),
    'build.js': `console.error("server.ts(12,7): error TS2322: Type 'string' is not assignable to type 'number'."); process.exit(2);`,
    'server.js': 'process.exit(1)',
  });
  const result = await f.cli('deploy', dir, '--app', 'echo');
  assert.notEqual(result.code, 0);
  assert.match(result.all, /It said:\n.*server\.ts\(12,7\): error TS2322/s);
  assert.match(await switched(2), /^version 2 /);
});

test('a build that stops for want of a value says of which', async () => {
  const dir = await folder({
    'package.json': JSON.stringify({ name: 'echo', private: true, dependencies: {}, scripts: { build: 'node build.js', start: 'node server.js' } }),
    'server.js': 'process.env.PAY_KEY; process.env.MAIL_KEY',
    'build.js': `console.error('Error: PAY_KEY is required'); process.exit(1);`,
  });
  const named = await f.cli('deploy', dir, '--app', 'echo');
  assert.match(named.all, /stopped for want of what nobody has set: PAY_KEY\. Set it \(freehold env echo set NAME=VALUE\)/);
});

test('a start script for a file that the build does not make is told before anything starts', async () => {
  const dir = await folder({ 'package.json': JSON.stringify({ name: 'echo', private: true, scripts: { start: 'cross-env NODE_ENV=production node dist/index.js' } }) });
  const result = await f.cli('deploy', dir, '--app', 'echo');
  assert.notEqual(result.code, 0);
  assert.match(result.all, /package\.json starts dist\/index\.js.*no such file; paste.*npm run build does not make dist\/index\.js/s);
  assert.match(await switched(2), /^version 2 /);
});

test('one that ignores SIGTERM is replaced all the same, and is gone', async () => {
  await f.deploy(await server(20, `process.on('SIGTERM', () => console.log('no'));`), 'echo');
  const live = await f.live('echo');
  const [deaf] = await servers();
  await f.deploy(await server(21), 'echo');
  assert.match((await f.get('echo', '/')).text, /^version 21 /);
  await until('the deaf one is gone', async () => (await servers()).every((p) => p.release !== live));
  assert.throws(() => process.kill(deaf.pid, 0));
});

// A first deployment of an app whose page is made of what its own backend answers, before anybody else may ask that.
test('the server has its backend before its app is live, and while the app is stopped', async () => {
  const asks = (version) => server(version, `require('node:http').createServer(async (q, r) => {
    const replies = await Promise.all(['/auth/v1/health', '/rest/v1/'].map((path) => fetch(process.env.SUPABASE_URL + path, { headers: { apikey: process.env.SUPABASE_ANON_KEY } }).then((x) => x.status, (e) => String(e.cause))));
    r.statusCode = replies.every((status) => status === 200) ? 200 : 500;
    console.log(replies.join(' '));
    r.end('page ${version} of ' + replies.join(' '));
  }).listen(process.env.PORT); return;`);
  assert.equal(await f.deploy(await asks(1), 'asks'), 1);
  assert.equal((await f.get('asks', '/')).text, 'page 1 of 200 200');
  await f.cli('stop', 'asks');
  assert.equal((await f.get('asks', '/auth/v1/health')).status, 503);
  await f.deploy(await asks(2), 'asks');
  assert.equal((await f.get('asks', '/')).text, 'page 2 of 200 200');
  await f.api('DELETE', '/v1/apps/asks');
  assert.equal((await f.get('asks', '/auth/v1/health')).status, 404);
});

test('killed under load, it is back before anybody but its last visitors has noticed', async () => {
  const live = await f.live('echo');
  const path = (pid) => `/proc/${pid}/task/${pid}/children`;
  const below = (pid) => { const list = readFileSync(path(pid), 'utf8').trim().split(' ').filter(Boolean).map(Number); return list.flatMap((one) => [one, ...below(one)]); };
  const node = below((await servers()).find((p) => p.release === live).pid).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('node\0'));
  const bad = [];
  let asked = 0, isOver = false;
  const visitors = Array.from({ length: 6 }, async () => {
    while (!isOver) {
      asked++;
      await f.get('echo', '/', { method: 'POST', body: 'x'.repeat(1000) }).then((reply) => reply.status === 200 || bad.push(reply.status), (error) => bad.push(error.code));
    }
  });
  await until('many were answered', () => asked > 100);
  process.kill(node, 'SIGKILL');
  const then = asked;
  await until('many more were answered', () => asked > then + 100);
  isOver = true;
  await Promise.all(visitors);
  assert.ok(bad.length <= 6, `${bad.length} of ${asked} failed: ${bad}`);
  assert.match((await f.cli('logs', 'echo', '--source', 'server')).all, /started again, and who comes meanwhile waits/);
});

test('switched under every kind of load: nothing lost, nothing done twice', async () => {
  for (let n = 1; n <= 2; n++) await f.deploy(await release(n), 'mixed');
  const load = new Mixed(f, 'mixed');
  load.start();
  for (let i = 0; i < 6; i++) {
    const { body } = await f.api('POST', '/v1/apps/mixed/rollback', { release: 1 + (i % 2) });
    assert.equal(body.to, 1 + (i % 2));
    const asked = load.counts.post + load.counts.get;
    await until('some more was asked', async () => load.counts.post + load.counts.get > asked + 40);
  }
  await load.end();
  assert.deepEqual(load.complaints, []);
  assert.equal(load.doubled, 0);
  assert.equal(load.lost, 0);
});
