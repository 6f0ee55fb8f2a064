// SPDX-License-Identifier: Apache-2.0
//
// Variables: set before there is an app, kept apart for builds and for running, gone with the app.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, example, folder } from './freehold.mjs';

let f;
const apps = async () => (await f.api('GET', '/v1/apps')).body.apps;
const list = async (app) => (await f.api('GET', `/v1/apps/${app}/env?values=1`)).body.env;

before(async () => { f = await Freehold.start(); });
after(async () => { await f?.end(); });

test('an app is made by its first variable, and destroyed like any other', async () => {
  const made = await f.cli('env', 'early', 'set', 'STRIPE_KEY=sk_1');
  assert.match(made.stdout, /no app named early yet/, made.all);
  assert.deepEqual((await apps()).map((a) => [a.name, a.state, a.live]), [['early', 'new', null]]);
  assert.equal((await f.cli('status')).code, 0);
  const gone = await f.cli('destroy', 'early', '--confirm', 'early');
  assert.equal(gone.code, 0, gone.all);
  assert.deepEqual(await apps(), []);
});

test('a file leaves out what Freehold gives, and nothing happens when one of it is wrong', async () => {
  const file = path.join(f.home, 'theirs.env');
  await writeFile(file, 'VITE_SUPABASE_URL=https://old.supabase.co\nDATABASE_URL=postgres://old\nA=1\nVITE_B="2"\n');
  const done = await f.cli('env', 'site', 'set', '--file', file);
  assert.match(done.stdout, /VITE_SUPABASE_URL, DATABASE_URL/, done.all);
  assert.deepEqual((await list('site')).map((e) => [e.name, e.value, e.scope]), [['A', '1', 'run'], ['VITE_B', '2', 'both']]);
  assert.equal((await f.cli('env', 'site', 'set', 'A=2', '--both')).code, 0);
  const body = { set: { A: '3', '1B': 'x' } };
  assert.equal((await f.api('PUT', '/v1/apps/site/env', body)).status, 400);
  assert.deepEqual((await list('site')).map((e) => [e.name, e.value, e.scope, e.by_name]),
    [['A', '2', 'both', false], ['VITE_B', '2', 'both', true]]);
  assert.equal((await f.api('PUT', '/v1/apps/other/env', body)).status, 400);
  assert.deepEqual((await apps()).map((a) => a.name), ['site']);
});

test('what a server wrote is kept when the app is destroyed', async () => {
  await f.deploy(example('static-site'), 'files');
  await mkdir(f.app('files', 'data/uploads'), { recursive: true });
  await writeFile(f.app('files', 'data/uploads/a.txt'), 'theirs');
  await symlink('/etc', f.app('files', 'data/out'));
  await writeFile(f.app('files', 'logs/web-1.log'), "Error: EROFS: read-only file system, open '/app/uploads/b.png'\n");
  const status = await f.cli('status');
  assert.match(status.stdout, /files 6 bytes/, status.all);
  assert.match(status.stdout, /server of files could not write to uploads/);
  const again = await f.cli('deploy', example('static-site'), '--app', 'files');
  assert.match(again.all, /release 1 could not write to uploads.*from this deployment on/s);
  assert.doesNotMatch((await f.cli('deploy', example('static-site'), '--app', 'files')).all, /from this deployment on/);
  const gone = await f.cli('destroy', 'files', '--confirm', 'files');
  assert.equal(gone.code, 0, gone.all);
  const tar = gone.stdout.match(/\S+\.files\.tar/)[0];
  assert.deepEqual(execFileSync('tar', ['tf', tar], { encoding: 'utf8' }).trim().split('\n').sort(),
    ['./', './out', './uploads/', './uploads/a.txt']);
});

test('what was set before the first deployment is there after it', async () => {
  await f.deploy(example('static-site'), 'site');
  assert.equal((await f.get('site', '/')).status, 200);
  assert.equal((await list('site')).length, 2);
});

test('a server whose DATABASE_URL the owner set has that and nothing of ours; what is not promised of it is said', async () => {
  const app = await folder({ 'package.json': JSON.stringify({ name: 'n', private: true, scripts: { start: 'node s.js' } }),
    's.js': `require('http').createServer((q, r) => r.end(JSON.stringify([process.env.DATABASE_URL, process.env.PGHOST, process.env.DIRECT_URL]))).listen(process.env.PORT)` });
  assert.equal((await f.cli('env', 'far', 'set', 'DATABASE_URL=postgres://somebody:p@ss-word@elsewhere.invalid:5433/x?sslmode=require')).code, 0);
  const done = await f.cli('deploy', app, '--app', 'far');
  assert.equal(done.code, 0, done.all);
  assert.match(done.all.replace(/\s+/g, ' '), /server uses the database at elsewhere\.invalid:5433\. Of that one Freehold takes no backup/);
  assert.doesNotMatch(done.all, /ss-word|somebody/);
  assert.deepEqual((await f.get('far', '/')).body, ['postgres://somebody:p@ss-word@elsewhere.invalid:5433/x?sslmode=require', null, null]);
  await f.cli('env', 'far', 'unset', 'DATABASE_URL');
  assert.doesNotMatch((await f.cli('deploy', app, '--app', 'far')).all, /DATABASE_URL is yours/);
});
