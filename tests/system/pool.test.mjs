// SPDX-License-Identifier: Apache-2.0
// A server that connects to PostgreSQL by itself, with the driver that most use, through its pool of connections.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readlink, stat } from 'node:fs/promises';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { Freehold, until } from './freehold.mjs';
import { source } from './pooled.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const ask = async (way) => (await f.get('pooled', `/${way}`)).body;
const pool = async () => (await f.api('GET', '/v1/apps/pooled/db/pool')).body;
const processes = async (app) => (await f.api('GET', `/v1/apps/${app}`)).body.processes;

// What the pool wants of whoever says this name, before anything else: the first message to a startup packet.
const offered = (user, database) => new Promise((resolve, reject) => {
  const words = Buffer.from(`user\0${user}\0database\0${database}\0\0`), head = Buffer.alloc(8);
  head.writeInt32BE(8 + words.length);
  head.writeInt32BE(196608, 4);
  const socket = net.connect(`${f.home}/run/pooled/pool/.s.PGSQL.5432`, () => socket.write(Buffer.concat([head, words])));
  socket.on('error', reject).on('data', (b) => { socket.destroy(); resolve({ kind: String.fromCharCode(b[0]), code: b.readInt32BE(5), text: b.toString('latin1', 9).split('\0')[0] }); });
});

// One that uses none has none: servers.test.mjs.
test('a pool is there for a server that uses a database', async () => {
  await f.deploy(await source(), 'pooled');
  assert.equal((await processes('pooled')).find((p) => p.name === 'pool').state, 'running');
});

test('the server reaches its database through it, as the role it always was', async () => {
  assert.deepEqual(await ask('who'), { current_user: 'postgres', session_user: 'freehold_app' });
  assert.equal((await ask('named')).n, 42);
  const { url, direct, pg } = await ask('urls');
  assert.match(url, /@127\.0\.0\.1:5432\/postgres/);
  assert.match(direct, /@127\.0\.0\.1:5433\/postgres/);
  assert.equal(pg, '5432');
  const seen = await pool();
  assert.ok(seen.since_start.queries >= 2, 'they went through it');
  assert.equal(typeof (await ask('direct')).pid, 'number');
  assert.equal((await pool()).since_start.queries, seen.since_start.queries, 'and what is direct goes past it');
});

test('the password is asked for, and nobody else is let in', async () => {
  assert.match((await ask('wrong')).error, /SASL authentication failed|password authentication failed/);
  assert.match((await ask('other')).error, /login rejected|authentication failed/i);
  assert.match((await ask('console')).error, /not allowed|login rejected|authentication failed|no such/i);
  const ini = await readFile(`${f.home}/run/pooled/pool.ini`, 'utf8');
  assert.match(await readFile(`${f.home}/run/pooled/pool.hba`, 'utf8'), /^local pgbouncer \S+ peer\nlocal postgres freehold_app scram-sha-256\n$/);
  assert.match(ini, /^auth_type = hba$/m);
  for (const name of ['ini', 'users', 'hba']) assert.equal((await stat(`${f.home}/run/pooled/pool.${name}`)).mode & 0o777, 0o600);
  assert.deepEqual(await offered('freehold_app', 'postgres'), { kind: 'R', code: 10, text: 'SCRAM-SHA-256' });
  // The kernel tells it who asks: another user of this machine cannot even come near the socket.
  if (process.getuid() === 0) {
    const said = await new Promise((resolve) => execFile('setpriv', ['--reuid', 'nobody', '--clear-groups', 'psql', '-w', '-h', `${f.home}/run/pooled/pool`, '-U', 'root', 'pgbouncer', '-c', 'show config'], (error, out, err) => resolve(out + err)));
    assert.match(said, /Permission denied/);
  }
});

