// SPDX-License-Identifier: Apache-2.0
//
// A bucket as a place: backups, files and a drill from there; and while it is away, nobody waits for it.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { freePort } from './port.mjs';
import { psql, source } from './crash.mjs';

let f, folder, port, server;

// The npm package s3rver, over TLS, since pgBackRest speaks nothing else.
function serve() {
  server = spawn(process.execPath, ['-e', `
    const S3rver = require('s3rver'), fs = require('node:fs');
    new S3rver({ port: ${port}, address: '127.0.0.1', silent: true, directory: '${folder}/bucket', key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem'),
      configureBuckets: [{ name: 'bucket' }] }).run();`], { cwd: folder, stdio: 'ignore' });
  return until('the bucket answers', () => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  }));
}

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fh-s3-'));
  chmodSync(folder, 0o755);
  writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', 's3rver@3.7.1'], { cwd: folder, timeout: 120000, stdio: 'pipe' });
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=127.0.0.1'], { cwd: folder, stdio: 'pipe' });
  port = await freePort();
  await serve();
  f = await Freehold.start();
  await f.deploy((await source()).dir, 'shop');
});
after(async () => {
  await f?.end();
  server?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const bucket = async () => (await f.api('GET', '/v1/apps/shop/db/backups')).body.places[1];
const warnings = async () => (await f.api('GET', '/v1/status')).body.warnings;

test('backups go to the bucket, and are proved from there', async () => {
  const added = await f.cli('backup', 'add', 's3://bucket/freehold', '--endpoint', `127.0.0.1:${port}`, '--region', 'us-east-1', '--key-id', 'S3RVER', '--no-verify-tls', { input: 'S3RVER\n' });
  assert.equal(added.code, 0, added.all);
  assert.match(added.stdout, /s3:\/\/bucket\/freehold +outlives this server/);
  assert.doesNotMatch(added.all, /"secret"|S3RVER\b.*S3RVER/);
  await until('a backup there', async () => (await bucket())?.backups.length > 0, 90000);
  assert.match((await warnings())[0], /^If this server is lost, everything is lost: no backup elsewhere has been proved/);
  let drill;
  await until('a drill', async () => (drill = await f.cli('db', 'shop', 'drill')).code === 0, 60000).catch(() => assert.fail(drill.all));
  assert.match(drill.stdout, /from s3:\/\/bucket\/freehold/);
  assert.ok(!(await warnings()).some((w) => /If this server is lost/.test(w)));
  let files;
  await until('files there', async () => (files = await f.cli('backup', 'files')).code === 0, 60000).catch(() => assert.fail(files.all));
});

test('while the bucket is away nobody waits for it', async () => {
  server.kill('SIGSTOP'); // takes connections and says nothing
  await psql(f, 'shop', 'create table public.away (x int)');
  await psql(f, 'shop', 'select pg_switch_wal()');
  await until('it is said', async () => (await warnings()).some((w) => /have not reached s3:/.test(w)), 40000);
  const began = Date.now();
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  assert.ok(Date.now() - began < 25000, `a stop took ${Date.now() - began} ms`);
  assert.equal((await f.cli('start', 'shop')).code, 0);
  server.kill('SIGCONT');
  await until('what waited has arrived', async () => { const b = await bucket(); return b.waiting_bytes === 0 && b.failing === ''; }, 90000);
});
