// SPDX-License-Identifier: Apache-2.0
//
// An app whose database is PostgreSQL 17, which this Debian does not have: fetched through the machine's own mirror.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { Freehold, example, folder, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { Writer, made, startSource } from './import/followed.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f?.end(); });

test('an app can have PostgreSQL 17 from the start, with extensions that come with it', async () => {
  const source = await folder({ 'index.html': '<!doctype html><title>17</title>',
    'supabase/migrations/20250101000000_start.sql': `create extension if not exists vector;
create table public.things (id bigserial primary key, near vector(3));
alter table public.things enable row level security;
create policy all_read on public.things for select using (true);
insert into public.things (near) values ('[1,2,3]');` });
  const done = await f.cli('deploy', source, '--app', 'new', '--postgres', '17');
  assert.equal(done.code, 0, done.all);
  const version = await f.cli('db', 'new', 'psql', '--', '-XAtc', 'show server_version_num');
  assert.match(version.stdout, /^17\d{4}$/m);
  const { publishable } = (await f.api('GET', '/v1/apps/new')).body.keys;
  const rows = await f.get('new', '/rest/v1/things?select=near', { headers: { apikey: publishable } });
  assert.deepEqual(rows.body, [{ near: '[1,2,3]' }], rows.text);
  await f.cli('db', 'new', 'psql', '-c', 'create table parts (id int, thing bigint references things); insert into parts select n, 1 from generate_series(1, 5000) n; analyze parts');
  const { foreign_keys: [key], proposals } = JSON.parse((await f.cli('db', 'new', 'slow', '--json')).stdout);
  assert.equal(proposals.proved, true);
  assert.equal(key.columns, 'thing');
});

test('another app beside it has the machine\'s own, and a cluster keeps its major', async () => {
  await f.deploy(example('static-site'), 'old');
  const version = await f.cli('db', 'old', 'psql', '--', '-XAtc', 'show server_version_num');
  assert.doesNotMatch(version.stdout, /^17\d{4}$/m);
  const refused = await f.cli('deploy', example('static-site'), '--app', 'new', '--postgres', '15');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /is PostgreSQL 17 and keeps it/);
  const none = await f.cli('deploy', example('static-site'), '--app', 'third', '--postgres', '12');
  assert.match(none.stderr, /15 to 18 can be had here, not 12/);
});

test('a project of 17 is moved into an app that had 15, with its vectors', async () => {
  const b = await Bare.project({ bin: path.join(f.home, 'postgres/17/usr/lib/postgresql/17/bin') });
  try {
    await b.psql('create extension vector with schema extensions; create table public.near (id int primary key, at extensions.vector(3)); alter table public.near owner to postgres; insert into public.near values (1, \'[1,2,3]\')');
    await b.psql('alter role postgres superuser');
    const dump = path.join(f.home, 'of17.dump');
    await b.dump(dump, '-Fc', '--compress=zstd');
    for (const source of [dump, b.url()]) {
      const done = await f.cli('db', 'old', 'import', source, '--replace');
      assert.equal(done.code, 0, done.all);
      const version = await f.cli('db', 'old', 'psql', '--', '-XAtc', 'show server_version_num');
      assert.match(version.stdout, /^17\d{4}$/m);
      const report = (await f.api('GET', '/v1/apps/old/db/import')).body.report;
      for (const t of report.tables) assert.equal(t.contents, 'equal', t.name);
      assert.equal(report.tables.find((t) => t.name === 'public.near').rows, 1);
      const { publishable } = (await f.api('GET', '/v1/apps/old')).body.keys;
      const signed = await f.get('old', '/auth/v1/token?grant_type=password', { method: 'POST', headers: { apikey: publishable, 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'person7@example.com', password: 'secret of 7' }) });
      assert.equal(signed.status, 200, signed.text);
    }
  } finally {
    await b.stop();
  }
});

test('a project of an older major is followed into an app of 17 while it is written to, and no row is lost or doubled', async () => {
  const b = await startSource(), ask = (sql) => f.ask('followed', sql);
  try {
    await f.deploy(example('static-site'), 'followed', '--postgres', '17');
    const writers = [2, 3].map((n) => new Writer(b, n)), following = async () => (await f.api('GET', '/v1/apps/followed/db/import')).body.following;
    const copied = await f.cli('move', 'followed', b.url(), '--replace');
    assert.equal(copied.code, 0, copied.all);
    await until('it follows', async () => (await following())?.active);
    const before = writers.map((w) => w.rows.size);
    await until('all write on', () => writers.every((w, i) => w.rows.size > before[i] + 20));
    const done = await f.cli('move', 'followed', '--finish');
    assert.equal(done.code, 0, done.all);
    assert.match(done.stdout, /followed/);
    assert.match(await ask('show server_version_num'), /^17\d{4}$/);
    assert.doesNotMatch(await b.psql('show server_version_num'), /^17\d{4}$/);
    for (const w of writers) {
      await w.ended;
      assert.match(w.refused, /this app is being moved/);
      assert.equal(await ask(`select id || ' ' || body from moved where id / 1000000 = ${Math.floor(w.next / 1e6)} order by id`), [...w.rows].map(([id, body]) => `${id} ${body}`).join('\n'));
    }
    for (const sql of ["select count(*), md5(string_agg(moved::text, ',' order by id)) from public.moved", 'select count(*), count(distinct id), sum(id) from public.keyless', 'select last_value, is_called from public.counter'])
      assert.equal(await ask(sql), await b.psql(sql), sql);
    assert.equal(await made(b), '0');
    const { report } = (await f.api('GET', '/v1/apps/followed/db/import')).body;
    assert.equal(report.catch_up.way, 'replication');
    console.log(`# pause ${report.held_ms} ms (${JSON.stringify(report.catch_up)}), ${writers.reduce((sum, w) => sum + w.next % 1e6, 0)} transactions`);
  } finally {
    await b.stop();
  }
});

test('both are backed up, the one that was 15 too, and one is restored to a second', async () => {
  for (const app of ['new', 'old']) {
    await until(`${app} has no job`, async () => (await f.cli('db', app, 'backup')).code === 0, 90000);
    const [place] = (await f.api('GET', `/v1/apps/${app}/db/backups`)).body.places;
    assert.equal(place.failing, '', app);
    const drill = await f.cli('db', app, 'drill');
    assert.equal(drill.code, 0, drill.all);
  }
  const ask = (sql) => f.ask('new', sql);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // restores go to a second
  const at = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await ask('delete from public.things');
  const restored = await f.cli('db', 'new', 'restore', '--to', at);
  assert.equal(restored.code, 0, restored.all);
  assert.equal(await ask('select count(*) from public.things'), '1');
  assert.match(await ask('show server_version_num'), /^17\d{4}$/);
});

test('it survives a restart of everything', async () => {
  assert.equal((await f.cli('stop', 'new')).code, 0);
  assert.equal((await f.cli('start', 'new')).code, 0);
  const rows = await f.cli('db', 'new', 'psql', '--', '-XAtc', 'select count(*) from things');
  assert.match(rows.stdout, /^1$/m);
});
