#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// tests/long/pool.mjs
//
// Transaction pooling, with the PgBouncer that is fetched for it: clients with prepared statements over a few connections; and what is lost while
// the pool is set otherwise, PostgreSQL is stopped and started, and another database takes its place (nothing may be).
import assert from 'node:assert/strict';
import path from 'node:path';
import { Freehold, until } from '../system/freehold.mjs';
import { source } from '../system/pooled.mjs';

const f = await Freehold.start();
const ask = async (way) => (await f.get('pooled', `/${way}`)).body;
const pool = async () => (await f.api('GET', '/v1/apps/pooled/db/pool')).body;
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);

// What eight callers are answered meanwhile.
async function meanwhile(what, work) {
  let asked = 0, isOver = false;
  const bad = [];
  const callers = Promise.all(Array.from({ length: 8 }, async () => {
    while (!isOver) { const answer = await ask('named'); asked++; if (answer?.n !== 42) bad.push(answer); }
  }));
  await until('they ask', () => asked > 50);
  const from = performance.now();
  await work();
  const ms = performance.now() - from, before = asked;
  await until('they go on', () => asked > before + 50);
  isOver = true;
  await callers;
  say(`${what}: ${ms.toFixed(0)} ms, ${asked} asked, ${bad.length} lost`);
  assert.deepEqual(bad, [], what);
}

let isBad = true;
try {
  await f.deploy(await source(), 'pooled');
  const refused = await f.cli('db', 'pooled', 'pool', 'mode=transaction');
  if (refused.code !== 0) assert.match(refused.all, /breaks named prepared statements in transaction pooling/);
  const fetched = await f.cli('db', 'pooled', 'pool', '--fetch');
  assert.equal(fetched.code, 0, fetched.all);
  await until('it runs', async () => (await pool()).mode === 'transaction' && (await pool()).process.state === 'running');
  say(`PgBouncer ${(await pool()).pgbouncer}`);

  await f.cli('db', 'pooled', 'pool', 'size=4');
  const many = await ask('many?n=200');
  assert.deepEqual(many.errors, []);
  assert.ok(many.pids <= 4 && !many.wrong, JSON.stringify(many));
  await ask('hold?n=500');
  const seen = await pool();
  assert.ok(seen.clients.idle >= 500 && seen.servers.connected <= 4, JSON.stringify(seen));
  say(`500 clients are idle on ${seen.servers.connected} connections`);
  await ask('drop');

  await meanwhile('set otherwise ten times', async () => { for (let i = 0; i < 10; i++) await f.api('PUT', '/v1/apps/pooled/db/pool', { size: String(4 + (i % 5)) }); });
  await meanwhile('PostgreSQL stopped and started', async () => {
    await f.api('POST', '/v1/apps/pooled/parts/postgres/stop');
    await f.api('POST', '/v1/apps/pooled/parts/postgres/start');
  });
  await meanwhile('another database in its place', async () => {
    const file = path.join(f.home, 'pooled.dump');
    for (const args of [['dump', file], ['import', file, '--replace'], ['import', '--undo']]) {
      const done = await f.cli('db', 'pooled', ...args);
      assert.equal(done.code, 0, done.all);
    }
  });

  // Measured use: clients that wait make it larger, as far as the cores go.
  await f.cli('db', 'pooled', 'pool', 'size=auto');
  const start = (await pool()).size;
  let isOver = false;
  const sleepers = Promise.all(Array.from({ length: 40 }, async () => { while (!isOver) await ask('once?s=0.5'); }));
  await until('it has grown', async () => (await pool()).size > start, 60000);
  isOver = true;
  await sleepers;
  const grown = await pool();
  say(`size ${start} became ${grown.size}: ${grown.size_from}`);
  assert.equal(grown.size_from, 'measured');
  isBad = false;
} finally {
  await f.end();
}
process.exit(isBad ? 1 : 0);
