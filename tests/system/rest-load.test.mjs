// SPDX-License-Identifier: Apache-2.0
// The REST half under load: what waits, what is refused, who leaves, who stops reading, what dies. tests/long/rest_stress.mjs goes on for longer.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { bin, until } from './freehold.mjs';
import { Standalone, sleep } from './standalone.mjs';
import { dropInLoad, random } from './rest_load.mjs';

const isSanitized = bin.includes('asan');
let s;
before(async () => { s = await Standalone.start({ schema: random.schema + dropInLoad.schema }); });
after(() => s?.stop());
const seven = '/book?select=id,title&id=eq.7', isSeven = JSON.stringify([{ id: 7, title: 'b7' }]);
const alive = () => assert.equal(s.server.ended, null, 'the process lives');
const oneShot = () => new http.Agent({ keepAlive: false, maxSockets: Infinity });

test('random requests of the grammar, and beside it: no crash, no secret, nothing changed', async () => {
  const found = await random.run(s, { seed: 7, requests: 1500 });
  assert.ok(found.statuses.get(200) > 100, JSON.stringify([...found.statuses]));
  alive();
});

test('the schema changes under load: no request fails', async () => {
  const seen = await dropInLoad.schemaChanges(s, 6);
  assert.deepEqual([...seen.keys()], [200], JSON.stringify([...seen]));
});

test('PostgreSQL is killed and started again under load: every request has an answer, none a wrong one', async () => {
  const seen = await dropInLoad.restart(s, { awayMs: 800, afterMs: 1500 });
  assert.ok([...seen.keys()].every((status) => [200, 503, 504].includes(status)), JSON.stringify([...seen]));
  assert.equal((await s.ask('GET', seven)).body, isSeven);
  alive();
});

test('a query is cancelled when its client leaves, and one that waits is not begun', async () => {
  const leaver = new AbortController();
  const slow = s.ask('POST', '/rpc/slow', { signal: leaver.signal }).catch(() => 'left');
  await until('the query runs', async () => (await s.active('slow')) === '1');
  leaver.abort();
  assert.equal(await slow, 'left');
  await until('its query has ended', async () => (await s.active('slow')) === '0', 5000);
});

test('a large answer is whole for who reads slowly, and the same as for who reads fast', async () => {
  const hash = (body) => createHash('sha256').update(body).digest('hex');
  const fast = await s.ask('GET', '/large?select=id,word&order=id&limit=10000', { agent: oneShot() });
  assert.equal(fast.status, 200);
  assert.equal(fast.headers['content-range'], '0-9999/*');
  assert.equal(JSON.parse(fast.body).length, 10_000);
  const slow = await new Promise((resolve, reject) => http.get({ port: s.port, host: '127.0.0.1', path: '/large?select=id,word&order=id&limit=10000', agent: oneShot() }, async (res) => {
    const parts = [];
    for await (const part of res) { parts.push(part); if (parts.length % 100 === 0) await sleep(5); }
    resolve(Buffer.concat(parts));
  }).on('error', reject));
  assert.equal(hash(slow), hash(fast.body));
});

test('an error among the rows of a large answer is told, and an answer cut off is seen to be', async () => {
  const failed = await s.ask('GET', '/faulty');
  assert.equal(failed.status, 400);
  assert.equal(JSON.parse(failed.body).code, '22012');
  const reader = await s.read('/large?select=id,word,fast:id', 1000);
  await s.psql(`select pg_terminate_backend(pid) from pg_stat_activity where query like '%"fast"%' and pid <> pg_backend_pid()`);
  const rest = [];
  await new Promise((resolve) => { reader.on('data', (d) => rest.push(d)).on('close', resolve).on('error', resolve); reader.resume(); });
  const end = Buffer.concat(rest).toString().slice(-20);
  assert.ok(!end.endsWith('0\r\n\r\n'), `not a complete answer: ${JSON.stringify(end)}`);
  alive();
});

test('clients that stop reading cost little memory and keep nobody out', async () => {
  await s.ask('GET', '/large?select=id,word');
  const before = await s.pssKiB();
  const readers = await Promise.all(Array.from({ length: 12 }, () => s.read('/large?select=id,word', 1000))); // more than there are connections
  const from = performance.now();
  for (let i = 0; i < 20; i++) assert.equal((await s.ask('GET', seven)).body, isSeven);
  assert.ok(performance.now() - from < 9000, 'others are answered meanwhile');
  const grown = (await s.pssKiB()) - before;
  for (const reader of readers) reader.destroy();
  if (!isSanitized) assert.ok(grown < 24 * 1024, `12 readers of 60 MB each took ${grown} KiB`);
  await until('what they asked has ended', async () => (await s.active('"large"')) === '0', 10_000);
});

