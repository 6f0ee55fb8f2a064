// SPDX-License-Identifier: Apache-2.0
//
// A database elsewhere as hosts give it: PostgreSQL 17, twenty connections, a user who is no superuser, extensions from a list, sessions
// that are cut, a restart in the middle of the work, and poolers in front of it.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, folder, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { freePort } from './port.mjs';

let f, bare, dir, site, keys;
const poolers = [];
const url = (port = bare.port) => `postgresql://keeper:keeps@127.0.0.1:${port}/shop`;
const there = (sql) => bare.psql(sql, { database: 'shop' });
const rest = (query, options = {}) => f.get('shop', `/rest/v1/${query}`, { ...options, headers: { apikey: keys.anon, 'content-type': 'application/json' } });
const first = { 'index.html': '<!doctype html><title>shop</title>', 'supabase/migrations/20260101000000_notes.sql': `create table public.notes (id serial primary key, body text);
alter table public.notes enable row level security;
create policy short on public.notes for all to anon using (length(body) < 100) with check (length(body) < 100);
grant all on public.notes to anon;` };

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'fh-provider-'));
  await chmod(dir, 0o755);
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'other', '--postgres', '17'); // which brings it here
  bare = await Bare.start({ bin: path.join(f.home, 'postgres/17/usr/lib/postgresql/17/bin'), superuser: 'boss',
    settings: { max_connections: 20, shared_preload_libraries: 'pg_stat_statements' } });
  await bare.psql('create role rds_superuser');
  await bare.psql("create role keeper login createrole createdb password 'keeps' in role rds_superuser");
  await bare.psql('grant pg_monitor to keeper with admin option');
  await bare.psql('create database shop owner keeper');
  await there('create extension pg_stat_statements schema public');
  await there(`create function public.listed() returns event_trigger language plpgsql as $$ begin
    if not (select rolsuper from pg_roles where rolname = session_user) and current_query() !~ 'pgcrypto|uuid-ossp|pg_stat_statements' then
      raise exception 'extension is not allowed by the parameter rds.allowed_extensions' using errcode = 'insufficient_privilege'; end if; end $$;
    create event trigger listed on ddl_command_start when tag in ('CREATE EXTENSION') execute function public.listed()`);
  site = await folder(first);
});
after(async () => {
  for (const pooler of poolers) pooler.kill('SIGKILL');
  await f?.end();
  await bare?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function pooler(options) {
  const port = await freePort(), file = path.join(dir, `${port}.ini`);
  await writeFile(path.join(dir, 'users'), '"keeper" "keeps"\n');
  await writeFile(file, `[databases]\n* = host=127.0.0.1 port=${bare.port}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=${port}\nunix_socket_dir=\nauth_type=scram-sha-256\nauth_file=${dir}/users\npool_mode=transaction\n${options}\n`);
  const [program, args] = bare.dropped('/usr/sbin/pgbouncer', [file]);
  poolers.push(spawn(program, args, { stdio: 'ignore' }));
  await until('the pooler answers', () => new Promise((resolve) => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); resolve(true); }).on('error', () => resolve(false)); }));
  return port;
}

test('a pooler is known by what it does, whatever its name and port are', async () => {
  for (const options of ['', 'ignore_startup_parameters=options,extra_float_digits,search_path']) {
    const tried = await f.cli('deploy', site, '--app', 'shop', '--database', url(await pooler(options)));
    assert.equal(tried.code, 5, tried.all);
    assert.match(tried.stderr, /this is the address of a pooler.*take the direct address/s, options);
  }
});

test('an app goes live on it with its few connections, tried on a copy by programs of that version', async () => {
  const done = await f.cli('deploy', site, '--app', 'shop', '--database', url());
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /PostgreSQL 17/);
  assert.match(done.stdout, /1 migration ran on a copy/);
  ({ keys } = (await f.api('GET', '/v1/apps/shop')).body);
  assert.equal(JSON.parse(await readFile(f.app('shop', 'backend.json'))).pool_size, 2);
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 3 ? rest('notes?select=id&limit=1') : rest('notes', { method: 'POST', body: JSON.stringify({ body: `of ${i}` }) }))));
  assert.deepEqual([...new Set(all.map((answer) => answer.status))].sort(), [200, 201]);
  assert.equal(await there('select count(*) from notes'), '20');
  const slow = await f.cli('db', 'shop', 'slow');
  assert.match(slow.all, /GET \/rest\/v1\/notes/, slow.all);
});

test('an extension that the host does not allow stops the deployment, and says what to do', async () => {
  const wants = await folder({ ...first, 'supabase/migrations/20260102000000_trgm.sql': 'create extension if not exists pg_trgm with schema extensions;' });
  const done = await f.cli('deploy', wants, '--app', 'shop');
  assert.notEqual(done.code, 0, done.all);
  assert.match(done.all, /extension is not allowed by the parameter rds\.allowed_extensions/);
  assert.match(done.all, /allow it where the database is kept/);
  assert.equal((await rest('notes?limit=1')).status, 200);
});

test('sessions that the server cuts are made anew, and nobody notices', async () => {
  for (let i = 0; i < 5; i++) {
    await there("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where usename like 'fh\\_%'");
    assert.equal((await rest('notes?limit=1')).status, 200);
    const wrote = await rest('notes', { method: 'POST', body: JSON.stringify({ body: 'after' }) });
    assert.equal(wrote.status, 201, wrote.text);
  }
});

test('a server that dies under load: every answer is true, and it goes on by itself', async () => {
  await there('delete from notes');
  let isOver = false, wrote = 0;
  const seen = new Map();
  const worker = async () => {
    while (!isOver) {
      const answer = await rest('notes', { method: 'POST', body: JSON.stringify({ body: 'x' }) });
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      wrote += answer.status === 201;
    }
  };
  const workers = Array.from({ length: 8 }, worker);
  await until('it writes', () => wrote > 50);
  const from = performance.now();
  await bare.end('immediate');
  await until('it says so', () => seen.has(503));
  await bare.run();
  const before = wrote;
  await until('it writes again', () => wrote > before + 50);
  const awayMs = Math.round(performance.now() - from);
  isOver = true;
  await Promise.all(workers);
  assert.deepEqual([...seen.keys()].filter((status) => ![201, 503, 504].includes(status)), []);
  const rows = Number(await there('select count(*) from notes'));
  assert.ok(rows >= wrote && rows <= wrote + 8, `${rows} rows, ${wrote} were acknowledged`);
  console.log(`# ${JSON.stringify([...seen])}, ${rows} rows, ${wrote} acknowledged, 50 writes after ${awayMs} ms`);
});
