// SPDX-License-Identifier: Apache-2.0
// Files that lie in another S3 (a server of that protocol): taken there, served from there, brought back, with the S3 away and the
// backend killed in between. It does not check signatures; that libcurl's are right is tried in s3.test.mjs.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Freehold, example, folder, root, until } from './freehold.mjs';
import { freePort } from './port.mjs';
import { packages } from './packages.mjs';

const at = path.join(root, 'tests/s3');
let f, keys, work, port, server;
const bodies = new Map();

async function startServer() {
  server = spawn(process.execPath, [path.join(at, 'server.mjs'), path.join(work, 's3'), String(port), 'files'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => { server.stdout.once('data', resolve); server.once('exit', reject); });
}
async function stopServer() {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await ended;
}
function ask(method, target, { headers = {}, body, key = keys.service_role_key } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1', port: f.port, method, path: `/storage/v1${target}`, agent: false,
      headers: { Host: 'site.localhost', Authorization: `Bearer ${key}`, ...(body ? { 'Content-Length': body.length } : {}), ...headers },
    }, (reply) => {
      const parts = [];
      const end = (isWhole) => resolve({ status: reply.statusCode, headers: reply.headers, bytes: Buffer.concat(parts), isWhole, text: Buffer.concat(parts).toString().slice(0, 300) });
      reply.on('data', (part) => parts.push(part));
      reply.on('end', () => end(true));
      reply.on('error', () => end(false));
    });
    request.on('error', reject);
    request.end(body);
  });
}
const up = async (name, size) => {
  const body = randomBytes(size);
  const put = await ask('POST', `/object/box/${name}`, { body, headers: { 'Content-Type': 'image/png' } });
  assert.equal(put.status, 200, put.text);
  bodies.set(name, body);
};
const psql = (sql) => execFileSync('psql', ['-XAtq', '-h', path.join(f.home, 'run/site/postgres'), '-U', 'supabase_admin', '-d', 'postgres', '-c', sql],
  { encoding: 'utf8', ...(process.getuid() === 0 ? { uid: statSync(f.app('site', 'postgres/data')).uid } : {}) }).trim();
const found = (dir, pattern) => (existsSync(dir) ? readdirSync(dir, { recursive: true }).filter((n) => pattern.test(n)) : []);
const here = () => found(f.app('site', 'storage/objects'), /[0-9a-f]{12}$/);
const there = () => found(path.join(work, 's3/files'), /[0-9a-f]{12}\._S3rver_object$/);
const all = async () => {
  for (const [name, body] of bodies) {
    const got = await ask('GET', `/object/box/${name}`);
    assert.equal(got.status, 200, `${name}: ${got.text}`);
    assert.ok(got.bytes.equals(body), name);
  }
};
async function command(secret, ...args) {
  const child = execFile(path.join(f.programs, 'freehold'), ['storage', 'site', 'place', ...args], { env: f.env });
  let text = '';
  child.stdout.on('data', (part) => { text += part; });
  child.stderr.on('data', (part) => { text += part; });
  child.stdin.end(secret);
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, text };
}
const toS3 = (id) => command('S3RVER', 's3', '--endpoint', `http://127.0.0.1:${port}`, '--bucket', 'files', '--access-key', id);
const state = async () => (await f.api('GET', '/v1/apps/site/storage/place')).body;

before(async () => {
  await packages('tests/s3');
  port = await freePort();
  work = await folder({});
  await startServer();
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  keys = JSON.parse(readFileSync(f.app('site', 'backend.json')));
  assert.equal((await ask('POST', '/bucket', { headers: { 'Content-Type': 'application/json' }, body: Buffer.from('{"name":"box","public":true}') })).status, 200);
  for (let i = 0; i < 10; i++) await up(`a/${i}.png`, 10_000 + i);
  await up('large.bin', 6 << 20);
  await up('empty', 0).catch(() => bodies.delete('empty'));
});
after(async () => { await f?.end(); if (server) await stopServer(); });

test('a wrong key is told, and nothing moves', async () => {
  const said = await toS3('wrong');
  assert.equal(said.code, 0, said.text);
  assert.match(said.text, /InvalidAccessKeyId/);
  assert.equal(there().length, 0);
  await all();
  const refused = await command('x', 's3', '--endpoint', 'http://10.0.0.1', '--bucket', 'files', '--access-key', 'a');
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /https/);
});

