#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// freehold-backend in PostgREST's place under stress, over a cluster of its own: tests/long/rest_stress.mjs [SEED [REQUESTS [REPLACEMENTS]]]
//   random     REQUESTS (24,000) from a generator that knows the grammar, as a role that may not read `secret`: the process lives, the word in it never comes
//              back, the tables are what they were, no 5xx but those PostgreSQL's own SQLSTATE maps to
//   schema     columns added, renamed, retyped, dropped, views replaced, tables made and dropped under load: no request fails
//   restart    PostgreSQL killed and started under load, five times: every request is answered, none wrong
//   readers    40 clients that stop reading an answer of 60 MB: what they cost, how long others wait
//   leaving    100 queries of 60 s, each cancelled when its client leaves
//   replaced   REPLACEMENTS (100) successors take the socket over under load: no request fails
//   idle       5,000 keep-alive connections
// The short forms of all are tests/system/rest-load.test.mjs.
import assert from 'node:assert/strict';
import net from 'node:net';
import { until } from '../system/freehold.mjs';
import { dropInLoad, random } from '../system/rest_load.mjs';
import { Standalone } from '../system/standalone.mjs';

const [seed, requests, replacements] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 24_000), Number(process.argv[4] ?? 100)];
const sum = (map) => [...map.values()].reduce((a, b) => a + b, 0);
const shown = (map) => [...map].sort(([a], [b]) => a - b).map(([k, v]) => `${k}: ${v}`).join(', ');
const seven = '/book?select=id,title&id=eq.7', isSeven = JSON.stringify([{ id: 7, title: 'b7' }]);

const s = await Standalone.start({ schema: random.schema + dropInLoad.schema, settings: { PGRST_DB_AGGREGATES_ENABLED: 'true', PGRST_DB_TX_END: 'commit-allow-override' } });
try {
  const found = await random.run(s, { seed, requests });
  console.log(`random: seed ${seed}, ${requests} requests, ${shown(found.statuses)}; codes of 5xx: ${[...found.fives].map(([code, asked]) => `${code} (${[...asked].sort().join(', ')})`).join('; ') || 'none'}`);

  const changed = await dropInLoad.schemaChanges(s, 20);
  assert.deepEqual([...changed.keys()], [200], `schema: ${shown(changed)}`);
  console.log(`schema: ${sum(changed)} requests while the schema changed 60 times, all 200`);

  for (let i = 0; i < 5; i++) {
    const seen = await dropInLoad.restart(s, { awayMs: 500 + 500 * i, afterMs: 3000 });
    assert.ok([...seen.keys()].every((status) => [200, 503, 504].includes(status)), shown(seen));
    assert.equal((await s.ask('GET', seven)).body, isSeven);
    console.log(`restart ${i + 1}: ${shown(seen)}`);
  }

  await s.ask('GET', '/large?select=id,word');
  const before = await s.pssKiB();
  const readers = await Promise.all(Array.from({ length: 40 }, () => s.read('/large?select=id,word', 1000)));
  let longest = 0;
  for (let i = 0; i < 50; i++) {
    const from = performance.now();
    assert.equal((await s.ask('GET', seven)).body, isSeven);
    longest = Math.max(longest, performance.now() - from);
  }
  console.log(`readers: 40 that stopped reading 60 MB each: ${(((await s.pssKiB()) - before) / 1024).toFixed(1)} MiB more, others waited ${longest.toFixed(0)} ms at most`);
  for (const reader of readers) reader.destroy();
  await until('what they asked has ended', async () => (await s.active('"large"')) === '0', 30_000);

  for (let i = 0; i < 100; i++) {
    const leaver = new AbortController();
    const slow = s.ask('POST', '/rpc/slow', { signal: leaver.signal }).catch(() => 'left');
    await until('the query runs', async () => (await s.active('slow')) === '1');
    leaver.abort();
    assert.equal(await slow, 'left');
    await until('its query has ended', async () => (await s.active('slow')) === '0', 5000);
  }
  console.log('leaving: 100 queries, all cancelled');

  const idle = [];
  for (let i = 0; i < 5000; i++) idle.push(await new Promise((resolve, reject) => { const c = net.connect(s.port, '127.0.0.1', () => resolve(c)).on('error', reject); }));
  const from = performance.now();
  assert.equal((await s.ask('GET', seven)).body, isSeven);
  console.log(`idle: 5000 connections, an answer after ${(performance.now() - from).toFixed(0)} ms, PSS ${((await s.pssKiB()) / 1024).toFixed(1)} MiB`);
  for (const socket of idle) socket.destroy();
  assert.equal(s.server.ended, null, 'the process lives');
} finally {
  await s.stop();
}

const replaced = await dropInLoad.replace({ times: replacements, settings: {} });
assert.deepEqual(replaced.errors, []);
assert.deepEqual([...replaced.statuses.keys()].sort(), [200, 204], shown(replaced.statuses));
console.log(`replaced: ${replacements} times, ${replaced.requests} requests, ${shown(replaced.statuses)}; failed 0`);
