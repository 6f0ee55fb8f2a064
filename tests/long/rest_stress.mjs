#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// freehold-backend in PostgREST's place under stress, over a cluster of its own: tests/long/rest_stress.mjs [SEED [REQUESTS]]
//   random     REQUESTS (24,000) from a generator that knows the grammar, as a role that may not read `secret`: the process lives, the word in it never comes
//              back, the tables are what they were, no 5xx but those PostgreSQL's own SQLSTATE maps to
//   restart    PostgreSQL killed and started under load: every request is answered, none wrong
//   schema     tables made and dropped and notified under load: no request for another table fails
//   leaving    a query of 60 s is cancelled when its client leaves
//   idle       5,000 keep-alive connections
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { run } from '../../bench/lib.mjs';

const [seed, requests] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 24_000)];
const build = process.env.FREEHOLD_BUILD ?? path.join(import.meta.dirname, '..', '..', 'build');
const isRoot = process.getuid() === 0;
const version = (await run('ls', ['/usr/lib/postgresql'])).stdout.trim().split('\n').map(Number).sort((a, b) => b - a)[0];
const pgbin = (name) => `/usr/lib/postgresql/${version}/bin/${name}`;
const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-stress-'));
await chmod(dir, 0o777);
const as = (program, args) => (isRoot ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]] : [program, args]);
const psql = async (sql) => (await run(...as('psql', ['-h', dir, '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', sql]))).stdout.trim();
const ctl = (...args) => run(...as(pgbin('pg_ctl'), ['-D', `${dir}/data`, '-w', '-l', `${dir}/log`, ...args]));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const freePort = () => new Promise((resolve) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); }); });

let state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
const random = (n) => { state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n); return Number((state >> 33n) % BigInt(n)); };
const pick = (list) => list[random(list.length)];
const maybe = (text, chance = 2) => (random(chance) === 0 ? (typeof text === 'function' ? text() : text) : '');

const word = 'opensesame';
const schema = `create role auth noinherit login; create role anon; grant anon to auth;
create table author (id int primary key, name text, born date); create table book (id int primary key, author_id int references author, title text, tags text[], data jsonb, price numeric);
create table secret (id int, word text); insert into secret values (1, '${word}'); create schema hidden; create table hidden.t (word text); insert into hidden.t values ('${word}');
insert into author select i, 'a' || i, '2000-01-01' from generate_series(1, 20) i; insert into book select i, 1 + i % 20, 'b' || i, '{x,y}', '{"k":[1,{"d":"v"}]}', i from generate_series(1, 200) i;
create view shelf as select b.id, b.title, a.name from book b join author a on a.id = b.author_id;
create function add(a int, b int default 1) returns int stable language sql as 'select a + b'; create function books(q text) returns setof book stable language sql as 'select * from book where title = q';
create function slow() returns void language sql as 'select pg_sleep(60)'; create function tell(word text) returns text stable language sql as 'select $1';
grant select on author, book, shelf to anon; analyze;`;

