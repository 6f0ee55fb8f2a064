// SPDX-License-Identifier: Apache-2.0
// bench/pool.mjs [SECONDS [CLIENTS]]: an app's database reached directly and through its pool (PgBouncer): clients that connect anew for
// each query, 100 by pgbench and 2,000 by the driver `pg`; clients that stay; memory meanwhile. With --fetch also through a PgBouncer that
// keeps prepared statements (transaction pooling).
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { folder, Freehold, until } from '../tests/system/freehold.mjs';
import { family, head, pssKiB, run, table } from './lib.mjs';

const numbers = process.argv.slice(2).filter((word) => /^\d+$/.test(word)).map(Number);
const seconds = numbers[0] ?? 8, clients = numbers[1] ?? 2000, fetches = process.argv.includes('--fetch');

head('A pool of connections');
const tools = await mkdtemp(path.join(os.tmpdir(), 'fh-pool-'));
await run('npm', ['install', '--silent', '--no-audit', '--no-fund', 'pg@8.13.1'], { cwd: tools });
const f = await Freehold.start();
const bin = (await run('bash', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -1'])).stdout.trim();

// Each of `clients` connects, asks once by a named prepared statement and leaves, again and again; what fails waits 100 ms.
const client = `
const { Client } = require(process.argv[1] + '/node_modules/pg');
const [host, password, clients, seconds] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const begin = Date.now(), end = begin + seconds * 1000, times = [], errors = {};
const again = async () => {
  while (Date.now() < end) {
    const c = new Client({ host, port: 5432, user: 'freehold_app', password, database: 'postgres' }), from = performance.now();
    c.on('error', () => {});
    try { await c.connect(); await c.query({ name: 'q', text: 'select $1::int', values: [1] }); times.push(performance.now() - from); await c.end(); }
    catch (e) { const said = e.message.replace(/"[^"]*"/g, ''); errors[said] = (errors[said] ?? 0) + 1; c.end().catch(() => {}); await new Promise((r) => setTimeout(r, 100)); }
  }
};
Promise.all(Array.from({ length: clients }, again)).then(() => {
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ rate: times.length / (Date.now() - begin) * 1000, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)], errors }));
  process.exit(0);
});`;

async function reconnect(host, password) {
  const child = spawn('node', ['-e', client, '--', tools, host, password, String(clients), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '', most = {};
  child.stdout.on('data', (b) => { text += b; });
  const done = new Promise((resolve) => child.on('exit', resolve));
  await new Promise((resolve) => setTimeout(resolve, seconds * 600));
  most = await memory();
  await done;
  return { ...JSON.parse(text), ...most };
}

const processes = async () => (await f.api('GET', '/v1/apps/pooled')).body.processes;
async function memory() {
  const list = await processes(), mib = async (name) => {
    const p = list.find((one) => one.name === name);
    return p?.pid ? ((await Promise.all((await family(p.pid)).map(pssKiB))).reduce((a, b) => a + b, 0) / 1024).toFixed(1) : '-';
  };
  return { postgres: await mib('postgres'), pool: await mib('pool') };
}

// A connection for each transaction (-C), or one for good; transactions a second.
async function pgbench(host, password, ...options) {
  const { stdout } = await run(`${bin}/pgbench`, ['-h', host, '-U', 'freehold_app', '-n', '-f', script, '-T', String(seconds), '-c', '100', '-j', '2', ...options, 'postgres'],
    { env: { ...process.env, PGPASSWORD: password } }).catch((e) => ({ stdout: e.stdout }));
  const rate = /tps = ([\d.]+)/.exec(stdout)?.[1], failed = /aborted/.test(stdout);
  return rate && !failed ? Number(rate).toFixed(0) : `${rate ?? 0} (aborted)`;
}

const script = path.join(await folder({ 'q.sql': 'select 1;\n' }), 'q.sql');
await f.deploy(await folder({ 'package.json': JSON.stringify({ name: 'pooled', private: true, scripts: { start: 'node server.js' } }),
  'server.js': `require('node:http').createServer((q, r) => r.end(new URL(process.env.DATABASE_URL).password)).listen(process.env.PORT);` }), 'pooled');
const password = (await f.get('pooled', '/')).text;
const direct = `${f.home}/run/pooled/database`, pooled = `${f.home}/run/pooled/pool`;
const describe = async () => { const { body } = await f.api('GET', '/v1/apps/pooled/db/pool'); return `through PgBouncer ${body.pgbouncer}, ${body.mode}, ${body.size} connections`; };

const rows = [], few = [];
async function measure(name, host) {
  const idle = await memory();
  few.push([name, await pgbench(host, password, '-C'), await pgbench(host, password), idle.postgres, idle.pool]);
  const many = await reconnect(host, password);
  const errors = Object.entries(many.errors).map(([said, n]) => `${n}: ${said}`).join('; ') || 'none';
  rows.push([name, many.rate.toFixed(0), many.p50?.toFixed(0), many.p99?.toFixed(0), errors, many.postgres, many.pool]);
  process.stderr.write(`${name}: ${JSON.stringify(many)}\n`);
}
await measure('direct', direct);
await measure(await describe(), pooled);
if (fetches) {
  await f.cli('db', 'pooled', 'pool', '--fetch');
  await until('the newer one runs', async () => (await processes()).find((p) => p.name === 'pool')?.state === 'running');
  await measure(await describe(), pooled);
}
console.log(`${clients} clients, each connects (SCRAM), asks once by a named prepared statement, and leaves; ${seconds} s`);
table(['', 'connections and queries/s', 'p50, ms', 'p99, ms', 'errors', 'PostgreSQL PSS, MiB', 'PgBouncer PSS, MiB'], rows);
console.log(`100 clients (pgbench, select 1), ${seconds} s`);
table(['', 'a connection for each query, queries/s', 'connected for good, queries/s', 'PostgreSQL PSS before, MiB', 'PgBouncer PSS before, MiB'], few);
await f.end();
await rm(tools, { recursive: true, force: true });
