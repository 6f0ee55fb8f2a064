// SPDX-License-Identifier: Apache-2.0
//
// An app whose schema is in its code (Drizzle): its tool changes a copy, what it did is shown, judged and done to the
// live database. Installs from the registry.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold } from './freehold.mjs';
import { Bare } from './import/bare.mjs';

let f, dir;
const schema = (columns, more = '') => `import { pgTable, pgEnum, serial, text, integer, boolean } from 'drizzle-orm/pg-core';
export const mood = pgEnum('mood', ['sad', 'happy']);
export const users = pgTable('users', { id: serial('id').primaryKey(), name: text('name').notNull().unique(), ${columns} });
export const posts = pgTable('posts', { id: serial('id').primaryKey(), author: integer('author').references(() => users.id),
  mood: mood('mood').default('happy'), body: text('body').default('it''s; -- "so"\\n') });
${more}`.replace("''", "\\'");

before(async () => {
  f = await Freehold.start();
  dir = await mkdtemp(path.join(os.tmpdir(), 'fh-drizzle-'));
  const files = {
    'package.json': JSON.stringify({ name: 'desk', private: true, type: 'module',
      scripts: { build: 'vite build', 'db:push': 'drizzle-kit push' },
      dependencies: { 'drizzle-orm': '0.39.3', pg: '8.16.3' },
      devDependencies: { 'drizzle-kit': '0.31.8', vite: '5.4.10', rollup: '4.24.0', esbuild: '0.21.5' } }),
    'index.html': '<!doctype html><title>Desk</title><script type="module" src="/src/main.js"></script>',
    'src/main.js': 'document.title = "Desk";',
    'vite.config.js': 'export default {};',
    // Supabase is its server's alone, by the key that passes row security: that opens no table to visitors.
    'server/db.ts': `import { createClient } from '@supabase/supabase-js';
export const db = createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_ROLE_KEY);`,
    'drizzle.config.ts': `import { defineConfig } from 'drizzle-kit';
if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL, ensure the database is provisioned');
export default defineConfig({ out: './migrations', schema: './shared/schema.ts', dialect: 'postgresql',
  dbCredentials: { url: process.env.DATABASE_URL } });`,
    'shared/schema.ts': schema('age: integer("age")'),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await writeFile(path.join(dir, name), text);
  }
});
after(async () => {
  await f?.end();
  await rm(dir, { recursive: true, force: true });
});

const setSchema = (columns, more) => writeFile(path.join(dir, 'shared/schema.ts'), schema(columns, more));
const sql = (text) => execFileSync('psql', ['-h', path.join(f.home, 'run/desk/postgres'), '-U', 'postgres', '-d', 'postgres', '-XAtc', text],
  { encoding: 'utf8' }).trim();
const columns = () => sql("select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) from information_schema.columns where table_schema = 'public' and table_name = 'users'");
const report = async (n) => (await f.api('GET', `/v1/apps/desk/deployments/${n}`)).body.report;

test('the first deployment makes the tables, and shows how', { timeout: 300000 }, async () => {
  const done = await f.cli('deploy', dir, '--app', 'desk');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /CREATE TABLE "users"/);
  assert.equal(columns(), 'id integer, name text, age integer');
  assert.equal(sql("select tableowner from pg_tables where schemaname = 'public' and tablename = 'users'"), 'postgres');
  assert.equal(sql("insert into users (name, age) values ('a', 1) returning id").split('\n')[0], '1');
  assert.equal(sql('insert into posts (author) values (1) returning body').split('\n')[0], "it's; -- \"so\"");
  assert.match(sql('select version || name from supabase_migrations.schema_migrations'), /^\d{14}schema_push$/);
  const { schema_push: push, migrations } = await report(1);
  assert.ok(push.statements.length >= 4);
  assert.deepEqual(push.losses, []);
  assert.deepEqual(migrations.applied, [push.file]);
});

test('the public keys do not reach its tables', async () => {
  const { keys } = (await f.api('GET', '/v1/apps/desk')).body;
  for (const key of [keys.anon, keys.publishable]) {
    const got = await f.get('desk', '/rest/v1/users', { headers: { apikey: key } });
    assert.equal(got.status, 401, got.text);
    assert.equal(got.body.code, '42501');
  }
});

test('the same schema changes nothing', { timeout: 300000 }, async () => {
  const done = await f.cli('deploy', dir, '--app', 'desk');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /has the app's schema/);
  assert.equal(sql('select count(*) from supabase_migrations.schema_migrations'), '1');
  assert.doesNotMatch(done.all, /not in the export any more/);
});

