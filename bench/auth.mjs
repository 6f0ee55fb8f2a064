#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Sign-in: bench/auth.mjs [ROUNDS [SECONDS]]
//   sign-ins with a password, beside what bcrypt alone gives on these cores (a process a core, nothing else)
//   refreshes, each of 16 clients its own chain; GET /user by wrk
//   a REST read at a fixed rate, alone, with sign-ins beside it, and with as many refreshes (which write as much and
//   hash nothing), in turns: its p99
//   REST reads by wrk, as many as the machine gives, alone and with sign-ins beside them: what each costs the other
// Starts a backend and a PostgreSQL of its own (build/tests/pg/with_backend) and runs itself inside.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { head, inTurns, median, run, table, wrk } from './lib.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 5)];
const build = process.env.FREEHOLD_BUILD ?? path.join(import.meta.dirname, '..', 'build');
const REST_RATE = Number(process.env.REST_RATE ?? 300);
const SIGN_INS = Number(process.env.SIGN_INS ?? 16);
const password = 'a password of the bench';

if (!process.env.FREEHOLD_ORIGIN_BENCH) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-auth-'));
  const limits = { sign_in_sign_ups: 1000000, token_refresh: 1000000 };
  await writeFile(path.join(dir, 'config.json'), JSON.stringify({ auth: { rate_limit: limits, email: { enable_confirmations: false } } }));
  await writeFile(path.join(dir, '1.sql'), `create table items (id int primary key, title text not null); alter table items enable row level security;
    create policy p on items for select using (true); insert into items select i, 'item ' || i from generate_series(1, 10000) i; grant select on items to anon;`);
  const args = [path.join(build, 'src/bin/freehold-backend'), dir, 'bench', process.execPath, ...process.argv.slice(1)];
  const child = spawn(path.join(build, 'tests/pg/with_backend'), args, { stdio: 'inherit', env: { ...process.env, BACKEND_CONFIG: path.join(dir, 'config.json') } });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  await rm(dir, { recursive: true });
  process.exit(code);
}

const origin = process.env.FREEHOLD_ORIGIN_BENCH.replace('bench.localhost', '127.0.0.1');
const apikey = process.env.FREEHOLD_ANON_KEY_BENCH;
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

function ask(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const text = body ? JSON.stringify(body) : undefined;
    const req = http.request(origin + where, { method, agent, headers: { apikey, ...(text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}), ...headers } }, (res) => {
      let data = '';
      res.setEncoding('utf8').on('data', (chunk) => { data += chunk; }).on('end', () => (res.statusCode === 200 ? resolve(JSON.parse(data)) : reject(new Error(`${where}: ${res.statusCode} ${data}`))));
    });
    req.on('error', reject).end(text);
  });
}

const signIn = (email) => ask('POST', '/auth/v1/token?grant_type=password', { email, password });

// So many at once, for so long: how many a second.
async function rate(atOnce, what) {
  const until = performance.now() + seconds * 1000;
  let done = 0;
  await Promise.all(Array.from({ length: atOnce }, async (_, i) => { for (; performance.now() < until; done++) await what(i); }));
  return done / seconds;
}

// bcrypt alone, by the same libcrypt, a process a core.
async function bcryptAlone() {
  const program = `import crypt,time,warnings
n=0; until=time.monotonic()+${seconds}
while time.monotonic()<until: crypt.crypt("${password}","$2a$10$7EqJtq98hPqEX7fNZaFWoO"); n+=1
print(n)`;
  const counts = await Promise.all(os.cpus().map(() => run('python3', ['-W', 'ignore', '-c', program])));
  return counts.reduce((sum, { stdout }) => sum + Number(stdout), 0) / seconds;
}

// Requests begin at fixed times, whatever became of those before: latencies in ms, sorted.
async function restLoad() {
  const took = [], pending = [], start = performance.now(), count = REST_RATE * seconds;
  for (let i = 0; i < count; i++) {
    const at = start + (i * 1000) / REST_RATE, wait = at - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const from = performance.now();
    pending.push(ask('GET', `/rest/v1/items?select=id,title&id=eq.${1 + (i % 10000)}`).then(() => took.push(performance.now() - from)));
  }
  await Promise.all(pending);
  return took.sort((a, b) => a - b);
}
const p99 = (sorted) => sorted[Math.floor(sorted.length * 0.99)];

// Sign-ins while nothing of the processor is left: how long they take, and what the reads still get.
async function full() {
  const took = [];
  const reads = wrk(`${origin}/rest/v1/items?select=id,title&id=eq.7`, { headers: { apikey }, seconds, connections: 32 });
  const until = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: 4 }, async (_, i) => {
    while (performance.now() < until) {
      const from = performance.now();
      await signIn(`bench${i}@example.com`);
      took.push(performance.now() - from);
    }
  }));
  took.sort((a, b) => a - b);
  return { reads: (await reads).rate, signIns: took.length / seconds, median: took[took.length >> 1], slowest: took.at(-1) };
}

