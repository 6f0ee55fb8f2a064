#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// REST alone: freehold-backend in PostgREST's place over 10,000 rows under row security, 32 connections: bench/rest.mjs [ROUNDS [SECONDS]]
//   list     20 rows as anon            key      one row by its key, by token
//   embed    10 rows with a parent      insert   one row, returned, by token
// beside it, in turns: pgbench with the very statements the backend sends (taken from PostgreSQL's log), prepared, over as many connections as the
// pool has; and POSTGREST_BIN, if given. CPU is counted in /proc, for the server and for all of PostgreSQL; PSS after the last round.
import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { cpuMicroseconds, family, head, inTurns, median, pssKiB, run, table, wrk } from './lib.mjs';
import { freePort } from '../tests/system/port.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 4)];
const pool = Number(process.env.POOL ?? 10);
const build = process.env.FREEHOLD_BUILD ?? path.join(import.meta.dirname, '..', 'build');
const isRoot = process.getuid() === 0;
const versions = (await run('ls', ['/usr/lib/postgresql'])).stdout.trim().split('\n').map(Number).sort((a, b) => b - a);
const pgbin = (name) => `/usr/lib/postgresql/${versions[0]}/bin/${name}`;
const secret = 'a secret for the bench, of more than 32 bytes';
head(`rest: 32 connections, pool ${pool}, PostgreSQL ${versions[0]}, medians of ${rounds} rounds of ${seconds} s in turns`);

const b64 = (x) => Buffer.from(x).toString('base64url');
const signed = `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64(JSON.stringify({ role: 'app_user', sub: '11111111-1111-1111-1111-111111111111', exp: 4102444800 }))}`;
const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
const schema = `create role authenticator noinherit login; create role app_anon nologin; create role app_user nologin; grant app_anon, app_user to authenticator;
create table owners (id int primary key, name text not null); insert into owners select i, 'owner ' || i from generate_series(1, 100) i;
create table items (id bigint generated always as identity primary key, title text not null, price numeric not null, owner_id int not null references owners, is_listed boolean not null default true, created_at timestamptz not null default now());
create table notes (id bigint generated always as identity primary key, author uuid not null, body text not null);
alter table items enable row level security; alter table owners enable row level security; alter table notes enable row level security;
create policy p on items for select using (is_listed); create policy p on owners for select using (true);
create policy p on notes using (author = (current_setting('request.jwt.claims', true)::json->>'sub')::uuid);
insert into items (title, price, owner_id, is_listed, created_at) select 'item ' || i, i % 97, 1 + i % 100, i % 10 <> 0, now() - i * interval '1 minute' from generate_series(1, 10000) i;
create index on items (created_at desc); grant select on items, owners to app_anon, app_user; grant select, insert on notes to app_user; analyze;`;

const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-rest-'));
await chmod(dir, 0o777);
const as = (program, args) => (isRoot ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]] : [program, args]);
const psql = (sql) => run(...as('psql', ['-h', dir, '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', sql]));
const children = [];

