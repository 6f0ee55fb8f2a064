// SPDX-License-Identifier: Apache-2.0
// Files of an app through the real edge: what is sent from the disk, what is refused, and what is left after the backend was
// killed in the middle.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Freehold, example, folder, until } from './freehold.mjs';

let f, keys;
before(async () => {
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  keys = JSON.parse(readFileSync(f.app('site', 'backend.json')));
  for (const [name, isPublic] of [['open', true], ['shut', false]]) {
    const made = await ask('POST', '/bucket', { json: { name, public: isPublic } });
    assert.equal(made.status, 200, made.text);
  }
});
after(async () => { await f.end(); });

// One request to /storage/v1; `upTo`: the connection is cut after so many bytes of the body.
function ask(method, at, { json, body, headers = {}, key = keys.service_role_key, upTo, raw } = {}) {
  const bytes = json !== undefined ? Buffer.from(JSON.stringify(json)) : body;
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1', port: f.port, method, path: raw ?? `/storage/v1${at}`, agent: false,
      headers: Object.fromEntries(Object.entries({
        Host: `site.localhost`,
        ...(key ? { Authorization: `Bearer ${key}` } : {}),
        ...(json !== undefined ? { 'Content-Type': 'application/json' } : {}),
        ...(bytes ? { 'Content-Length': bytes.length } : {}),
        ...headers,
      }).filter(([, value]) => value !== undefined)),
    }, (reply) => {
      const parts = [];
      reply.on('data', (part) => parts.push(part));
      reply.on('end', () => {
        const all = Buffer.concat(parts);
        let value;
        try { value = JSON.parse(all); } catch { /* a file */ }
        resolve({ status: reply.statusCode, headers: reply.headers, bytes: all, text: all.toString().slice(0, 500), json: value });
      });
      reply.on('error', reject);
    });
    request.on('error', reject);
    if (upTo === undefined) request.end(bytes);
    else request.write(bytes.subarray(0, upTo), () => request.destroy(new Error('cut')));
  });
}

const upload = (at, body, headers = {}) => ask('POST', `/object/${at}`, { body, headers: { 'Content-Type': 'application/x', ...headers } });
const psql = (sql) => execFileSync('psql', ['-XAtq', '-h', path.join(f.home, 'run/site/postgres'), '-U', 'supabase_admin', '-d', 'postgres', '-c', sql],
  { encoding: 'utf8', ...(process.getuid() === 0 ? { uid: statSync(f.app('site', 'postgres/data')).uid } : {}) }).trim();
const files = (dir) => (existsSync(dir) ? readdirSync(dir, { recursive: true }).filter((n) => /[0-9a-f]{12}$/.test(n) && statSync(path.join(dir, n)).isFile()) : []);
const stored = () => files(f.app('site', 'storage/objects'));
const backendPid = async () => (await f.api('GET', '/v1/apps/site')).body.processes.find((p) => p.name === 'backend').pid;

test('a file comes back as it went in, from the disk, with what its row says', async () => {
  const body = randomBytes(300_000);
  const sent = await upload('open/a/b%20c.bin', body, { 'Cache-Control': 'max-age=77', 'Content-Type': 'image/png' });
  assert.equal(sent.status, 200, sent.text);
  const got = await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { Origin: 'http://elsewhere' } });
  assert.equal(got.status, 200, got.text);
  assert.ok(got.bytes.equals(body));
  assert.equal(got.headers.etag, `"${createHash('md5').update(body).digest('hex')}"`);
  assert.equal(got.headers['content-type'], 'image/png');
  assert.equal(got.headers['cache-control'], 'max-age=77');
  assert.equal(got.headers['access-control-allow-origin'], '*');
  assert.equal(got.headers['x-content-type-options'], 'nosniff');
  assert.ok(got.headers['last-modified']);
  assert.equal(got.headers['x-accel-redirect'], undefined);
  assert.equal(got.headers['content-length'], '300000');

  const part = await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { Range: 'bytes=10-19' } });
  assert.equal(part.status, 206);
  assert.ok(part.bytes.equals(body.subarray(10, 20)));
  const same = await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { Range: 'bytes=10-19', 'If-Range': got.headers.etag } });
  assert.equal(same.status, 206);
  const other = await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { Range: 'bytes=10-19', 'If-Range': '"other"' } });
  assert.equal(other.status, 200);
  assert.equal(other.bytes.length, 300000);
  assert.equal((await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { Range: 'bytes=300000-' } })).status, 416);
  assert.equal((await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { 'If-None-Match': got.headers.etag } })).status, 304);
  assert.equal((await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { 'If-Modified-Since': got.headers['last-modified'] } })).status, 304);
  const named = await ask('GET', '/object/public/open/a/b%20c.bin?download=x%22y.png', { key: null });
  assert.equal(named.headers['content-disposition'], `attachment; filename=x%22y.png; filename*=UTF-8''x%22y.png`);
  const head = await ask('HEAD', '/object/public/open/a/b%20c.bin', { key: null });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '300000');
});

