// SPDX-License-Identifier: Apache-2.0
//
// An app with a server of its own on a database elsewhere, by TLS with an authority of the owner's; then home into a cluster of its own,
// and back. (A schema from the code: schema-push.test.mjs.) Installs from the registry. As root.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, folder } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { Outside } from './outside.mjs';

const NAME = 'db.example.com', PASSWORD = 'never-to-be-seen';
const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
let f, outside, bare, site;
const url = () => `postgresql://keeper:${PASSWORD}@${NAME}:${bare.port}/desk`;
const there = (sql) => bare.psql(sql, { database: 'desk' });
const notes = async () => (await f.get('desk', '/api/notes')).body;
before(async () => {
  outside = await Outside.start({ names: [NAME] });
  bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss', within: outside.within, address: outside.address, certificate: outside.dir,
    hba: 'hostssl all all all scram-sha-256\n' });
  await bare.psql(`create role keeper login createrole createdb password '${PASSWORD}'`);
  await bare.psql('create database desk owner keeper');
  site = await folder({
    'package.json': JSON.stringify({ name: 'desk', private: true, type: 'module', scripts: { start: 'node server.js' }, dependencies: { pg: '8.16.3' } }),
    'supabase/migrations/20260101000000_notes.sql': 'create table public.notes (id serial primary key, body text not null); alter table public.notes enable row level security;',
    'server.js': `import http from 'node:http';
import pg from 'pg';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 3 });
const answers = {
  'GET /': async () => '<title>desk</title>',
  'POST /api/notes': async () => { await pool.query("insert into notes (body) values ('written')"); return '{}'; },
  'GET /api/notes': async () => {
    const { rows: [who] } = await pool.query('select session_user as login, current_user as role, (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl');
    const { rows } = await pool.query('select body from notes order by id');
    return JSON.stringify({ ...who, rows: rows.map((row) => row.body) });
  },
};
http.createServer(async (req, res) => {
  try { res.end(await answers[req.method + ' ' + req.url]()); } catch (error) { res.writeHead(500).end(JSON.stringify({ error: error.message })); }
}).listen(process.env.PORT);` });
  f = await Freehold.start({ wrap: outside.wrapped(false), wrapCli: outside.wrapped(false) });
});
after(async () => {
  await f?.end();
  await bare?.stop();
  await outside?.stop();
});

test('its server comes by TLS with a login of its own', { timeout: 300000 }, async () => {
  const done = await f.cli('deploy', site, '--app', 'desk', '--database', url(), '--database-ca', path.join(outside.dir, 'ca.pem'));
  assert.equal(done.code, 0, done.all);
  assert.match(done.all, /DATABASE_URL leads the app's server to that database, as a user of its own \(fh_desk_\w+_server\), with up to 25/);
  assert.equal(await there("select tableowner from pg_tables where tablename = 'notes'"), 'freehold_owner');
  assert.equal((await f.get('desk', '/api/notes', { method: 'POST' })).status, 200);
  const answer = await notes();
  assert.match(answer.login ?? '', /^fh_desk_\w+_server$/, JSON.stringify(answer));
  assert.deepEqual([answer.role, answer.ssl, answer.rows], ['freehold_owner', true, ['written']]);
  assert.equal(await there(`select rolconnlimit || ' ' || rolcreaterole from pg_roles where rolname = '${answer.login}'`), '25 false');
  const { env } = JSON.parse(await readFile(path.join(f.home, 'run/desk/web/1/serve.json'), 'utf8'));
  assert.ok(!JSON.stringify(env).includes(PASSWORD) && !JSON.stringify(env).includes('keeper'), 'the server has its owner\'s password');
  assert.match(env.DATABASE_URL, /^postgresql:\/\/fh_desk_\w+_server:\w+@db\.example\.com:\d+\/desk\?sslmode=verify-full$/);
  assert.deepEqual([env.PGHOST, env.PGSSLMODE, env.DIRECT_URL], [NAME, 'verify-full', env.DATABASE_URL]);
});

test('an import brings it home, --undo leads back to the address, and --undo again home', { timeout: 200000 }, async () => {
  assert.equal((await f.cli('stop', 'desk')).code, 0);
  const moved = await f.cli('db', 'desk', 'import', url());
  assert.equal(moved.code, 0, moved.all);
  assert.match(moved.all, /The one elsewhere is as it was; back to it: freehold db desk import --undo/);
  assert.equal((await f.cli('start', 'desk')).code, 0);
  assert.deepEqual([(await notes()).login, (await notes()).rows], ['freehold_app', ['written']]);
  assert.equal((await f.get('desk', '/api/notes', { method: 'POST' })).status, 200);
  assert.equal((await f.api('GET', '/v1/apps/desk')).body.external, undefined);

  const undone = await f.cli('db', 'desk', 'import', '--undo');
  assert.equal(undone.code, 0, undone.all);
  const app = (await f.api('GET', '/v1/apps/desk')).body;
  assert.match(app.external.at, /db\.example\.com:\d+\/desk as keeper/);
  assert.ok(app.processes.every((p) => p.name !== 'postgres'), JSON.stringify(app.processes));
  const back = await notes();
  assert.match(back.login ?? '', /^fh_desk_\w+_server$/, JSON.stringify(back));
  assert.deepEqual(back.rows, ['written']);

  const again = await f.cli('db', 'desk', 'import', '--undo');
  assert.equal(again.code, 0, again.all);
  const home = await notes();
  assert.deepEqual([home.login, home.rows], ['freehold_app', ['written', 'written']], JSON.stringify(home));
  const third = await f.cli('db', 'desk', 'import', '--undo');
  assert.equal(third.code, 0, third.all);
  assert.match((await notes()).login ?? '', /^fh_desk_\w+_server$/);
});

test('a database elsewhere that is away takes nobody back: the app stays where it is', { timeout: 100000 }, async () => {
  assert.equal((await f.cli('db', 'desk', 'import', '--undo')).code, 0);
  await bare.end();
  const failed = await f.cli('db', 'desk', 'import', '--undo');
  assert.notEqual(failed.code, 0, failed.all);
  assert.match(failed.stderr, /the database is where it was/);
  assert.deepEqual((await notes()).rows, ['written', 'written']);
  await bare.run();
});
