#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Sign-in: bench/auth.mjs [ROUNDS [SECONDS [pairs]]]; with `pairs` only the reads, each load alone and beside sign-ins
//   sign-ins with a password, beside what bcrypt alone gives on these cores (a process a core, nothing else)
//   refreshes, each of 16 clients its own chain; GET /user by wrk
//   what one costs, one after the other: processor time of PostgreSQL and of the backend's loop, log of changes
//   the p99 of REST reads, alone and with somebody beside, in turns:
//     a light load (REST_RATE a second by Node) beside sign-ins; beside as many whose password is wrong (which hash and write
//     nothing), as many refreshes (which write and hash nothing) and as many rows inserted by REST, which is the floor
//     a middle load (32 connections of wrk that pause, about half of what the machine gives) beside the same, and a full one (32 that do not)
// Starts a backend and a PostgreSQL of its own (build/tests/pg/with_backend) and runs itself inside, in a session of its own, as is
// whoever is beside: none gets the backend's share of a full machine.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { cpuMicroseconds, family, head, inTurns, median, run, table, wrk } from './lib.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 5)];
const isPairs = process.argv[4] === 'pairs';
const build = process.env.FREEHOLD_BUILD ?? path.join(import.meta.dirname, '..', 'build');
const REST_RATE = Number(process.env.REST_RATE ?? 300);
const SIGN_INS = Number(process.env.SIGN_INS ?? 16);
const COSTS = 100;
const password = 'a password of the bench';

if (!process.env.FREEHOLD_ORIGIN_BENCH) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-auth-'));
  const limits = { sign_in_sign_ups: 1000000, token_refresh: 1000000 };
  await writeFile(path.join(dir, 'config.json'), JSON.stringify({ auth: { rate_limit: limits, email: { enable_confirmations: false } } }));
  await writeFile(path.join(dir, '1.sql'), `create table items (id int primary key, title text not null); alter table items enable row level security;
    create policy p on items for select using (true); insert into items select i, 'item ' || i from generate_series(1, 10000) i; grant select on items to anon;
    create table notes (id bigint generated always as identity primary key, author uuid not null, body text not null); alter table notes enable row level security;
    create policy p on notes using (author = auth.uid()); grant select, insert on notes to authenticated;`);
  const args = [path.join(build, 'src/bin/freehold-backend'), dir, 'bench', 'setsid', '-w', process.execPath, ...process.argv.slice(1)];
  const child = spawn(path.join(build, 'tests/pg/with_backend'), args, { stdio: 'inherit', env: { ...process.env, BACKEND_CONFIG: path.join(dir, 'config.json'), BENCH_DIR: dir } });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  await rm(dir, { recursive: true });
  process.exit(code);
}

const origin = process.env.FREEHOLD_ORIGIN_BENCH.replace('bench.localhost', '127.0.0.1');
const apikey = process.env.FREEHOLD_ANON_KEY_BENCH, database = process.env.FREEHOLD_DATABASE;
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

function ask(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const text = body ? JSON.stringify(body) : undefined;
    const req = http.request(origin + where, { method, agent, headers: { apikey, ...(text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}), ...headers } }, (res) => {
      let data = '';
      res.setEncoding('utf8').on('data', (chunk) => { data += chunk; }).on('end', () => (res.statusCode < 300 ? resolve(JSON.parse(data)) : reject(new Error(`${where}: ${res.statusCode} ${data}`))));
    });
    req.on('error', reject).end(text);
  });
}

const signIn = (email) => ask('POST', '/auth/v1/token?grant_type=password', { email, password });
const refresh = (session) => ask('POST', '/auth/v1/token?grant_type=refresh_token', { refresh_token: session.refresh_token });

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

// Requests begin at fixed times, whatever became of those before: the p99 in ms.
async function lightReads() {
  const took = [], pending = [], start = performance.now(), count = REST_RATE * seconds;
  for (let i = 0; i < count; i++) {
    const at = start + (i * 1000) / REST_RATE, wait = at - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const from = performance.now();
    pending.push(ask('GET', `/rest/v1/items?select=id,title&id=eq.${1 + (i % 10000)}`).then(() => took.push(performance.now() - from)));
  }
  await Promise.all(pending);
  took.sort((a, b) => a - b);
  return { p99: took[Math.floor(took.length * 0.99)] };
}