test('who may not gets nothing, by whatever way', async () => {
  assert.equal((await upload('shut/secret', Buffer.from('the secret of the house'))).status, 200);
  const version = psql(`select version from storage.objects where name = 'secret'`);
  const place = `${version.slice(0, 2)}/${version}`;
  for (const raw of [
    '/storage/v1/object/public/shut/secret', '/storage/v1/object/shut/secret', '/storage/v1/object/authenticated/shut/secret',
    '/storage/v1/object/sign/shut/secret', '/storage/v1/object/sign/shut/secret?token=x', `/storage/v1/object/sign/shut/secret?token=${keys.anon_key}`,
    '/storage/v1/object/info/shut/secret', '/storage/v1/object/public/open/../shut/secret', '/storage/v1/object/public/open/%2e%2e/shut/secret',
    '/storage/v1/object/public/open/..%2f..%2fobjects%2f' + place, '/storage/v1/object/public/shut%2fsecret', '/storage/v1/object/public/open%00/x',
    `/.freehold/files/${place}`, `/storage/v1/../../.freehold/files/${place}`, `/storage/objects/${place}`, `/%2efreehold/files/${place}`,
    `//.freehold/files/${place}`, '/storage/v1/object/public/open/../../../../../../etc/passwd',
  ])
    for (const key of [null, keys.anon_key]) {
      const got = await ask('GET', '', { raw, key });
      assert.ok(got.status >= 300, `${raw}: ${got.status}`);
      assert.ok(!got.text.includes('secret of the house') && !got.text.includes('root:'), raw);
    }
  // What only the edge may say is not taken from a visitor.
  const said = await ask('GET', '/object/public/open/a/b%20c.bin', { key: null, headers: { 'X-Freehold-Files': '/other/' } });
  assert.equal(said.bytes.length, 300000);
  for (const name of ['..', 'a/../../b', '%2e%2e/%2e%2e/x', 'a//b', '.htaccess']) {
    const put = await upload(`open/${name}`, Buffer.from('x'));
    assert.ok([200, 400, 404].includes(put.status), `${name}: ${put.status}`);
  }
  for (const name of stored()) assert.match(name, /^[0-9a-f]{2}\/[0-9a-f-]{36}$/);
  const strange = await upload('open/%F0%9F%98%80', Buffer.from('x'));
  assert.equal(strange.json.code, 'InvalidKey');
});

test('a file that would act as a page does not', async () => {
  const script = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  for (const [name, type, shown] of [['p.html', 'text/html', 'text/plain'], ['p.svg', 'image/svg+xml', 'image/svg+xml'],
    ['p.xhtml', 'application/xhtml+xml', 'application/xhtml+xml'], ['p.bad', 'not a type\u0001', 'application/octet-stream']]) {
    const put = await upload(`open/${name}`, script, { 'Content-Type': type.replace('\u0001', '') });
    assert.equal(put.status, 200, put.text);
    const got = await ask('GET', `/object/public/open/${name}`, { key: null });
    assert.equal(got.headers['content-type'], shown);
    assert.equal(got.headers['x-content-type-options'], 'nosniff');
    if (/xml/.test(shown)) assert.match(got.headers['content-security-policy'], /sandbox/);
  }
});

test('an upload that is refused is told, large or small, and leaves nothing', async () => {
  const before = stored().length;
  for (const size of [10, 3 << 20, 40 << 20]) {
    const denied = await ask('POST', '/object/shut/mine', { body: Buffer.alloc(size), key: keys.anon_key });
    assert.equal(denied.status, 400, denied.text);
    assert.equal(denied.json.message, 'new row violates row-level security policy');
    const nowhere = await ask('POST', '/object/nowhere/mine', { body: Buffer.alloc(size) });
    assert.equal(nowhere.json.message, 'Bucket not found');
  }
  assert.equal((await ask('PUT', '/bucket/shut', { json: { file_size_limit: 1000, allowed_mime_types: ['image/*'] } })).status, 200);
  for (const size of [1001, 20 << 20]) {
    const large = await upload('shut/large', Buffer.alloc(size), { 'Content-Type': 'image/png' });
    assert.equal(large.json.statusCode, '413');
    const chunked = await ask('POST', '/object/shut/large', { body: Buffer.alloc(size), headers: { 'Content-Type': 'image/png', 'Transfer-Encoding': 'chunked', 'Content-Length': undefined } }).catch((e) => e);
    assert.ok(chunked instanceof Error || chunked.json.statusCode === '413', chunked.text);
  }
  assert.equal((await upload('shut/kind', Buffer.alloc(10), { 'Content-Type': 'text/plain' })).json.statusCode, '415');
  assert.equal((await ask('PUT', '/bucket/shut', { json: { file_size_limit: null, allowed_mime_types: null } })).status, 200);
  await until('nothing of the refused is left', () => files(f.app('site', 'storage/incoming')).length === 0);
  assert.equal(stored().length, before);
});

