// SPDX-License-Identifier: Apache-2.0
// What @neondatabase/serverless asks a service of Neon's for, led to the app's own PostgreSQL (src/build/neon_door.mjs): here without the package, by
// the requests that it makes and the WebSocket that it is given.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import { Freehold, folder, root } from './freehold.mjs';

let f, door, url;
before(async () => {
  f = await Freehold.start();
  await f.deploy(await folder({ 'package.json': JSON.stringify({ name: 'n', private: true, scripts: { start: 'node s.js' } }),
    's.js': "require('node:http').createServer((q, r) => r.end('hello')).listen(process.env.PORT)" }), 'neon');
  const { env } = JSON.parse(await readFile(path.join(f.home, 'run/neon/web/1/serve.json'), 'utf8'));
  // From outside of its sandbox there is no port: one that leads to the same socket.
  door = net.createServer((c) => { const to = net.connect(path.join(f.home, 'run/neon/database/.s.PGSQL.5432')); c.pipe(to).pipe(c); c.on('error', () => {}); to.on('error', () => {}); });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  url = env.DATABASE_URL.replace(':5432/', `:${door.address().port}/`);
});
after(async () => { door?.close(); await f.end(); });

// A program with the door before it; what it prints last is its answer.
async function run(code) {
  const dir = await folder({ 'main.mjs': code });
  const modules = path.join(dir, 'node_modules/@neondatabase/serverless');
  await mkdir(modules, { recursive: true });
  const stub = 'class Config { static get webSocketConstructor() { return undefined } static set webSocketConstructor(x) { throw new Error("overwritten") } };';
  await writeFile(path.join(modules, 'package.json'), JSON.stringify({ name: '@neondatabase/serverless', exports: { import: './index.mjs', require: './index.js' } }));
  await writeFile(path.join(modules, 'index.mjs'), `${stub} export const neonConfig = Config;`);
  await writeFile(path.join(modules, 'index.js'), `${stub} exports.neonConfig = Config;`);
  const { stdout } = await promisify(execFile)('node', ['--import', path.join(root, 'src/build/neon_door.mjs'), 'main.mjs'], { cwd: dir, env: { ...process.env, DATABASE_URL: url }, timeout: 30000 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const ask = `const ask = async (body, more = {}) => {
  const reply = await fetch('https://api.0.0.1/sql', { method: 'POST', body: JSON.stringify(body), headers: { 'Neon-Connection-String': process.env.DATABASE_URL, 'Neon-Raw-Text-Output': 'true', 'Neon-Array-Mode': 'true', ...more } });
  return { status: reply.status, ...(await reply.json()) };
};`;

test('a query with parameters, its types, and nothing', async () => {
  const it = await run(`${ask} console.log(JSON.stringify(await ask({ query: 'select $1::int + 1 as n, $2::text as t, $3::text as nothing, true as b', params: ['41', "ä'\\u2603", null] })));`);
  assert.equal(it.status, 200);
  assert.deepEqual(it.rows, [['42', "ä'\u2603", null, 't']]);
  assert.deepEqual(it.fields.map(({ name, dataTypeID }) => [name, dataTypeID]), [['n', 23], ['t', 25], ['nothing', 25], ['b', 16]]);
  assert.deepEqual([it.command, it.rowCount, it.rowAsArray], ['SELECT', 1, true]);
});

test('rows as objects, many of them, and a table that lasts', async () => {
  const it = await run(`${ask}
    await ask({ query: 'create table if not exists things (id int primary key, word text)', params: [] });
    const added = await ask({ query: 'insert into things select i, repeat($1, 100) from generate_series(1, 2000) i', params: ['x'] });
    console.log(JSON.stringify([added, await ask({ query: 'select * from things order by id', params: [] }, { 'Neon-Array-Mode': 'false' })]));`);
  assert.deepEqual([it[0].command, it[0].rowCount], ['INSERT', 2000]);
  assert.equal(it[1].rows.length, 2000);
  assert.deepEqual(it[1].rows[1999], { id: '2000', word: 'x'.repeat(100) });
});

test('an error has PostgreSQL\'s own words, and the next query works', async () => {
  const it = await run(`${ask} console.log(JSON.stringify([await ask({ query: 'insert into things values (1, null)', params: [] }), await ask({ query: 'select 1 as one', params: [] })]));`);
  assert.equal(it[0].status, 400);
  assert.deepEqual([it[0].code, it[0].constraint, it[0].severity], ['23505', 'things_pkey', 'ERROR']);
  assert.deepEqual(it[1].rows, [['1']]);
});

test('several at once are one transaction', async () => {
  const it = await run(`${ask} const batch = (...list) => ask({ queries: list.map((query) => ({ query, params: [] })) }, { 'Neon-Batch-Isolation-Level': 'Serializable' });
    const bad = await batch("insert into things values (5000, 'a')", 'select 1/0');
    const good = await batch("insert into things values (6000, 'b')", "select current_setting('transaction_isolation') as level");
    console.log(JSON.stringify([bad, good, await ask({ query: 'select id from things where id >= 5000', params: [] })]));`);
  assert.equal(it[0].code, '22012');
  assert.deepEqual(it[1].results[1].rows, [['serializable']]);
  assert.deepEqual(it[2].rows, [['6000']]);
});

test('the WebSocket carries the bytes, whatever the app sets in its place', async () => {
  const it = await run(`import { neonConfig } from '@neondatabase/serverless';
    neonConfig.webSocketConstructor = class Other {};
    const socket = new neonConfig.webSocketConstructor('wss://127.0.0.1/v2');
    socket.binaryType = 'arraybuffer';
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const got = new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)));
    socket.send(new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47])); // SSLRequest
    console.log(JSON.stringify([neonConfig.pipelineConnect, socket.readyState, String.fromCharCode(...new Uint8Array(await got))]));
    socket.close();`);
  assert.deepEqual(it, [false, 1, 'N']);
});
