// SPDX-License-Identifier: Apache-2.0
//
// A lost server whose app had its database elsewhere: releases, settings and files come back from the place of backups, and the
// app finds its database where it was.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, bin, folder, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { makeCertificate } from './outside.mjs';

let f, g, bare, dir;
const users = new Set();

before(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'fh-external-burned-'));
  chmodSync(dir, 0o755);
  mkdirSync(path.join(dir, 'place'));
  const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
  makeCertificate(dir, ['127.0.0.1']);
  bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss', certificate: dir });
  await bare.psql("create role keeper login createrole createdb password 'keeps'");
  await bare.psql('create database shop owner keeper');
  f = await Freehold.start();
});
after(async () => {
  await g?.end();
  await f?.stop();
  for (const user of users) try { execFileSync('userdel', [user], { stdio: 'pipe' }); } catch { /* gone */ }
  await bare?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('what is on this server is backed up, though its database is not', async () => {
  const source = await folder({ 'index.html': '<!doctype html><title>shop</title>',
    'supabase/migrations/20260101000000_notes.sql': `create table public.notes (id int primary key);
alter table public.notes enable row level security;
create policy all_read on public.notes for select using (true);
insert into public.notes values (7);` });
  await f.deploy(source, 'shop', '--database', `postgresql://keeper:keeps@127.0.0.1:${bare.port}/shop?sslmode=verify-full`, '--database-ca', path.join(dir, 'ca.pem'));
  for (const name of ['data', 'storage', 'postgres']) users.add(execFileSync('id', ['-nu', String(statSync(f.app('shop', name)).uid)], { encoding: 'utf8' }).trim());
  users.delete('root');
  assert.equal((await f.cli('backup', 'add', path.join(dir, 'place'), '--elsewhere')).code, 0);
  const files = await f.cli('backup', 'files');
  assert.equal(files.code, 0, files.all);
  assert.equal((await f.cli('backup', 'kit', path.join(dir, 'kit.txt'))).code, 0);
  assert.doesNotMatch(readFileSync(f.log, 'utf8'), /what is due|error/);
});

test('after the server is lost the app is back, with its rows', async () => {
  await f.stop();
  const home = path.join(dir, 'home');
  const done = await new Promise((resolve) => execFile(path.join(bin, 'freehold'), ['recover', path.join(dir, 'kit.txt')], { env: { ...process.env, FREEHOLD_HOME: home } },
    (error, stdout, stderr) => resolve({ code: error ? error.code : 0, all: stdout + stderr })));
  assert.equal(done.code, 0, done.all);
  g = await Freehold.start({ home });
  const { keys, external } = (await g.api('GET', '/v1/apps/shop')).body;
  assert.match(external.at, /shop as keeper/);
  assert.deepEqual([external.proof, external.authority], ['certificate', true]);
  const rows = () => g.get('shop', '/rest/v1/notes', { headers: { apikey: keys.anon } });
  await until('it answers', async () => (await rows()).status === 200);
  assert.deepEqual((await rows()).body, [{ id: 7 }]);
});