test('whoever leaves in the middle of an upload leaves nothing', async () => {
  const before = stored().length;
  for (const upTo of [1, 100_000, 4 << 20])
    await assert.rejects(ask('POST', '/object/shut/half', { body: randomBytes(8 << 20), upTo }));
  await until('nothing of it is left', () => files(f.app('site', 'storage/incoming')).length === 0);
  assert.equal(stored().length, before);
  assert.equal((await ask('GET', '/object/shut/half')).json.code, 'NoSuchKey');
});

test('killed in the middle of uploads: what was acknowledged is there, whole, and no half of another', async () => {
  const done = new Map();
  let isOver = false;
  const work = Array.from({ length: 6 }, async (_, worker) => {
    for (let n = 0; !isOver; n++) {
      const name = `k/${worker}-${n}`, body = randomBytes(1000 + ((worker * 7919 + n * 104729) % 3_000_000));
      const put = await upload(`shut/${name}`, body).catch(() => undefined);
      if (put?.status === 200) done.set(name, body);
      else await new Promise((r) => setTimeout(r, 50));
    }
  });
  try {
    for (let round = 0; round < 5; round++) {
      const had = done.size;
      await until('uploads go through', () => done.size > had + 5);
      process.kill(await backendPid(), 'SIGKILL');
    }
  } finally {
    isOver = true;
    await Promise.all(work);
  }
  await until('the backend answers again', async () => (await ask('GET', '/status').catch(() => ({}))).status === 200);
  for (const [name, body] of done) {
    const got = await ask('GET', `/object/shut/${name}`);
    assert.ok(got.bytes.equals(body), `${name}: ${got.status}, ${got.bytes.length} of ${body.length} bytes`);
  }
  // Every row has its file, acknowledged or not.
  for (const row of psql(`select version || ' ' || (metadata->>'size') from storage.objects`).split('\n')) {
    const [version, size] = row.split(' ');
    assert.equal(statSync(f.app('site', 'storage/objects', version.slice(0, 2), version)).size, Number(size));
  }
  // The dead processes' leftovers go at the next start.
  await until('leftovers are removed', () => readdirSync(f.app('site', 'storage/incoming')).length <= 1, 30000);
});

test('moving, replacing, copying and removing keep rows and files together', async () => {
  const one = randomBytes(5000), two = randomBytes(6000);
  await upload('shut/m/one', one);
  const count = stored().length;
  assert.equal((await ask('POST', '/object/move', { json: { bucketId: 'shut', sourceKey: 'm/one', destinationKey: 'm/two' } })).status, 200);
  assert.equal(stored().length, count);
  assert.equal((await ask('POST', '/object/copy', { json: { bucketId: 'shut', sourceKey: 'm/two', destinationBucket: 'open', destinationKey: 'copy' } })).status, 200);
  assert.equal((await ask('PUT', '/object/shut/m/two', { body: two })).status, 200);
  assert.ok((await ask('GET', '/object/shut/m/two')).bytes.equals(two));
  assert.ok((await ask('GET', '/object/public/open/copy', { key: null })).bytes.equals(one));
  assert.equal((await ask('DELETE', '/object/shut', { json: { prefixes: ['m/two', 'not there'] } })).json.length, 1);
  await until('files of removed rows go', () => stored().length === count);
});

test('a bucket that the code names and nothing makes is made, and told', async () => {
  const out = await f.cli('deploy', await folder({
    'index.html': '<!doctype html><title>photos</title><script type="module" src="/app.js"></script>',
    'app.js': `import { supabase } from './supabase.js';
supabase.storage.from('photos').getPublicUrl(name); supabase.storage.from('papers').upload(name, file); supabase.storage.from('open').list();`,
  }), '--app', 'site');
  assert.equal(out.code, 0, out.all);
  assert.match(out.all, /The bucket photos for files was made[\s\S]*public/);
  assert.match(out.all, /The bucket papers for files was made[\s\S]*private/);
  assert.doesNotMatch(out.all, /The bucket open /);
  const buckets = Object.fromEntries((await ask('GET', '/bucket')).json.map((b) => [b.id, b.public]));
  assert.deepEqual([buckets.photos, buckets.papers, buckets.open], [true, false, true]);
});