test('200 clients over a small pool, each with its own prepared statements', async () => {
  assert.equal((await f.cli('db', 'pooled', 'pool', 'size=4')).code, 0);
  await until('the pool has four', async () => (await pool()).size === 4);
  const done = await ask('many?n=200');
  assert.deepEqual(done.errors, []);
  assert.equal(done.wrong, false);
  assert.ok(done.pids <= 4 + 5, `${done.pids} connections were used`);
  const refused = await f.cli('db', 'pooled', 'pool', 'size=100000');
  assert.match(refused.all, /size must be auto or from 1 to \d+.*postgres\.max_connections=\d+/s);
  assert.match((await f.cli('db', 'pooled', 'pool', 'mode=statement')).all, /auto, transaction, session or off/);
  assert.match((await f.cli('db', 'pooled', 'pool', 'colour=red')).all, /a pool has mode and size/);
});

test('PgBouncer is ended and comes back; PostgreSQL is killed under it and clients are served again', async () => {
  const before = (await processes('pooled')).find((p) => p.name === 'pool');
  process.kill(before.pid, 'SIGKILL');
  await until('another one runs', async () => { const now = (await processes('pooled')).find((p) => p.name === 'pool'); return now.state === 'running' && now.pid !== before.pid; });
  await until('the server has its database', async () => (await ask('named')).n === 42);
  const postgres = (await processes('pooled')).find((p) => p.name === 'postgres');
  process.kill(postgres.pid, 'SIGKILL');
  await until('another one runs', async () => { const now = (await processes('pooled')).find((p) => p.name === 'postgres'); return now.state === 'running' && now.pid !== postgres.pid; });
  await until('the database is back', async () => (await ask('named')).n === 42);
  assert.equal((await processes('pooled')).find((p) => p.name === 'pool').restarts, 1, 'the pool stayed');
  // The daemon may come and go.
  const pid = (await processes('pooled')).find((p) => p.name === 'pool').pid;
  await f.killDaemon();
  assert.equal((await ask('named')).n, 42);
  await f.startDaemon();
  assert.equal((await processes('pooled')).find((p) => p.name === 'pool').pid, pid);
});

test('what it does is shown', async () => {
  await f.cli('db', 'pooled', 'pool', 'size=10');
  await ask('hold?n=6');
  let isSeen = false;
  const busy = (async () => { while (!isSeen) await ask('sleep?s=2'); })();
  const seen = await until('one is at work', async () => { const p = await pool(); return p.clients?.active > 0 && p.clients.connected >= 6 && p; })
    .finally(() => { isSeen = true; });
  assert.equal(seen.clients.connected, seen.clients.active + seen.clients.idle + seen.clients.waiting);
  const shown = (await f.cli('db', 'pooled', 'pool')).stdout;
  assert.match(shown, /PgBouncer \d+\.\d+\.\d+, running/);
  assert.match(shown, /clients +\d+ active, \d+ idle, 0 waiting/);
  assert.match(shown, /size +10 of \d+ .* as you set it/);
  assert.match(shown, /mode +(session|transaction), chosen by Freehold/);
  await busy;
  await until('the hour was kept', async () => (await pool()).history.at(-1)?.clients >= 6);
  await ask('drop');
});

test('it is switched off and on without the server being told', async () => {
  assert.equal((await f.cli('db', 'pooled', 'pool', 'mode=off')).code, 0);
  assert.match(await readlink(`${f.home}/run/pooled/database.sock`), /database\/\.s\.PGSQL/);
  await until('the database is reached past it', async () => (await ask('named')).n === 42);
  assert.equal((await processes('pooled')).find((p) => p.name === 'pool'), undefined);
  assert.equal((await pool()).on, false);
  assert.equal((await f.cli('db', 'pooled', 'pool', 'mode=auto', 'size=auto')).code, 0);
  await until('and through it again', async () => (await ask('many?n=3')).errors.length === 0 && (await pool()).since_start?.queries > 0);
});

test('stopped and started with the app', async () => {
  await f.cli('stop', 'pooled');
  assert.ok((await processes('pooled')).every((p) => p.state === 'stopped'));
  assert.equal((await f.cli('start', 'pooled')).code, 0);
  await until('it serves', async () => (await ask('named')).n === 42);
  assert.equal((await f.cli('restart', 'pooled')).code, 0);
  await until('it serves', async () => (await ask('named')).n === 42);
});