test('files are taken there, and served from there', async () => {
  const said = await toS3('S3RVER');
  assert.equal(said.code, 0, said.text);
  await until('all are there', () => here().length === 0 && there().length === bodies.size);
  assert.match((await command('')).text, /All files are there/);
  assert.equal((await state()).access_key, 'S3RVER');
  assert.ok(!JSON.stringify(await state()).includes('"secret"'));
  await all();
  const url = '/object/public/box/large.bin', body = bodies.get('large.bin');
  const whole = await ask('GET', url, { key: '' });
  assert.equal(whole.headers['content-length'], String(body.length));
  assert.equal(whole.headers['content-type'], 'image/png');
  const part = await ask('GET', url, { headers: { Range: 'bytes=1000-1999' } });
  assert.equal(part.status, 206);
  assert.equal(part.headers['content-range'], `bytes 1000-1999/${body.length}`);
  assert.ok(part.bytes.equals(body.subarray(1000, 2000)));
  assert.equal((await ask('GET', url, { headers: { Range: `bytes=${body.length}-` } })).status, 416);
  assert.equal((await ask('GET', url, { headers: { 'If-None-Match': whole.headers.etag } })).status, 304);
  const head = await ask('HEAD', url);
  assert.equal(head.headers['content-length'], String(body.length));
});

test('what comes is taken there, what goes goes there too, a copy is one', async () => {
  await up('new.png', 50_000);
  await until('it is there', () => here().length === 0 && there().length === bodies.size);
  const copy = await ask('POST', '/object/copy', { headers: { 'Content-Type': 'application/json' }, body: Buffer.from('{"bucketId":"box","sourceKey":"new.png","destinationKey":"copy.png"}') });
  assert.equal(copy.status, 200, copy.text);
  bodies.set('copy.png', bodies.get('new.png'));
  await until('the copy is there', () => here().length === 0 && there().length === bodies.size);
  await all();
  assert.equal((await ask('DELETE', '/object/box/copy.png')).status, 200);
  bodies.delete('copy.png');
  await until('the copy is gone', () => here().length === 0 && there().length === bodies.size);
});

test('with the S3 away uploads go on, and what lies there is told to be away', async () => {
  await stopServer();
  await up('while-away.png', 40_000);
  const got = await ask('GET', '/object/box/while-away.png');
  assert.ok(got.bytes.equals(bodies.get('while-away.png')));
  const far = await ask('GET', '/object/box/new.png');
  assert.equal(far.status, 503, far.text);
  assert.match(far.text, /SlowDown/);
  await until('the failure is told', async () => (await state()).state.failed > 0);
  assert.match((await command('')).text, /tried again by itself/);
  await startServer();
  await until('it is taken there by itself', () => here().length === 0 && there().length === bodies.size);
  await all();
});

test('the backend is killed while files are taken there: none is lost', async () => {
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => up(`kill-${round}-${i}.bin`, 300_000)));
    await until('it has begun', () => there().length > bodies.size - 8 || here().length < 8);
    const { body } = await f.api('GET', '/v1/apps/site');
    process.kill(body.processes.find((p) => p.name === 'backend').pid, 'SIGKILL');
    await until('the backend answers', async () => (await ask('GET', '/object/box/new.png').catch(() => ({}))).status === 200);
    await all();
  }
  await until('all are there', () => here().length === 0 && there().length === bodies.size);
  await all();
});

test('a file that was cut there is never taken for whole', async () => {
  const version = psql(`select version from storage.objects where name = 'large.bin'`);
  const file = path.join(work, 's3/files', there().find((n) => n.includes(version)));
  const kept = readFileSync(file);
  truncateSync(file, 1 << 20);
  const got = await ask('GET', '/object/box/large.bin');
  assert.ok(!got.isWhole || got.status >= 400, `${got.status} ${got.bytes.length}`);
  rmSync(file);
  const gone = await ask('GET', '/object/box/large.bin');
  assert.match(gone.text, /NoSuchKey/);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(file, kept);
  await all();
});

test('files that are moved in with a database go there, too', async () => {
  const source = await folder(Object.fromEntries([...bodies].map(([name, body]) => [`box/${name}`, body]))), dump = path.join(source, 'site.dump');
  assert.equal((await f.cli('db', 'site', 'dump', dump)).code, 0);
  for (const name of there()) rmSync(path.join(work, 's3/files', name));
  const refused = await f.cli('db', 'site', 'import', '--files', source);
  assert.match(refused.stderr, /lie in another S3.*place local/);
  const done = await f.cli('db', 'site', 'import', dump, '--replace', '--files', source);
  assert.equal(done.code, 0, done.all);
  await until('all are there', async () => there().length === bodies.size && here().length === 0, 60000);
  await all();
});

test('and back: all files are here again, and the bucket is empty', async () => {
  const refused = await command('', 'forget');
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /place local/);
  const said = await command('', 'local');
  assert.equal(said.code, 0, said.text);
  await until('all are here', () => here().length === bodies.size && there().length === 0);
  await all();
  await until('it is told', async () => (await state()).empty);
  assert.match((await command('')).text, /not needed any more/);
  assert.equal((await command('', 'forget')).code, 0);
  assert.equal((await state()).bucket, undefined);
  await all();
});
