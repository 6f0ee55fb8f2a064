// SPDX-License-Identifier: Apache-2.0
//
// v0's scripts: one that only puts rows in and fails is left out and said, and the app goes live; the next deployment runs it. One
// that makes something stops the deployment, and so does a failing file of supabase/migrations.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Freehold, folder } from './freehold.mjs';

const table = (name) => `create table public.${name} (id int primary key, who uuid references auth.users); alter table public.${name} enable row level security;`;
const files = {
  'index.html': '<p>tools</p>',
  'scripts/001_tables.sql': table('tools'),
  'scripts/002_seed.sql': "insert into public.tools values (1, null);\n\ninsert into public.tools values (2, '00000000-0000-0000-0000-000000000001');",
  'scripts/003_more.sql': `${table('loans')} insert into public.loans values (7, null);`,
};
let f;
const ask = async (sql) => (await f.cli('db', 'shed', 'psql', '--', '-XAtc', sql)).stdout.trim();

before(async () => { f = await Freehold.start(); });
after(() => f?.end());

test('the seed is left out with PostgreSQL\'s words, all else is there and live', async () => {
  const done = await f.cli('deploy', await folder(files), '--app', 'shed');
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /scripts\/002_seed\.sql only puts rows in, and failed in line 3: .*foreign key.*It is left out/);
  assert.match(done.stdout, /2 migrations applied/);
  assert.equal(await ask('select count(*) from public.tools'), '0', 'nothing of it, not even its first row');
  assert.equal(await ask('select id from public.loans'), '7');
  const { body } = await f.api('GET', '/v1/apps/shed/deployments/1');
  assert.deepEqual(body.report.left_out_scripts.map(({ file, line }) => [file, line]), [['002_seed.sql', 3]]);
});

test('as long as it fails it is said, and when it is mended it runs', async () => {
  const again = await f.cli('deploy', await folder(files), '--app', 'shed');
  assert.equal(again.code, 0, again.all);
  assert.match(again.stdout, /002_seed\.sql only puts rows in, and failed/);
  assert.match(again.stdout, /rehearse: skipped \(what was pending is left out\)/);
  const mended = await f.cli('deploy', await folder({ ...files, 'scripts/002_seed.sql': 'insert into public.tools values (1, null);' }), '--app', 'shed');
  assert.equal(mended.code, 0, mended.all);
  assert.doesNotMatch(mended.stdout, /left out/);
  assert.equal(await ask('select count(*) from public.tools'), '1');
});

test('what makes something, and what is a migration, stops the deployment', async () => {
  const bad = "insert into public.nowhere values (1);";
  const script = await f.cli('deploy', await folder({ ...files, 'scripts/004_both.sql': `create table public.late (id int);${bad}` }), '--app', 'shed');
  assert.notEqual(script.code, 0, script.all);
  assert.match(script.stderr, /004_both\.sql, line 1: .*nowhere/);
  const migration = await f.cli('deploy', await folder({ 'index.html': '<p>', 'supabase/migrations/20260101000000_rows.sql': bad }), '--app', 'other');
  assert.notEqual(migration.code, 0, migration.all);
  assert.match(migration.stderr, /20260101000000_rows\.sql, line 1: .*nowhere/);
});
