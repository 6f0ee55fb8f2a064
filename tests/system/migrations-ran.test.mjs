// SPDX-License-Identifier: Apache-2.0
//
// A database that was brought over from where the export's migrations had been pasted into a dashboard: nothing in it says
// that they have run, and they cannot run again. The owner says so, for one deployment.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Freehold, folder } from './freehold.mjs';

const files = {
  'index.html': '<p>tools</p>',
  'supabase/migrations/20260101000000_tools.sql': 'create table public.tools (name text); alter table public.tools enable row level security;',
  'supabase/migrations/20260102000000_loans.sql': 'create table public.loans (tool text); alter table public.loans enable row level security;',
};
let f, dir;
const ask = (sql) => f.ask('shed', sql);

before(async () => {
  f = await Freehold.start();
  dir = await folder(files);
});
after(() => f?.end());

test('without a table nothing can have run', async () => {
  const refused = await f.cli('deploy', dir, '--app', 'empty', '--accept', 'migrations-ran');
  assert.notEqual(refused.code, 0);
  assert.match(refused.all, /the database of empty has no table.*freehold db empty import -/s);
});

test('what has run is noted and runs not again; the next one runs', async () => {
  const old = await folder({ 'old.sql': 'create table public.tools (name text);\ncreate table public.loans (tool text);\ninsert into public.tools values (\'saw\');\n' });
  const imported = await f.cli('db', 'shed', 'import', `${old}/old.sql`);
  assert.equal(imported.code, 0, imported.all);

  const failed = await f.cli('deploy', dir, '--app', 'shed');
  assert.notEqual(failed.code, 0);
  assert.match(failed.all, /relation "tools" already exists.*/s);
  assert.match(failed.all, /--accept migrations-ran/);

  const done = await f.cli('deploy', dir, '--app', 'shed', '--accept', 'migrations-ran');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /2 migrations are noted as applied.*none of them runs/);
  assert.equal(await ask('select string_agg(version, \',\' order by version) from supabase_migrations.schema_migrations'), '20260101000000,20260102000000');
  assert.equal(await ask('select name from tools'), 'saw');

  const more = await folder({ ...files, 'supabase/migrations/20260103000000_more.sql': 'create table public.more (x int); alter table public.more enable row level security;' });
  await f.deploy(more, 'shed');
  assert.equal(await ask('select to_regclass(\'public.more\')'), 'more');
});
