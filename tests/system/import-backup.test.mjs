// SPDX-License-Identifier: Apache-2.0
//
// A database that was moved in is backed up like the one it came in place of: its log is archived, a backup of it is proved,
// and any second of it can be restored.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';

let f, b, folder, dump;
const backups = async () => (await f.api('GET', '/v1/apps/site/db/backups')).body.places[0];
const idle = () => until('no job runs', async () => execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(f.home, 'freehold.db'),
  "select count(*) from job where state = 'running'"], { encoding: 'utf8' }).trim() === '0', 90000);
const db = async (...words) => { await idle(); const r = await f.cli('db', 'site', ...words); assert.equal(r.code, 0, `${words.join(' ')}: ${r.all}`); return r.stdout; };
const ask = async (sql) => (await db('psql', '--', '-XAtc', sql)).trim();

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-import-'));
  b = await Bare.project();
  dump = path.join(folder, 'project.dump');
  await b.dump(dump, '-Fc');
  await b.stop();
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  await until('a backup of the first database', async () => (await backups()).backups.length > 0, 60000);
});
after(async () => {
  await f?.end();
  await rm(folder, { recursive: true, force: true });
});

test('a database that is moved into an app that was never deployed has a repository from its first minute', async () => {
  const { all, code } = await f.cli('db', 'fresh', 'import', dump);
  assert.equal(code, 0, all);
  assert.doesNotMatch(all, /pgBackRest/);
  const place = async () => (await f.api('GET', '/v1/apps/fresh/db/backups')).body.places[0];
  await until('its log has arrived', async () => (await place()).waiting_bytes === 0, 60000);
  assert.equal((await place()).failing, '');
});

test('what was moved in is backed up, proved, and restored to a second', async () => {
  const earlier = (await backups()).backups.map((backup) => backup.id);
  await db('import', dump);
  assert.equal(await ask('select count(*) from public.notes'), '3000');
  await db('backup');
  const now = await backups();
  assert.equal(now.failing, '');
  assert.ok(now.backups.some((backup) => !earlier.includes(backup.id)), 'a backup of the new database');
  assert.match(await db('drill'), /proved|recovered|passed/i);

  await db('psql', '-c', 'create table public.after_it (id int); insert into public.after_it values (1)');
  const since = Date.now(); // a moment between two commits
  await until('a later millisecond', () => Date.now() > since);
  const at = new Date().toISOString();
  await until('one later still', () => Date.now() > Date.parse(at));
  await db('psql', '-c', 'drop table public.after_it; delete from public.notes');
  await db('restore', '--to', at);
  await until('the app answers', async () => (await f.get('site', '/')).status === 200);
  assert.equal(await ask('select count(*) from public.after_it'), '1');
  assert.equal(await ask('select count(*) from public.notes'), '3000');
  assert.equal((await backups()).failing, '', 'the restored one is archived too');
});
