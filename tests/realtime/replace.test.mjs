// SPDX-License-Identifier: Apache-2.0
//
// The backend is replaced under clients of the real realtime-js: they are sent away over some seconds, come back each in its
// own time, join again by themselves, and know from when on they hear. REPLACE_CLIENTS makes it long
// (tests/long/realtime-churn.mjs).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { client, closeAll, joined, sql, until } from './lib.mjs';

afterEach(closeAll);
const clients = Number(process.env.REPLACE_CLIENTS ?? 60);
const WINDOW_MS = 500;
// Sent away over some seconds, each comes back a second later; those who come before the new backend hears PostgreSQL are told so
// together. A storm would be all of them in one window.
const SHARE_MAX = 0.5, BACK_MAX_MS = 15_000;

test(`${clients} clients, and another backend`, async () => {
  const heard = [], cameBack = [];
  const all = [];
  for (let i = 0; i < clients; i += 20) {
    all.push(...await Promise.all(Array.from({ length: Math.min(20, clients - i) }, async (_, k) => {
      const n = i + k, c = client({ version: n % 2 ? '1.0.0' : '2.0.0' });
      heard[n] = [];
      const channel = c.channel(`again-${randomUUID()}`).on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'whole' }, (m) => heard[n].push(m.new.id));
      await joined(channel, { changes: true, ms: 60000 });
      return channel;
    })));
  }
  await sql("insert into whole values (1, 'before', 'it')");
  await until('all have heard', () => heard.every((list) => list.includes(1)), 30000);

  const from = performance.now();
  for (const [n, channel] of all.entries()) {
    // "ok" of the changes is when they are heard again; what was in between is for the app to ask for.
    channel.on('system', {}, (m) => {
      if (m.extension === 'postgres_changes' && m.status === 'ok' && cameBack[n] === undefined) cameBack[n] = performance.now() - from;
    });
  }
  process.kill(Number(process.env.FREEHOLD_HARNESS_PID), 'SIGUSR2');
  await until('all are back', () => cameBack.filter((at) => at !== undefined).length === clients, 60000);
  const times = [...cameBack].sort((a, b) => a - b);
  let most = 0;
  for (const [i, at] of times.entries()) {
    let k = i;
    while (k < times.length && times[k] < at + WINDOW_MS) k++;
    most = Math.max(most, k - i);
  }
  console.log(`replaced: ${clients} clients back after ${(times[0] / 1000).toFixed(1)} to ${(times.at(-1) / 1000).toFixed(1)} s, ${most} of them at most within ${WINDOW_MS} ms`);
  assert.ok(most <= Math.max(5, clients * SHARE_MAX), `${most} of ${clients} came within ${WINDOW_MS} ms: ${times.map((t) => t.toFixed(0))}`);
  assert.ok(times.at(-1) < BACK_MAX_MS, `the last one was back after ${times.at(-1).toFixed(0)} ms`);
  await sql("insert into whole values (2, 'behind', 'it')");
  await until('all hear again', () => heard.every((list) => list.includes(2)), 30000);
  for (const list of heard) assert.deepEqual(list, [1, 2]);
});
