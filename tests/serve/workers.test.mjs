// SPDX-License-Identifier: Apache-2.0
// Processes of functions that do not come up, with a program in Deno's place that hangs when it is told to.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Served } from './serve.mjs';

const start = (t, env) => {
  const s = Served.prepare(['node', '/app/worker.mjs'], { env, config: { functions: [{ name: 'hello', entry: 'hello.ts' }], worker: { boot_ms: 1500 } } });
  t.after(() => s.stop());
  s.run();
  return s.is('serving').then(() => s);
};
const starts = (s) => readFileSync(path.join(s.dir, 'data/starts'), 'utf8').length;
const ask = (s) => s.request('/hello', { method: 'POST' });

test('one whose program hangs before any of its code is started again, and its visitor hears nothing of it', { timeout: 60000 }, async (t) => {
  const s = await start(t, { HANGS: '2' });
  const replies = await Promise.all([ask(s), ask(s)]);
  assert.deepEqual(replies.map((reply) => [reply.status, reply.text]), [[200, 'served'], [200, 'served']]);
  assert.equal(starts(s), 3);
});

test('one that always hangs is said to', { timeout: 60000 }, async (t) => {
  const s = await start(t, { HANGS: '100' });
  const reply = await ask(s);
  assert.deepEqual([reply.status, starts(s)], [503, 3]);
  assert.match(reply.text, /BOOT_ERROR.*not ready after \d+ s, of which it computed for \d+\.\d s, and none of its code had run yet/);
});

test('one that hangs in its own code is not run a second time', { timeout: 60000 }, async (t) => {
  const s = await start(t, { HANGS: '1', HANGS_AT: 'load' });
  const reply = await ask(s);
  assert.deepEqual([reply.status, starts(s)], [503, 1]);
  assert.match(reply.text, /BOOT_ERROR.*not ready after \d+ s, of which it computed for \d+\.\d s"/);
});