async function script(name, text) {
  const file = path.join(process.env.BENCH_DIR, `${name}.lua`);
  await writeFile(file, text);
  return file;
}
const read = `${origin}/rest/v1/items?select=id,title&id=eq.7`;
const fullReads = () => wrk(read, { headers: { apikey }, seconds, connections: 32 });
let pause_ms;
async function middleReads() {
  const most = Math.max(1, Math.round(2 * pause_ms - 1));
  return wrk(read, { headers: { apikey }, seconds, connections: 32, script: await script('middle', `function delay() return math.random(1, ${most}) end\n`) });
}

// Whoever is beside is a wrk, which costs the machine little. Those that are to be so many a second are one connection that waits
// for its turn.
const turns = (perSecond) => `local began, done = nil, 0
local function now() local f = io.open("/proc/uptime"); local t = f:read("*n"); f:close(); return t end
function delay()
  began = began or now()
  done = done + 1
  return math.max(0, math.floor((done / ${perSecond} - (now() - began)) * 1000))
end\n`;
const post = (where, body) => `wrk.path = "${where}"; wrk.headers["Content-Type"] = "application/json"; wrk.method = "POST"; wrk.body = ${JSON.stringify(JSON.stringify(body))}\n`;
const people = (body) => `local i = 0\n${post('/auth/v1/token?grant_type=password', {})}
function request() i = i + 1; return wrk.format(nil, nil, nil, string.format(${JSON.stringify(JSON.stringify(body))}, i % 16)) end\n`;
const beside = {
  signIns: () => ({ connections: SIGN_INS, text: people({ email: 'bench%d@example.com', password }) }),
  wrong: () => ({ connections: SIGN_INS, text: people({ email: 'bench%d@example.com', password: 'another' }) }),
  refreshes: async (perSecond) => ({ connections: 1, text: `local token = "${(await signIn('bench0@example.com')).refresh_token}"
${post('/auth/v1/token?grant_type=refresh_token', {})}${turns(perSecond)}
function request() return wrk.format(nil, nil, nil, '{"refresh_token":"' .. token .. '"}') end
function response(status, headers, body) token = body:match('"refresh_token":"([^"]+)"') or token end\n` }),
  inserts: (perSecond) => ({ connections: 1, text: `${post('/rest/v1/notes', note)}wrk.headers["Authorization"] = "${token.Authorization}"
wrk.headers["Prefer"] = "return=representation"\n${turns(perSecond)}` }),
};

async function withBeside(which, perSecond, what) {
  const { connections, text } = await beside[which](perSecond);
  const args = ['-w', 'wrk', '-t1', `-c${connections}`, `-d${seconds + 2}s`, '-H', `apikey: ${apikey}`, '-s', await script(which, text), origin];
  const ended = run('setsid', args);
  await new Promise((resolve) => { setTimeout(resolve, 1000); });
  const found = await what();
  const { stdout } = await ended;
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  if (which !== 'wrong' && refused > 0) throw new Error(`${which}: ${refused} were refused\n${stdout}`);
  return { ...found, beside: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]) };
}

// Sign-ins while nothing of the processor is left: how long they take, and what the reads still get.
async function full() {
  const took = [], reads = fullReads(), until = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: 4 }, async (_, i) => {
    while (performance.now() < until) {
      const from = performance.now();
      await signIn(`bench${i}@example.com`);
      took.push(performance.now() - from);
    }
  }));
  took.sort((a, b) => a - b);
  return { ...(await reads), beside: took.length / seconds, median: took[took.length >> 1], slowest: took.at(-1) };
}

