// SPDX-License-Identifier: Apache-2.0
// PostgreSQL sized to the machine, and set by the owner.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { after, before } from 'node:test';
import { example, Freehold, until } from './freehold.mjs';

let f;
before(async () => {
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
});
after(async () => { await f.end(); });

const sql = async (text) => (await f.cli('db', 'site', 'psql', '-c', text, '--', '-At')).stdout.trim();
const setting = async (name) => (await f.api('GET', '/v1/apps/site/db/settings')).body.settings.find((s) => s.name === name);

test('an app is sized to the machine, and says so', async () => {
  const { body } = await f.api('GET', '/v1/apps/site/db/settings');
  assert.ok(body.facts.memory_bytes > 0 && body.facts.cores > 0 && body.facts.database_bytes > 1e6);
  assert.equal(body.facts.apps, 1);
  assert.equal((await setting('shared_buffers')).value, '16MB', 'an empty database wants little, whatever the machine has');
  assert.equal((await setting('max_connections')).from, 'machine');
  const connections = Number((await setting('max_connections')).value);
  assert.equal(Number(await sql(`select rolconnlimit from pg_roles where rolname = 'freehold_app'`)), connections - 40);
  const shown = await f.cli('db', 'site', 'settings');
  assert.match(shown.stdout, /sized for .* of memory and \d+ cores?.*1 app here/);
  assert.match(shown.stdout, /work_mem +\d+MB +sized by Freehold/);
});

test('one that the owner sets holds at once, is kept, and is taken back', async () => {
  const result = await f.cli('set', 'site', 'postgres.work_mem=7MB', 'postgres.statement_timeout=9s');
  assert.equal(result.code, 0, result.all);
  assert.match(result.stdout, /^work_mem, statement_timeout holds at once/m);
  await until('it holds', async () => (await sql('show work_mem')) === '7MB');
  assert.equal((await setting('work_mem')).from, 'owner');
  assert.equal((await setting('statement_timeout')).value, '9s');
  await f.killDaemon();
  await f.startDaemon();
  await f.cli('stop', 'site');
  assert.equal((await f.cli('start', 'site')).code, 0);
  assert.equal(await sql('show work_mem'), '7MB');
  assert.equal((await f.cli('set', 'site', 'postgres.work_mem=default', 'postgres.statement_timeout=')).code, 0);
  await until('it is Freehold\'s again', async () => (await sql('show work_mem')) !== '7MB');
  assert.equal(await setting('statement_timeout'), undefined);
});

test('one that ends idle sessions ends none of the backend\'s', async () => {
  const listener = () => sql("select pid from pg_stat_activity where query like 'LISTEN%' and usename = 'authenticator'");
  assert.equal((await f.cli('set', 'site', 'postgres.idle_session_timeout=300ms')).code, 0);
  await f.cli('stop', 'site');
  await f.cli('start', 'site');
  const before = await until('the backend listens', listener);
  // The test's own sessions may be ended, too.
  await until('it holds', async () => (await sql('show idle_session_timeout')) === '300ms');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal(await until('the backend listens', listener), before);
  assert.equal((await f.cli('set', 'site', 'postgres.idle_session_timeout=default')).code, 0);
});

test('one that needs a start is said to wait for it', async () => {
  const result = await f.cli('set', 'site', 'postgres.max_connections=90');
  assert.match(result.stdout, /max_connections holds from the database's next start/);
  await until('it waits', async () => (await setting('max_connections')).waits);
  assert.match((await f.cli('db', 'site', 'settings')).stdout, /not in force yet/);
  await f.cli('stop', 'site');
  await f.cli('start', 'site');
  assert.equal(await sql('show max_connections'), '90');
});

test('what PostgreSQL does not take, and what is Freehold\'s, changes nothing', async () => {
  const before = await readFile(f.app('site', 'postgres/data/postgresql.conf'), 'utf8');
  for (const [word, said] of [
    ['postgres.work_mem=banana', /does not take work_mem=banana: .*invalid value/s],
    ['postgres.no_such_thing=1', /unrecognized configuration parameter/],
    ['postgres.fsync=off', /Freehold needs it/],
    ['postgres.archive_command=rm', /Freehold needs it/],
    ['postgres.shared_buffers=900GB', /more than half of this machine/],
    ['postgres.max_connections=10', /from 50 to 500/],
    ['postgres.work_mem=1MB\nfsync = off', /line break/],
  ]) {
    const result = await f.cli('set', 'site', 'postgres.temp_buffers=1MB', word);
    assert.notEqual(result.code, 0, word);
    assert.match(result.all, said);
  }
  assert.equal(await readFile(f.app('site', 'postgres/data/postgresql.conf'), 'utf8'), before);
  assert.equal(await setting('temp_buffers'), undefined);
  assert.match((await f.cli('set', 'site', 'memory=1G', 'postgres.work_mem=1MB')).all, /a command of its own/);
});
