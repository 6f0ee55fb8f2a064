// SPDX-License-Identifier: Apache-2.0
//
// What goes through freehold-serve: wherever the server listens, whatever its connections do, and how a release drains,
// freezes and comes back.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { rmSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test from 'node:test';
import { Served, until } from './serve.mjs';

// One server for a test, ended whatever comes.
function serving(name, app, options, body) {
  test(name, { timeout: 60000 }, async () => {
    const s = await Served.start(app, options);
    try {
      await body(s);
    } finally {
      await s.stop();
    }
  });
}

const raw = (s, options = {}) => new Promise((resolve, reject) => {
  const c = net.connect({ path: s.socket, ...options }, () => resolve(c));
  c.on('error', reject);
});
const read = async (c) => { const chunks = []; for await (const chunk of c) chunks.push(chunk); return Buffer.concat(chunks); };
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const next = (emitter, event) => Promise.race([once(emitter, event), once(emitter, 'error').then((e) => { throw e; })]);

for (const LISTEN of ['127.0.0.1', '0.0.0.0', '::1', '::', 'localhost', 'shop.localhost'])
  serving(`listens on ${LISTEN}`, 'app.mjs', { env: { LISTEN } }, async (s) => {
    assert.match((await s.get('/')).text, /port 3000/);
    assert.deepEqual(s.state.listens, [3000]);
    assert.equal(s.state.text, null);
  });

serving('listens on another port than it was told', 'app.mjs', { env: { WRONG_PORT: '4321' } }, async (s) => {
  assert.equal((await s.get('/')).status, 200);
  const { port, told_port, text } = s.state;
  assert.deepEqual([port, told_port], [4321, 3000]);
  assert.match(text, /listens on port 4321 instead of 3000/);
});

serving('gets what it needs and nothing of ours', 'app.mjs', { env: { SECRET: 'a=b c' } }, async (s) => {
  const env = JSON.parse((await s.get('/env')).text);
  assert.deepEqual(env, { SECRET: 'a=b c', TEST_MARK: s.dir, PORT: '3000', HOST: '127.0.0.1', HOME: '/tmp/home', PATH: '/usr/local/bin:/usr/bin:/bin', ...(env.PWD && { PWD: env.PWD }) });
  assert.match((await s.get('/hosts')).text, /127\.0\.0\.1 shop\.localhost\n/);
});

test('starts the program that its own PATH leads to first', { timeout: 60000 }, async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'fhs-'));
  mkdirSync(path.join(dir, 'data/bin'), { recursive: true });
  writeFileSync(path.join(dir, 'data/bin/node'), '#!/bin/sh\nOWN=yes exec /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin node "$@"\n', { mode: 0o755 });
  const s = await Served.start('app.mjs', { dir, env: { PATH: '/data/bin:/usr/local/bin:/usr/bin:/bin' } });
  try {
    assert.equal(JSON.parse((await s.get('/env')).text).OWN, 'yes');
  } finally {
    await s.stop();
  }
});

serving('carries much in, and much out to a slow reader', 'app.mjs', {}, async (s) => {
  const body = randomBytes(24 << 20);
  const sum = JSON.parse((await s.request('/sum', { method: 'POST', body: Readable.from([body.subarray(0, 1 << 20), body.subarray(1 << 20)]) })).text);
  assert.deepEqual(sum, { bytes: body.length, hash: createHash('sha256').update(body).digest('hex') });
  const bytes = 64 << 20;
  const reply = await new Promise((resolve, reject) => http.get({ socketPath: s.socket, path: `/big?bytes=${bytes}` }, resolve).on('error', reject));
  // Not reading: what is under way must stay bounded, in ours and in the server.
  const before = await until('the server is held back', async () => s.state.connections === 1 && s.state);
  assert.ok(before.memory_bytes < 200e6);
  let got = 0;
  for await (const chunk of reply) got += chunk.length;
  assert.equal(got, bytes);
});

serving('keeps a half-closed connection open', 'echo.mjs', {}, async (s) => {
  const c = await raw(s, { allowHalfOpen: true });
  c.end(Buffer.alloc(300000, 'x'));
  const answer = (await read(c)).toString();
  assert.ok(answer.startsWith('300000 y'));
  assert.equal(answer.length, '300000 '.length + (1 << 20));
});

serving('tells the server when a visitor leaves a stream', 'app.mjs', {}, async (s) => {
  const stream = http.get({ socketPath: s.socket, path: '/events' });
  stream.on('error', () => {});
  const reply = await once(stream, 'response');
  for (let i = 0; i < 3; i++) assert.match((await next(reply, 'data')).toString(), /^data: \d+\n\n/);
  await until('one connection is counted', () => s.state.connections === 1);
  reply.destroy();
  await until('none is', () => s.state.connections === 0);
});