test('a new column and a new table are added; the database is kept first', { timeout: 300000 }, async () => {
  await setSchema('age: integer("age"), admin: boolean("admin").default(false)', "export const tags = pgTable('tags', { id: serial('id').primaryKey() });");
  const done = await f.cli('deploy', dir, '--app', 'desk');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /ADD COLUMN "admin"/);
  assert.equal(columns(), 'id integer, name text, age integer, admin boolean');
  assert.equal(sql('select count(*) from users'), '1');
  assert.ok((await readdir(f.app('desk', 'backups'))).includes('before-3.dump'));
});

test('what would be lost stops it, until it is accepted', { timeout: 300000 }, async () => {
  await setSchema('admin: boolean("admin").default(false)');
  const stopped = await f.cli('deploy', dir, '--app', 'desk');
  assert.notEqual(stopped.code, 0);
  assert.match(stopped.all, /drops the column age of users.*--accept schema-loss/);
  assert.match(stopped.all, /drops the table tags; there are no rows/);
  assert.equal(columns(), 'id integer, name text, age integer, admin boolean');
  assert.equal(await f.live('desk'), 3);
  const done = await f.cli('deploy', dir, '--app', 'desk', '--accept', 'schema-loss:public.users.age');
  assert.equal(done.code, 0, done.all);
  assert.equal(columns(), 'id integer, name text, admin boolean');
  assert.equal(sql("select to_regclass('public.tags') is null"), 't');
});

test('a question that nobody can answer is said, and nothing is changed', { timeout: 300000 }, async () => {
  await setSchema('boss: boolean("boss").default(false)');
  const asked = await f.cli('deploy', dir, '--app', 'desk');
  assert.notEqual(asked.code, 0);
  assert.match(asked.all, /new or an old one renamed/);
  assert.equal(columns(), 'id integer, name text, admin boolean');
});

test('where the pages read tables by the public key, new ones stay open, and that is said', { timeout: 300000 }, async () => {
  await writeFile(path.join(dir, 'src/client.js'), "import { createClient } from '@supabase/supabase-js'; export const list = (supabase) => supabase.from('loans').select();");
  await setSchema('admin: boolean("admin").default(false)', "export const loans = pgTable('loans', { id: serial('id').primaryKey() });");
  const done = await f.cli('deploy', dir, '--app', 'desk');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /The new tables have no row security.* all rows of loans\. Paste/);
});

test('a database of the owner is left alone', { timeout: 300000 }, async () => {
  await f.cli('env', 'desk', 'set', 'DATABASE_URL=postgres://elsewhere.invalid/x');
  const done = await f.cli('deploy', dir, '--app', 'desk');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /not pushed/);
});

test('of a database elsewhere the same: shown first, brought in, and what takes rows away stops', { timeout: 300000 }, async () => {
  const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
  const bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss' });
  const there = (text) => bare.psql(text, { database: 'away' });
  try {
    await bare.psql("create role keeper login createrole createdb password 'keeps'");
    await bare.psql('create database away owner keeper');
    await rm(path.join(dir, 'src/client.js')); // the pages of this one ask for no table
    await setSchema('age: integer("age")', '');
    const done = await f.cli('deploy', dir, '--app', 'away', '--database', `postgresql://keeper:keeps@127.0.0.1:${bare.port}/away`);
    assert.equal(done.code, 0, done.all);
    assert.match(done.all, /CREATE TABLE "users"/);
    assert.equal(await there("select string_agg(tableowner, ' ') from pg_tables where schemaname = 'public'"), 'freehold_owner freehold_owner');
    assert.equal(await there("select has_table_privilege('anon', 'public.users', 'select')"), 'f');
    await there("set role freehold_owner; insert into users (name, age) values ('ada', 36)");
    await setSchema('', '');
    const stopped = await f.cli('deploy', dir, '--app', 'away');
    assert.notEqual(stopped.code, 0, stopped.all);
    assert.match(stopped.all, /drops the column age of users.*--accept schema-loss/);
    assert.equal(await there('select age from users'), '36');
    const accepted = await f.cli('deploy', dir, '--app', 'away', '--accept', 'schema-loss');
    assert.equal(accepted.code, 0, accepted.all);
    assert.match(accepted.all, /restore-point: done/);
    assert.equal(await there("select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns where table_name = 'users' and table_schema = 'public'"), 'id name');
  } finally {
    await f.api('DELETE', '/v1/apps/away');
    await bare.stop();
  }
});