// The grammar, with what does not belong there now and then.
const names = ['id', 'id', 'id', 'id', 'id', 'name', 'name', 'title', 'title', 'author_id', 'author_id', 'tags', 'data', 'price', 'data->k', 'data->k->0', 'data->>k', 'secret', 'hidden', 'nothing', '*', 'word'];
const tables = ['author', 'author', 'author', 'book', 'book', 'book', 'book', 'book', 'shelf', 'shelf', 'rpc/add?a=1', 'rpc/books?q=b7', 'secret', 'hidden.t', 'rpc/add', 'rpc/books', 'rpc/tell', 'nothing', 'pg_shadow', '"secret"', 'secret;--', 'book"', ''];
const nasty = ["'", '"', "');select word from secret;--", '" from secret--', '$1', '\\', '%00', '%', '(', ')', ',', '.', '::text', "E'\\''", '\u{1F600}', 'null', '{', '}', '[', '*', '--', '/*', '-1', '99999999999999999999', 'x'.repeat(300)];
const ops = ['eq', 'eq', 'eq', 'gt', 'lt', 'in', 'is', 'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch', 'in', 'is', 'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'adj', 'fts', 'plfts(english)', 'fts(simple)', 'eq(any)', 'like(all)', 'not.eq', 'not.in', 'bogus', 'wfts(secret)'];
const value = () => pick([() => String(random(30)), () => String(random(30)), () => String(random(30)), () => '7', () => 'b' + random(30), () => `(${random(9)},${random(9)})`, () => '{x,y}', () => 'true', () => 'null', () => pick(nasty), () => pick(nasty) + pick(nasty), () => `"${pick(nasty)}"`])();
const name = () => maybe(() => pick(nasty), 60) || pick(names);
const filter = (depth = 0) => (depth < 4 && random(6) === 0 ? `${pick(['and', 'or', 'not.and', 'not.or'])}=(${logic(depth)})` : `${maybe('author.', 6)}${name()}=${pick(ops)}.${value()}`);
const logic = (depth) => Array.from({ length: 1 + random(3) }, () => (depth < 4 && random(3) === 0 ? `${pick(['and', 'or', 'not.and'])}(${logic(depth + 1)})` : `${name()}.${pick(ops)}.${value()}`)).join(',');
const item = (depth) => pick([() => name(), () => name(), () => name(), () => `${pick(['x', 'y', '"q q"'])}:${name()}`, () => `${name()}::${pick(['text', 'int', 'regclass', 'secret', 'json', 'nothing'])}`, () => (depth < 3 ? `${maybe('...', 4)}${maybe('z:')}${pick(['author', 'book', 'secret', 'nothing', 'shelf'])}${maybe(pick(['!inner', '!left', '!author_id', '!book_author_id_fkey', '!secret']))}(${select(depth + 1)})` : '*'), () => `${name()}.${pick(['sum', 'count', 'max', 'avg'])}()`])();
const select = (depth = 0) => Array.from({ length: 1 + random(4) }, () => item(depth)).join(',');
const query = () => [maybe(() => `select=${select()}`, 3), ...Array.from({ length: random(3) }, () => filter()), maybe(() => `order=${name()}${pick(['', '.desc', '.asc.nullsfirst', '.secret'])}`, 3), maybe(() => `limit=${pick(['0', '5', '-1', 'x', '1000'])}`, 3), maybe(() => `offset=${value()}`, 6), maybe(() => `columns=${name()}`, 8), maybe(() => `on_conflict=${name()}`, 8), maybe(() => `a=${value()}&b=${value()}`, 6), maybe(() => `q=${value()}`, 6), maybe(() => `word=${value()}`, 6)].filter(Boolean).map((part) => (random(3) ? encodeURI(part) : encodeURIComponent(part).replaceAll('%3D', '='))).join('&');
const withQuery = (target) => `${target}${target.includes('?') ? '&' : '?'}${query()}`;
// Every part of it right, so that much of what is asked runs in PostgreSQL too.
const number = () => `id=${pick(['eq', 'neq', 'gt', 'gte', 'lt', 'not.lte', 'isdistinct'])}.${random(40)}`;
const sound = () => pick([
  () => `/book?select=${pick(['*', 'id,title', 'x:title,price::text', 'id,data->k->1->>d', 'id,author(name)', 'title,...author(writer:name)', 'author!inner(name,book(id))', 'author_id,price.sum()', '...author(name,count())'])}&${number()}${maybe('&limit=7')}${maybe('&offset=2', 4)}`,
  () => `/author?select=*,book(${pick(['id', 'title,tags', '*'])})&book.order=id.desc&book.limit=${random(4)}&${pick(['and', 'or', 'not.or'])}=(id.eq.${random(20)},name.${pick(['eq', 'like', 'imatch'])}.a${random(9)},not.and(id.gt.3,id.lt.${random(20)}))&order=${pick(['id', 'name.desc.nullslast', 'born'])}`,
  () => `/shelf?title=in.(${value().replaceAll(/[(),"\\]/g, '')},b1,"b2")&order=id`, () => `/rpc/add?a=${random(9)}${maybe('&b=2')}`, () => `/rpc/books?q=b${random(30)}&select=id,author(name)`, () => `/rpc/tell?word=${encodeURIComponent(pick(nasty) + pick(nasty))}`, () => `/book?title=eq.${encodeURIComponent(pick(nasty) + pick(nasty))}&tags=cs.{x}`,
])();
const body = () => pick([() => '', () => '{}', () => `{"id":${random(9)},"title":"x"}`, () => `[{"id":1},{"id":2}]`, () => `[{"id":1},{"title":2}]`, () => `{"${pick(nasty).replaceAll(/["\\]/g, '')}":1}`, () => '[', () => pick(nasty), () => '['.repeat(random(3000)), () => 'id,title\n1,x', () => 'a=1&b=2', () => '{"a":1,"b":2}'])();
const header = () => Object.fromEntries([
  ['Prefer', maybe(() => pick(['count=exact', 'count=planned', 'return=representation', 'return=headers-only', 'resolution=merge-duplicates', 'missing=default', 'tx=rollback', 'handling=strict, bogus=1', 'max-affected=1', 'timezone=Nowhere', `timezone='${pick(nasty)}`, 'params=single-object']))],
  ['Accept', maybe(() => pick(['*/*', 'text/csv', 'application/vnd.pgrst.object+json', 'application/geo+json', '*/*;q=0', 'a/b', 'application/openapi+json', ',;,', 'application/json;nulls=stripped']))],
  ['Range', maybe(() => pick(['0-4', '5-', '-5', '9-1', 'x', '99999999999999999999-']), 4)], ['Content-Type', maybe(() => pick(['application/json', 'text/csv', 'application/x-www-form-urlencoded', 'text/plain', 'a/b']), 3)],
  ['Accept-Profile', maybe(() => pick(['public', 'hidden', 'pg_catalog']), 10)], ['Authorization', maybe(() => pick(['Bearer', 'Bearer x.y.z', 'Basic x', 'Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoicG9zdGdyZXMifQ.']), 12)],
].filter(([, text]) => text !== ''));

const [port, admin] = [await freePort(), await freePort()];
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const ask = (method, target, { headers = {}, content = '', signal } = {}) => new Promise((resolve, reject) => {
  let req;
  try { req = http.request({ port, host: '127.0.0.1', method, path: target, headers: { ...headers, 'Content-Length': Buffer.byteLength(content) }, agent, signal }); } catch (error) { if (/unescaped|Invalid character/.test(error.message)) return resolve(null); throw error; }
  req.on('error', reject).on('response', (res) => { const parts = []; res.on('data', (d) => parts.push(d)).on('error', reject).on('end', () => resolve({ status: res.statusCode, body: Buffer.concat(parts).toString() })); }).end(content);
});

let child;
try {
  await run(...as(pgbin('initdb'), ['-D', `${dir}/data`, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8']));
  const start = () => ctl('-o', `-k ${dir} -h '' -c fsync=off -c max_connections=40`, 'start');
  await start();
  await psql(schema);
  child = spawn(path.join(build, 'src/bin/freehold-backend'), [], { stdio: ['ignore', 'inherit', 'inherit'], env: { PGRST_DB_URI: `postgresql://auth@/postgres?host=${dir}`, PGRST_DB_ANON_ROLE: 'anon', PGRST_JWT_SECRET: 'x'.repeat(40), PGRST_DB_AGGREGATES_ENABLED: 'true', PGRST_DB_TX_END: 'commit-allow-override', PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: String(port), PGRST_ADMIN_SERVER_PORT: String(admin), PGRST_LOG_LEVEL: 'crit', ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '' } });
  let ended = null;
  child.once('exit', (code, signal) => { ended = signal ?? code; });
  for (let i = 0; (await fetch(`http://127.0.0.1:${admin}/ready`).catch(() => null))?.status !== 200; i++) { assert.ok(i < 100, 'ready'); await sleep(100); }
  const alive = () => assert.equal(ended, null, 'the process lives');

  const [statuses, fives] = [new Map(), new Set()];
  const one = async () => {
    const isSound = random(3) === 0;
    const [method, target, options] = [pick(['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']), isSound ? sound() : withQuery(`/${pick(tables)}`), { headers: isSound ? {} : header(), content: '' }];
    if (!['GET', 'HEAD'].includes(method)) options.content = body();
    const res = await ask(method, target, options).catch((error) => { throw new Error(`${method} ${target} ${JSON.stringify(options)}: ${error.message}`); });
    if (res === null) return;
    statuses.set(res.status, (statuses.get(res.status) ?? 0) + 1);
    if (res.body.includes(word)) throw new Error(`the secret came back: ${method} ${target} ${JSON.stringify(options)}\n${res.body}`);
    if (res.status >= 500) fives.add((/"code":"([^"]*)/.exec(res.body) ?? [])[1]);
    if (res.status >= 500 && !/"code":"(XX|5|25|40|0A|21|PGRST127)/.test(res.body) && method !== 'HEAD') throw new Error(`${res.status} ${method} ${target} ${JSON.stringify(options)}\n${res.body}`);
  };
  let left = requests;
  await Promise.all(Array.from({ length: 8 }, async () => { while (left-- > 0) { await one(); if (ended !== null) break; } }));
  alive();
  assert.equal(await psql('select (select count(*) from book), (select count(*) from author), (select count(*) from secret)'), '200|20|1');
  console.log(`random: seed ${seed}, ${requests} requests, ${[...statuses].sort(([a], [b]) => a - b).map(([k, v]) => `${k}: ${v}`).join(', ')}; codes of 5xx: ${[...fives].join(' ') || 'none'}`);

  // Load that knows the right answer.
  const right = JSON.stringify([{ id: 7, title: 'b7' }]);
  const seen = new Map();
  let isLoading = true;
  const load = Promise.all(Array.from({ length: 8 }, async () => {
    while (isLoading) {
      const res = await ask('GET', '/book?select=id,title&id=eq.7');
      seen.set(res.status, (seen.get(res.status) ?? 0) + 1);
      if (res.status === 200) assert.equal(res.body, right);
    }
  }));
  for (let i = 0; i < 10; i++) { await psql(`create table extra${i} (a int); alter table book add column extra${i} int; notify pgrst`); await sleep(150); await psql(`alter table book drop column extra${i}; drop table extra${i}; notify pgrst`); }
  assert.deepEqual([...seen.keys()], [200], `schema: ${JSON.stringify([...seen])}`);
  console.log(`schema: ${seen.get(200)} requests while the schema changed 20 times, all 200`);
  seen.clear();
  process.kill(Number((await readFile(`${dir}/data/postmaster.pid`, 'utf8')).split('\n')[0]), 'SIGQUIT');
  await sleep(1500);
  await start();
  await sleep(2500);
  isLoading = false;
  await load;
  alive();
  assert.ok([...seen.keys()].every((status) => [200, 503, 504].includes(status)), JSON.stringify([...seen]));
  assert.equal((await ask('GET', '/book?select=id,title&id=eq.7')).body, right);
  console.log(`restart: ${JSON.stringify(Object.fromEntries(seen))}`);

  const leaver = new AbortController();
  const slow = ask('POST', '/rpc/slow', { signal: leaver.signal }).catch(() => 'left');
  await sleep(700);
  const active = "select count(*) from pg_stat_activity where query like '%slow%' and state = 'active' and pid <> pg_backend_pid()";
  assert.equal(await psql(active), '1');
  leaver.abort();
  assert.equal(await slow, 'left');
  for (let i = 0; (await psql(active)) !== '0'; i++) { assert.ok(i < 40, 'the query of a client that left goes on'); await sleep(100); }
  console.log('leaving: cancelled');

  const idle = [];
  for (let i = 0; i < 5000; i++) idle.push(await new Promise((resolve, reject) => { const s = net.connect(port, '127.0.0.1', () => resolve(s)).on('error', reject); }));
  const from = performance.now();
  assert.equal((await ask('GET', '/book?select=id,title&id=eq.7')).body, right);
  const pss = Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8'))[1]);
  console.log(`idle: 5000 connections, an answer after ${(performance.now() - from).toFixed(0)} ms, PSS ${(pss / 1024).toFixed(1)} MiB`);
  for (const s of idle) s.destroy();
  alive();
} finally {
  agent.destroy();
  child?.kill('SIGTERM');
  await ctl('-m', 'immediate', 'stop').catch(() => {});
  await rm(dir, { recursive: true, force: true });
}