// One after the other: microseconds of PostgreSQL and of the backend's loop, bytes of the log of changes.
const sql = async (text) => (await run('psql', ['-h', database, '-U', 'supabase_admin', '-qAtc', text, 'postgres'])).stdout.trim();
async function cost(what) {
  const backend = Number(process.env.FREEHOLD_BACKEND_PID);
  const postmaster = Number((await readFile(path.join(database, '../postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
  const count = async () => [await cpuMicroseconds(await family(postmaster)), await cpuMicroseconds([backend])];
  for (let i = 0; i < 10; i++) await what();
  const log = await sql('select pg_current_wal_insert_lsn()'), before = await count();
  for (let i = 0; i < COSTS; i++) await what();
  const after = await count();
  return { pg: (after[0] - before[0]) / COSTS, loop: (after[1] - before[1]) / COSTS, log: Number(await sql(`select pg_current_wal_insert_lsn() - '${log}'`)) / COSTS };
}

head(`auth: medians of ${rounds} rounds of ${seconds} s in turns; ${SIGN_INS} sign-ins at once, ${REST_RATE} REST reads a second`);
const sessions = await Promise.all(Array.from({ length: 16 }, (_, i) => ask('POST', '/auth/v1/signup', { email: `bench${i}@example.com`, password })));
const token = { Authorization: `Bearer ${sessions[0].access_token}` };
const note = { author: sessions[0].user.id, body: 'a note that somebody writes' };
await sql("alter system set autovacuum = off"), await sql('select pg_reload_conf()');
pause_ms = 64000 / (await fullReads()).rate;
let perSecond;
const besides = (load, reads) => ({
  [load]: reads,
  [`${load}SignIns`]: async () => { const one = await withBeside('signIns', 0, reads); perSecond = one.beside; return one; },
  [`${load}Wrong`]: () => withBeside('wrong', 0, reads),
  [`${load}Refreshes`]: () => withBeside('refreshes', perSecond, reads),
  [`${load}Inserts`]: () => withBeside('inserts', perSecond, reads),
});
const cases = {
  bcrypt: bcryptAlone,
  signIns: () => rate(SIGN_INS, (i) => signIn(`bench${i}@example.com`)),
  refreshes: () => rate(16, async (i) => { sessions[i] = await refresh(sessions[i]); }),
  user: async () => (await wrk(`${origin}/auth/v1/user`, { headers: { apikey, ...token }, seconds, connections: 32 })).rate,
  insertCost: () => cost(() => ask('POST', '/rest/v1/notes', note, { ...token, Prefer: 'return=representation' })),
  refreshCost: () => cost(async () => { sessions[1] = await refresh(sessions[1]); }),
  signInCost: () => cost(() => signIn('bench2@example.com')),
  ...besides('light', lightReads),
  ...besides('middle', middleReads),
  full: fullReads,
  fullSignIns: full,
};
const isAsked = (name) => !isPairs || /^(light|middle|full)(SignIns)?$/.test(name);
const found = await inTurns(rounds, Object.fromEntries(Object.entries(cases).filter(([name]) => isAsked(name))));
const of = (name, key) => median(found[name].map((x) => (key ? x[key] : x)));
function tellCosts() {
  const ratio = median(found.signIns.map((value, i) => value / found.bcrypt[i]));
  table(['', 'a second', ''], [
    ['bcrypt alone', of('bcrypt').toFixed(1), 'the limit'],
    ['sign-ins', of('signIns').toFixed(1), `${ratio.toFixed(2)} of the limit`],
    ['refreshes', Math.round(of('refreshes')), ''],
    ['GET /user', Math.round(of('user')), ''],
  ]);
  table(['one costs', 'PostgreSQL CPU µs', "the backend's loop, CPU µs", 'log, bytes'], [['row inserted by REST', 'insertCost'], ['refresh', 'refreshCost'], ['sign-in', 'signInCost']]
    .map(([what, name]) => [what, ...['pg', 'loop', 'log'].map((key) => Math.round(of(name, key)))]));
}
if (!isPairs) tellCosts();
const row = (what, name, alone) => {
  const ratios = found[name].map((value, i) => value.p99 / found[alone][i].p99).sort((a, b) => a - b);
  const rates = found[name][0].rate ? [Math.round(of(name, 'rate'))] : [REST_RATE];
  return [what, ...rates, of(name, 'p99').toFixed(2), ...(name === alone ? ['', '', ''] : [median(ratios).toFixed(2), `${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)}`, of(name, 'beside').toFixed(1)])];
};
table(['REST reads', 'a second', 'p99, ms', 'of alone', 'in the rounds', 'beside, a second'], [
  ...['light', 'middle'].flatMap((load) => [
    [`${load}, alone`, load, load],
    ['… sign-ins beside', `${load}SignIns`, load],
    ['… wrong passwords beside', `${load}Wrong`, load],
    ['… refreshes beside', `${load}Refreshes`, load],
    ['… rows inserted beside', `${load}Inserts`, load],
  ]),
  ['full, alone', 'full', 'full'],
  ['… 4 sign in beside', 'fullSignIns', 'full'],
].filter(([, name]) => isAsked(name)).map((one) => row(...one)));
console.log(`On a full machine a sign-in takes ${Math.round(of('fullSignIns', 'median'))} ms, the slowest ${Math.round(of('fullSignIns', 'slowest'))} ms.`);
process.exit(0);
