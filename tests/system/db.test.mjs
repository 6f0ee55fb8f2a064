// SPDX-License-Identifier: Apache-2.0
//
// freehold db: looking into an app's database, and taking it out as a file.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat, readFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example } from './freehold.mjs';

let f, folder;
const psql = (...words) => f.cli('db', 'site', 'psql', '--', '-XAtc', ...words);

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-db-'));
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
});
after(async () => {
  await f?.end();
  await rm(folder, { recursive: true, force: true });
});

test('psql is the owner of the tables, whatever the environment says of other databases', async () => {
  const made = await psql('create table public.notes (id bigserial primary key, body text); insert into notes (body) select repeat(md5(n::text), 20) from generate_series(1, 5000) n; select current_user');
  assert.equal(made.code, 0, made.all);
  assert.match(made.stdout, /postgres/);
  const elsewhere = await f.cli('db', 'site', 'psql', '-c', 'select count(*) from notes', { env: { PGHOST: '/nowhere', PGUSER: 'nobody', PGDATABASE: 'x' } });
  assert.match(elsewhere.stdout, /5000/);
  const careful = await f.cli('db', 'site', 'psql', '--read-only', '-c', 'delete from notes');
  assert.notEqual(careful.code, 0);
  assert.match(careful.stderr, /read-only transaction/);
  assert.match((await psql('select count(*) from notes')).stdout, /5000/);
});

test('size names tables, indexes and dead rows', async () => {
  await psql('update notes set body = body where id <= 3000; analyze notes');
  const { stdout } = await f.cli('db', 'site', 'size', '--json');
  const size = JSON.parse(stdout);
  const notes = size.tables.find((t) => t.name === 'public.notes');
  assert.equal(notes.rows, 5000, stdout);
  assert.ok(notes.total_bytes >= notes.heap_bytes + notes.index_bytes);
  assert.ok(size.indexes.some((i) => i.name === 'public.notes_pkey' && i.table === 'public.notes'));
  const shown = await f.cli('db', 'site', 'size');
  assert.match(shown.stdout, /public\.notes .* 5000 +\d+/);
});

test('dump gives a file that plain pg_restore reads, whole or not at all', async () => {
  const file = path.join(folder, 'site.dump');
  const done = await f.cli('db', 'site', 'dump', file);
  assert.equal(done.code, 0, done.all);
  assert.match(execFileSync('pg_restore', ['-l', file], { encoding: 'utf8' }), /TABLE DATA public notes/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const plain = path.join(folder, 'site.sql');
  assert.equal((await f.cli('db', 'site', 'dump', '--plain', '--schema-only', plain)).code, 0);
  const text = await readFile(plain, 'utf8');
  assert.match(text, /CREATE TABLE public\.notes/);
  assert.doesNotMatch(text, /COPY public\.notes/);
  const nowhere = await f.cli('db', 'site', 'dump', path.join(folder, 'no', 'such.dump'));
  assert.notEqual(nowhere.code, 0);
  assert.match(nowhere.stderr, /No such file/);
  assert.deepEqual((await readdir(folder)).sort(), ['site.dump', 'site.sql']);
});

test('slow names the costliest queries, and what would help, and changes nothing', async () => {
  const made = await psql(`create table public.teams (id int generated always as identity primary key, name text);
create table public.members (id bigserial primary key, team int references public.teams, name text);
insert into teams (name) select 'team ' || n from generate_series(1, 50) n; insert into members (team, name) select n % 50 + 1, 'member ' || n from generate_series(1, 20000) n;
create index members_name on public.members (name); alter table teams alter id restart with 2000000000; insert into teams (name) values ('last'); analyze`);
  assert.equal(made.code, 0, made.all);
  for (let i = 0; i < 3; i++) await psql("select count(*) /* the costly one */ from members a join members b using (team) where a.name like '%9'");
  const slow = JSON.parse((await f.cli('db', 'site', 'slow', '--json')).stdout);
  const costly = slow.queries.find((q) => q.query.includes('the costly one'));
  assert.equal(costly.calls, 3, JSON.stringify(slow.queries.map((q) => q.query)));
  assert.equal(costly.role, 'postgres');
  assert.doesNotMatch(costly.query, /%9/);
  assert.deepEqual(slow.foreign_keys.map((k) => [k.table.replace('public.', ''), k.columns]), [['members', 'team']]);
  assert.ok(slow.unused_indexes.some((i) => i.name === 'public.members_name'));
  assert.ok(slow.sequences.some((q) => q.name === 'public.teams_id_seq' && q.used > 90), JSON.stringify(slow.sequences));
  const shown = (await f.cli('db', 'site', 'slow')).stdout;
  assert.match(shown, /create index on (public\.)?members \(team\);/);
  await psql('create index on members (team)');
  assert.deepEqual(JSON.parse((await f.cli('db', 'site', 'slow', '--json')).stdout).foreign_keys, []);
});

test('what does not run or is not there is said', async () => {
  assert.match((await f.cli('db', 'site', 'dmup')).stderr, /did you mean dump\?/);
  assert.match((await f.cli('db', 'other', 'size')).stderr, /no app/);
  assert.match((await f.cli('db', 'site')).stdout, /freehold db site dump/);
  assert.equal((await f.cli('stop', 'site')).code, 0);
  assert.match((await f.cli('db', 'site', 'psql')).stderr, /does not run; freehold start site/);
  assert.equal((await f.cli('start', 'site')).code, 0);
});