// What is beside comes from a process of its own, so that it does not disturb the one that measures.
const beside = {
  signIns: () => Promise.all(Array.from({ length: SIGN_INS }, async (_, i) => { for (; !stopped; done++) await signIn(`bench${i}@example.com`); })),
  // What a sign-in writes and no password: one refresh after the other, so many a second.
  async refreshes() {
    let { refresh_token } = await signIn('bench0@example.com');
    for (; !stopped; done++) {
      ({ refresh_token } = await ask('POST', '/auth/v1/token?grant_type=refresh_token', { refresh_token }));
      await new Promise((resolve) => { setTimeout(resolve, Math.max(0, (1000 * (done + 1)) / Number(process.argv[5]) - (performance.now() - began))); });
    }
  },
};
let stopped = false, done = 0;
const began = performance.now();
if (process.argv[4]) {
  process.stdout.write('ready\n');
  process.once('SIGTERM', () => { stopped = true; });
  await beside[process.argv[4]]();
  process.stdout.write(`${(done * 1000) / (performance.now() - began)}\n`);
  process.exit(0);
}

async function withBeside(which, perSecond, what) {
  const child = spawn(process.execPath, [process.argv[1], rounds, seconds, which, perSecond].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  await new Promise((resolve) => { child.stdout.setEncoding('utf8').on('data', (chunk) => { text += chunk; resolve(); }); });
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  const found = await what();
  child.kill('SIGTERM');
  await ended;
  return { ...found, beside: Number(text.trim().split('\n').at(-1)) };
}

head(`auth: medians of ${rounds} rounds of ${seconds} s in turns; ${SIGN_INS} sign-ins at once, ${REST_RATE} REST reads a second`);
const sessions = await Promise.all(Array.from({ length: 16 }, (_, i) => ask('POST', '/auth/v1/signup', { email: `bench${i}@example.com`, password })));
const token = { Authorization: `Bearer ${sessions[0].access_token}` };
let last;
const found = await inTurns(rounds, {
  bcrypt: bcryptAlone,
  signIns: () => rate(SIGN_INS, (i) => signIn(`bench${i}@example.com`)),
  refreshes: () => rate(16, async (i) => { sessions[i] = await ask('POST', '/auth/v1/token?grant_type=refresh_token', { refresh_token: sessions[i].refresh_token }); }),
  user: async () => (await wrk(`${origin}/auth/v1/user`, { headers: { apikey, ...token }, seconds, connections: 32 })).rate,
  alone: async () => ({ p99: p99(await restLoad()) }),
  beside: async () => { last = await withBeside('signIns', 0, async () => ({ p99: p99(await restLoad()) })); return last; },
  refreshesBeside: () => withBeside('refreshes', last.beside, async () => ({ p99: p99(await restLoad()) })),
  reads: async () => (await wrk(`${origin}/rest/v1/items?select=id,title&id=eq.7`, { headers: { apikey }, seconds, connections: 32 })).rate,
  full,
});
const ratio = median(found.signIns.map((value, i) => value / found.bcrypt[i]));
table(['', 'a second', ''], [
  ['bcrypt alone', median(found.bcrypt).toFixed(1), 'the limit'],
  ['sign-ins', median(found.signIns).toFixed(1), `${ratio.toFixed(2)} of the limit`],
  ['refreshes', Math.round(median(found.refreshes)), ''],
  ['GET /user', Math.round(median(found.user)), ''],
]);
const row = (name, what) => [`${what} beside`, median(found[name].map((x) => x.p99)).toFixed(1),
  `${median(found[name].map((value, i) => value.p99 / found.alone[i].p99)).toFixed(2)} times, at ${median(found[name].map((x) => x.beside)).toFixed(1)} a second`];
table(['REST reads', 'p99, ms', ''], [
  ['alone', median(found.alone.map((x) => x.p99)).toFixed(1), ''],
  row('beside', 'sign-ins'),
  row('refreshesBeside', 'as many refreshes'),
]);
const left = median(found.full.map((value, i) => value.reads / found.reads[i]));
const of = (name) => median(found.full.map((value) => value[name]));
table(['a full machine', '', ''], [
  ['reads a second, alone', Math.round(median(found.reads)), ''],
  ['reads a second, 4 sign in', Math.round(of('reads')), `${left.toFixed(2)} of that`],
  ['sign-ins a second', of('signIns').toFixed(1), `each ${Math.round(of('median'))} ms, the slowest ${Math.round(of('slowest'))} ms`],
]);