test('5,000 connections are kept open and cost nobody anything', async () => {
  const idle = [];
  for (let i = 0; i < 5000; i++) idle.push(await new Promise((resolve, reject) => { const c = net.connect(s.port, '127.0.0.1', () => resolve(c)).on('error', reject); }));
  const ask = (socket) => new Promise((resolve, reject) => { let text = ''; socket.on('error', reject).on('data', (d) => { text += d; if (text.endsWith(']')) resolve(text); }).write(`GET ${seven} HTTP/1.1\r\nHost: h\r\n\r\n`); });
  const from = performance.now();
  assert.equal((await s.ask('GET', seven)).body, isSeven);
  assert.ok(performance.now() - from < 2000);
  for (const socket of [idle[0], idle[2500], idle[4999]]) assert.ok((await ask(socket)).endsWith(isSeven));
  if (!isSanitized) assert.ok((await s.pssKiB()) < 300 * 1024);
  for (const socket of idle) socket.destroy();
  alive();
});

test('who waits too long gets 504, who finds the queue full 503 at once, both with Retry-After', async () => {
  const tight = await Standalone.start({ schema: random.schema, settings: { PGRST_DB_POOL: '1', PGRST_DB_POOL_ACQUISITION_TIMEOUT: '2' } });
  try {
    const agent = oneShot(), leaver = new AbortController();
    const slow = tight.ask('POST', '/rpc/slow', { agent, signal: leaver.signal }).catch(() => 'left');
    await until('the query runs', async () => (await tight.active('slow')) === '1');
    const from = performance.now();
    const answers = await Promise.all(Array.from({ length: 1100 }, () => tight.ask('GET', seven, { agent }).then((res) => ({ ...res, ms: performance.now() - from }))));
    const full = answers.filter((res) => res.status === 503), late = answers.filter((res) => res.status === 504);
    assert.equal(full.length + late.length, 1100, JSON.stringify([...new Set(answers.map((res) => res.status))]));
    assert.ok(late.length <= 1024 && full.length >= 76);
    assert.ok(answers.every((res) => res.headers['retry-after'] === '1'));
    assert.ok(full.every((res) => JSON.parse(res.body).code === 'PGRST001'));
    assert.ok(late.every((res) => JSON.parse(res.body).code === 'PGRST003' && res.ms > 1500));
    leaver.abort();
    await slow;
    await until('it serves again', async () => (await tight.ask('GET', seven)).status === 200, 5000);
  } finally {
    await tight.stop();
  }
});

test('of several workers one is killed: the others serve, and it is started again', async () => {
  const many = await Standalone.start({ schema: random.schema, settings: { PGRST_SERVER_WORKERS: '2', PGRST_DB_POOL: '4' } });
  try {
    const children = async () => (await readFile(`/proc/${many.server.pid}/task/${many.server.pid}/children`, 'utf8')).trim().split(' ').map(Number);
    const first = await children();
    assert.equal(first.length, 2);
    process.kill(first[0], 'SIGKILL');
    await until('another is there', async () => (await children()).filter((pid) => pid !== first[0]).length === 2);
    const agent = oneShot();
    const answers = await Promise.all(Array.from({ length: 60 }, () => many.ask('GET', seven, { agent })));
    assert.ok(answers.every((res) => res.body === isSeven));
    assert.ok(Number(await many.psql("select count(*) from pg_stat_activity where usename = 'auth' and query not like 'LISTEN%'")) <= 4, 'the pool is one for all');
    many.server.child.kill('SIGTERM');
    assert.equal(await many.server.exit, 0);
    assert.deepEqual(await Promise.all(first.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'gone'))), ['gone', 'gone']);
  } finally {
    await many.stop();
  }
});

test('it is replaced under load, its socket taken over by name: no request fails', async () => {
  const found = await dropInLoad.replace({ times: 8, settings: {} });
  assert.deepEqual([...found.statuses.keys()].sort(), [200, 204], JSON.stringify([...found.statuses]));
  assert.deepEqual(found.errors, []);
});