serving('carries a WebSocket', 'app.mjs', {}, async (s) => {
  const c = await raw(s);
  c.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  assert.match((await next(c, 'data')).toString(), /^HTTP\/1\.1 101/);
  for (let i = 0; i < 20; i++) {
    c.write(`ping ${i}`);
    assert.equal((await next(c, 'data')).toString(), `ping ${i}`);
  }
  c.destroy();
});

serving('a thousand connections at once', 'app.mjs', { config: { drain_ms: 300 } }, async (s) => {
  const held = await Promise.all(Array.from({ length: 1000 }, () => new Promise((resolve, reject) => {
    const r = http.get({ socketPath: s.socket, path: '/hold', agent: false }, (reply) => { reply.on('error', () => {}); reply.once('data', () => resolve(reply)); });
    r.on('error', reject);
  })));
  assert.equal((await s.get('/')).status, 200);
  await until('they are counted', () => s.state.connections >= 1000);
  held.forEach((reply) => reply.destroy());
  await until('they are gone', () => s.state.connections === 0);
});

serving('reaches outside through its forwards only', 'app.mjs', { until: null, config: {} }, async (s) => {
  await s.is('serving');
  assert.match((await s.get('/link?port=5432')).text, /^error ECONNREFUSED/);
});

test('a forward leads to a socket outside, also to one that comes back', { timeout: 60000 }, async () => {
  const s = Served.prepare('app.mjs', {});
  const outside = `${s.dir}/run/outside.sock`;
  s.config.forwards = [{ port: 5432, socket: outside }, { port: 443, socket: outside }];
  (await import('node:fs')).writeFileSync(s.file, JSON.stringify(s.config));
  const servers = [];
  const open = async (answer) => {
    const server = net.createServer({ allowHalfOpen: true }, (c) => c.on('data', (data) => c.write(`${answer} ${data}`)).on('end', () => c.end()));
    await new Promise((resolve) => server.listen(outside, resolve));
    (await import('node:fs')).chmodSync(outside, 0o666);
    servers.push(server);
    return server;
  };
  try {
    s.run();
    await s.is('serving');
    assert.match((await s.get('/link?port=5432')).text, /^$|^error/);
    const first = await open('first');
    assert.equal((await s.get('/link?port=5432')).text, 'first ping');
    assert.equal((await s.get('/link?port=443')).text, 'first ping', s.log);
    const many = await Promise.all(Array.from({ length: 200 }, () => s.get('/link?port=5432')));
    assert.ok(many.every((reply) => reply.text === 'first ping'));
    await new Promise((resolve) => first.close(resolve));
    const second = await open('second');
    assert.equal((await s.get('/link?port=5432&host=localhost')).text, 'second ping');
    await new Promise((resolve) => second.close(resolve));
  } finally {
    servers.forEach((server) => server.close());
    await s.stop();
  }
});