async function startServer(program) {
  const [port, admin] = [await freePort(), await freePort()];
  const child = spawn(program, [], { stdio: ['ignore', 'ignore', 'inherit'], env: { PATH: process.env.PATH, PGRST_DB_URI: `postgresql://authenticator@/postgres?host=${dir}`, PGRST_DB_SCHEMAS: 'public', PGRST_DB_ANON_ROLE: 'app_anon',
    PGRST_JWT_SECRET: secret, PGRST_DB_POOL: String(pool), PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: String(port), PGRST_ADMIN_SERVER_PORT: String(admin), PGRST_LOG_LEVEL: 'crit' } });
  children.push(child);
  for (let i = 0; ; i++) {
    if ((await fetch(`http://127.0.0.1:${admin}/ready`).catch(() => null))?.status === 200) return { pid: child.pid, url: `http://127.0.0.1:${port}` };
    if (i > 100) throw new Error(`${program} is not ready`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const cases = {
  list: { path: '/items?select=id,title,price,created_at&order=created_at.desc&limit=20' },
  key: { path: '/items?select=id,title,price&id=eq.4711', auth: true },
  embed: { path: '/items?select=id,title,owners(id,name)&order=created_at.desc&limit=10' },
  insert: { path: '/notes', auth: true, body: JSON.stringify({ author: '11111111-1111-1111-1111-111111111111', body: 'a note that somebody writes' }) },
};
const headersOf = (c) => ({ ...(c.auth ? { Authorization: `Bearer ${token}` } : {}), ...(c.body ? { 'Content-Type': 'application/json', Prefer: 'return=representation' } : {}) });

async function load(url, c) {
  if (!c.body) return wrk(url + c.path, { headers: headersOf(c), seconds, connections: 32 });
  const script = path.join(dir, 'post.lua');
  await writeFile(script, `wrk.method = "POST"\nwrk.body = ${JSON.stringify(c.body)}\n`);
  return wrk(url + c.path, { headers: headersOf(c), seconds, connections: 32, script });
}

const literal = ([, text, parameters]) => {
  const values = new Map([...(parameters ?? '').matchAll(/(\$\d+) = ('(?:[^']|'')*'|NULL)/g)].map(([, name, value]) => [name, value]));
  return text.replaceAll('\n\t', ' ').replace(/\$\d+/g, (name) => values.get(name) ?? name);
};
async function sqlOf(url, c, name) {
  const from = (await readFile(path.join(dir, 'log'), 'utf8')).length;
  const res = await fetch(url + c.path, { headers: headersOf(c), ...(c.body ? { method: 'POST', body: c.body } : {}) });
  if (!res.ok) throw new Error(`${name}: ${res.status} ${await res.text()}`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const log = (await readFile(path.join(dir, 'log'), 'utf8')).slice(from);
  const found = [...log.matchAll(/execute [^:\n]*: ((?:.|\n\t)*)\n(?:.*DETAIL: {2}parameters: (.*))?/g)].map(literal);
  if (process.env.SHOW) console.log(found.join('\n'), '\n');
  await writeFile(path.join(dir, `${name}.sql`), `\\startpipeline\n${found.join(';\n')};\n\\endpipeline\n`);
}

try {
  await run(...as(pgbin('initdb'), ['-D', `${dir}/data`, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8']));
  await run(...as(pgbin('pg_ctl'), ['-D', `${dir}/data`, '-w', '-l', `${dir}/log`, '-o', `-k ${dir} -h '' -c shared_buffers=64MB -c jit=off -c max_connections=60`, 'start']));
  await psql(schema);
  const postmaster = Number((await readFile(`${dir}/data/postmaster.pid`, 'utf8')).split('\n')[0]);
  const servers = { freehold: await startServer(path.join(build, 'src/bin/freehold-backend')) };
  if (process.env.POSTGREST_BIN) servers.postgrest = await startServer(process.env.POSTGREST_BIN);
  await psql("alter system set log_statement = 'all'"), await psql('select pg_reload_conf()');
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const [name, c] of Object.entries(cases)) await sqlOf(servers.freehold.url, c, name);
  await psql('alter system reset log_statement'), await psql('select pg_reload_conf()');
  const pgbench = async (name) => {
    const { stdout } = await run(...as(pgbin('pgbench'), ['-h', dir, '-U', 'authenticator', '-n', '-M', 'prepared', '-c', String(pool), '-j', '2', '-T', String(seconds), '-f', path.join(dir, `${name}.sql`), 'postgres']));
    return { rate: Number(/tps = ([\d.]+)/.exec(stdout)[1]), p50: NaN, p99: NaN };
  };
  const measured = async (pid, work) => {
    const pg = () => family(postmaster);
    const before = [pid ? await cpuMicroseconds([pid]) : 0, await cpuMicroseconds(await pg())], from = performance.now();
    const found = await work();
    const requests = found.rate * seconds, took = performance.now() - from;
    return { ...found, server: pid ? (await cpuMicroseconds([pid]) - before[0]) / requests : NaN, pg: (await cpuMicroseconds(await pg()) - before[1]) / requests, took };
  };
  for (const [name, c] of Object.entries(cases)) {
    const turns = Object.fromEntries(Object.entries(servers).map(([server, s]) => [server, () => measured(s.pid, () => load(s.url, c))]));
    turns.pgbench = () => measured(null, () => pgbench(name));
    const found = await inTurns(rounds, turns);
    const of = (list, key) => median(list.map((x) => x[key]));
    console.log(name);
    table(['', 'requests/s', 'p50 ms', 'p99 ms', 'server CPU µs', 'PostgreSQL CPU µs'], Object.entries(found).map(([server, list]) => [server, Math.round(of(list, 'rate')), of(list, 'p50').toFixed(1), of(list, 'p99').toFixed(1), of(list, 'server').toFixed(0), of(list, 'pg').toFixed(0)]));
  }
  for (const [name, s] of Object.entries(servers)) console.log(`${name}: PSS ${((await pssKiB(s.pid)) / 1024).toFixed(1)} MiB`);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await run(...as(pgbin('pg_ctl'), ['-D', `${dir}/data`, '-m', 'immediate', 'stop'])).catch(() => {});
  if (!process.env.KEEP) await rm(dir, { recursive: true, force: true });
}