serving('reaches nothing of this machine\'s loopback', 'app.mjs', {}, async (s) => {
  const server = net.createServer((c) => c.end('mine'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  assert.match((await s.get(`/link?port=${server.address().port}`)).text, /^error ECONNREFUSED/);
  server.close();
});

serving('a drain answers what is under way and loses nothing', 'app.mjs', { config: { linger_ms: 3000, drain_ms: 60000 } }, async (s) => {
  const body = new PassThrough();
  body.write('x'.repeat(100000));
  const slow = s.request('/slow?ms=100', { method: 'POST', body });
  const done = () => (existsSync(`${s.dir}/data/slow`) ? readFileSync(`${s.dir}/data/slow`, 'utf8') : '');
  await until('it is under way', () => done().includes('began'));
  s.child.kill('SIGTERM');
  await s.is('draining');
  // A request that was on its way when the edge switched.
  assert.equal((await s.get('/')).status, 200);
  await until('the socket is closed', () => !existsSync(s.socket));
  assert.equal(done(), 'began\n');
  body.end('the rest');
  assert.equal((await slow).text, 'done 1');
  const state = await s.ended();
  assert.deepEqual([state.why, s.status], ['asked', 0]);
  assert.equal(done(), 'began\ndone\n');
  assert.deepEqual(s.left(), []);
});

serving('whoever waits in the backlog when a drain begins is answered', 'app.mjs', { config: { linger_ms: 0 } }, async (s) => {
  const inside = s.family().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/freehold-serve'));
  process.kill(inside, 'SIGSTOP');
  const waiting = Array.from({ length: 50 }, () => s.get('/'));
  waiting.forEach((reply) => reply.catch(() => {}));
  await until('all are in the backlog', () => readFileSync('/proc/net/unix', 'utf8').split('\n').filter((line) => line.endsWith(s.socket)).length >= 51);
  s.child.kill('SIGTERM');
  await until('the socket is closed', () => !existsSync(s.socket));
  process.kill(inside, 'SIGCONT');
  for (const reply of await Promise.all(waiting)) assert.equal(reply.status, 200);
  assert.equal((await s.ended()).why, 'asked');
});

serving('under load a drain answers whoever was let in', 'app.mjs', { config: { linger_ms: 30 } }, async (s) => {
  let answered = 0, refused = 0;
  const visitor = async () => {
    for (;;) {
      try {
        assert.equal((await s.request('/sum', { method: 'POST', body: 'x'.repeat(20000) })).status, 200);
        answered++;
      } catch (error) {
        assert.ok(['ENOENT', 'ECONNREFUSED'].includes(error.code), `${error.code} ${error.message} after ${answered}`);
        refused++;
        return;
      }
    }
  };
  for (let round = 0; round < 5; round++) {
    answered = refused = 0;
    const visitors = Array.from({ length: 40 }, visitor);
    await until('they are served', () => answered > 200);
    s.child.kill('SIGUSR1');
    await Promise.all(visitors);
    assert.equal(refused, 40);
    await s.is('frozen');
    s.child.kill('SIGUSR2');
    await s.is('serving');
  }
  assert.equal((await s.ended('SIGTERM')).why, 'asked');
});

serving('a stream ends at the deadline of the drain, not before', 'app.mjs', { config: { drain_ms: 600, linger_ms: 0 } }, async (s) => {
  const reply = await once(http.get({ socketPath: s.socket, path: '/events' }), 'response');
  let last = 0;
  reply.on('data', () => { last = Date.now(); });
  reply.on('error', () => {});
  await next(reply, 'data');
  const began = Date.now();
  s.child.kill('SIGTERM');
  await once(reply, 'close');
  assert.ok(last - began > 400 && Date.now() - began < 3000, `${last - began} ms`);
  assert.equal((await s.ended()).why, 'asked');
});

serving('a retired release is frozen, and comes back', 'app.mjs', { env: { TICKS: '1' }, config: { linger_ms: 0 } }, async (s) => {
  const ticks = () => Number(readFileSync(`${s.dir}/data/ticks`, 'utf8') || 0);
  await until('its timers run', () => existsSync(`${s.dir}/data/ticks`) && ticks() > 2);
  const [, pid] = (await s.get('/')).text.split(' ');
  for (let round = 0; round < 3; round++) {
    s.child.kill('SIGUSR1');
    await s.is('frozen');
    const then = ticks();
    assert.equal(existsSync(s.socket), false);
    // Nothing inside can wake it: a timer outside is the only clock there is.
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(ticks(), then);
    const began = process.hrtime.bigint();
    s.child.kill('SIGUSR2');
    await s.is('serving');
    assert.equal((await s.get('/')).text.split(' ')[1], pid);
    const ms = Number(process.hrtime.bigint() - began) / 1e6;
    assert.ok(ms < 2000, `${ms} ms`);
    await until('its timers run again', () => ticks() > then);
    s.child.kill('SIGUSR2');
    assert.equal((await s.get('/')).status, 200);
    // The answer came from inside. Signals that wait together are read in the order of their numbers, not as they were sent.
    await until('it has read the signal', () => /^ShdPnd:\s+0+$/m.test(readFileSync(`/proc/${s.child.pid}/status`, 'utf8')));
  }
});

serving('thaws in the middle of a drain, and ends when frozen', 'app.mjs', { config: { linger_ms: 0, drain_ms: 60000 } }, async (s) => {
  const body = new PassThrough();
  body.write('x');
  const slow = s.request('/slow?ms=0', { method: 'POST', body });
  await until('it is under way', () => existsSync(`${s.dir}/data/slow`));
  s.child.kill('SIGUSR1');
  await until('the socket is closed', () => !existsSync(s.socket));
  s.child.kill('SIGUSR2');
  await s.is('serving');
  assert.equal((await s.get('/')).status, 200);
  body.end();
  assert.equal((await slow).text, 'done 1');
  s.child.kill('SIGUSR1');
  await s.is('frozen');
  const state = await s.ended('SIGTERM');
  assert.deepEqual([state.why, state.signal, s.status], ['asked', 15, 0]);
  assert.deepEqual(s.left(), []);
});

serving('several processes, and one that dies is started again while the others serve', 'app.mjs', { config: { instances: 3 } }, async (s) => {
  const ports = async (count) => new Set(await Promise.all(Array.from({ length: count }, async () => (await s.get('/slow?ms=50')).status && (await s.get('/')).text.split(' ')[3])));
  await until('all three answer', async () => (await ports(30)).size === 3);
  const before = new Set((await Promise.all(Array.from({ length: 30 }, () => s.get('/')))).map((r) => r.text));
  await s.get('/die').catch(() => {});
  for (let i = 0; i < 20; i++) assert.equal((await s.get('/')).status, 200);
  await until('it is back', async () => (await ports(30)).size === 3);
  const after = new Set((await Promise.all(Array.from({ length: 30 }, () => s.get('/')))).map((r) => r.text));
  assert.notDeepEqual([...after].sort(), [...before].sort());
  assert.equal(s.state.state, 'serving');
});

serving('leaves no descriptor behind', 'app.mjs', {}, async (s) => {
  const inside = s.family().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/freehold-serve'));
  const count = () => { try { return readdirSync(`/proc/${inside}/fd`).length; } catch { return -1; } };
  const outer = () => readdirSync(`/proc/${s.child.pid}/fd`).length;
  for (let i = 0; i < 100; i++) await s.get('/');
  await until('all are closed', () => s.state.connections === 0);
  const [a, b] = [count(), outer()];
  for (let i = 0; i < 300; i++) await s.get('/');
  await until('no more than before', () => count() <= a && outer() <= b);
});

test('opens its socket anew where a dead one left a name', { timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', {});
  try {
    s.child.kill('SIGKILL');
    await s.exited;
    assert.ok(existsSync(s.socket));
    s.run();
    await s.is('serving');
    assert.equal((await s.get('/')).status, 200);
    unlinkSync(s.socket);
    assert.equal((await s.ended('SIGTERM')).why, 'asked');
  } finally {
    await s.stop();
  }
});

// Until its files are closed: its threads share them, and its first may be a zombie before the last is gone.
function isAlive(pid) {
  try { return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) || readdirSync(`/proc/${pid}/task`).length > 1; } catch { return false; }
}

// The server's own process; one that dies while it is looked for is none.
function nodeOf(s) {
  const isNode = (pid) => { try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('node\0'); } catch { return false; } };
  return s.family().find(isNode);
}

serving('killed while visitors come, it loses those that were in it and no other', 'app.mjs', {}, async (s) => {
  const node = nodeOf(s);
  const lost = [], slow = [];
  let asked = 0, isOver = false;
  const one = async () => {
    while (!isOver && asked < 100000 && existsSync(s.dir)) {
      asked++;
      await s.get('/').then(({ status }) => status === 200 || lost.push(status), (error) => lost.push(error.code));
    }
  };
  const all = Array.from({ length: 8 }, one);
  await until('many were answered', () => asked > 200);
  for (let i = 0; i < 3; i++) {
    rmSync(`${s.dir}/data/slow`, { force: true });
    slow.push(s.get('/slow?ms=20000').then(() => 'answered', (error) => error.code));
    await until('it is in it', () => existsSync(`${s.dir}/data/slow`));
  }
  process.kill(node, 'SIGKILL');
  // Nobody here asks anew while the kernel still closes its sockets one after the other: what comes then is in it too.
  for (const from = Date.now(); isAlive(node) && Date.now() - from < 5000;);
  assert.deepEqual(await Promise.all(slow), ['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
  const then = asked;
  await until('many more were answered', () => asked > then + 200);
  isOver = true;
  await Promise.all(all);
  // Of the eight, those whose request it had just taken.
  assert.ok(lost.length <= 8, `lost ${lost}`);
  assert.equal(s.state.state, 'serving');
  assert.match(s.log, /ended by signal 9 .*it is started again, and who comes meanwhile waits/);
});

serving('killed again soon after, it ends and says why', 'app.mjs', {}, async (s) => {
  const node = () => nodeOf(s);
  const first = node();
  process.kill(first, 'SIGKILL');
  const second = await until('another one runs', () => { const pid = node(); return pid !== first && pid; });
  await until('it answers', () => s.get('/').then(() => true, () => false));
  process.kill(second, 'SIGKILL');
  const state = await s.ended();
  assert.equal(state.why, 'signal');
  assert.equal(state.signal, 9);
});
