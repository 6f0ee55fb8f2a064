// SPDX-License-Identifier: Apache-2.0
// Files of an app through the real edge: what is sent from the disk, what is refused, and what is left after the backend was
// killed in the middle.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { folder, until } from './freehold.mjs';
import { Site } from './files.mjs';

let site, f, keys;
const ask = (...request) => site.ask(...request), upload = (...file) => site.upload(...file), psql = (sql) => site.psql(sql);
const files = (name) => site.files(name), stored = () => files('objects'), backendPid = () => site.backendPid();
before(async () => {
  site = await Site.start();
  ({ f, keys } = site);
  await site.bucket('open', { public: true });
  await site.bucket('shut', { public: false });
});
after(async () => { await site?.end(); });

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
  await until('nothing of the refused is left', () => files('incoming').length === 0);
  assert.equal(stored().length, before);
});

test('whoever leaves in the middle of an upload leaves nothing', async () => {
  const before = stored().length;
  for (const upTo of [1, 100_000, 4 << 20])
    await assert.rejects(ask('POST', '/object/shut/half', { body: randomBytes(8 << 20), upTo }));
  await until('nothing of it is left', () => files('incoming').length === 0);
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

test('killed while objects are moved and copied: each is at one place, whole, and no row lacks its file', async () => {
  const bodies = new Map();
  for (let n = 0; n < 24; n++) {
    const body = randomBytes(20_000 + n);
    assert.equal((await upload(`shut/w/${n}`, body)).status, 200);
    bodies.set(n, body);
  }
  const copied = new Set(), moved = new Map([...bodies.keys()].map((n) => [n, 0])); // n: how often it was moved for sure
  let isOver = false;
  const place = (n, turn) => (turn === 0 ? `w/${n}` : `w/${n}-${turn}`);
  const work = [...bodies.keys()].map(async (n) => {
    for (let turn = 0; !isOver; turn++) {
      const copy = await ask('POST', '/object/copy', { json: { bucketId: 'shut', sourceKey: place(n, moved.get(n)), destinationKey: `c/${n}-${turn}` } }).catch(() => undefined);
      if (copy?.status === 200) copied.add(`${n}-${turn}`);
      const move = await ask('POST', '/object/move', { json: { bucketId: 'shut', sourceKey: place(n, moved.get(n)), destinationKey: place(n, moved.get(n) + 1) } }).catch(() => undefined);
      // Not acknowledged: it may have been done all the same.
      if (move?.status === 200 || move?.json?.code === 'NoSuchKey') moved.set(n, moved.get(n) + 1);
      else await new Promise((r) => setTimeout(r, 30));
    }
  });
  try {
    for (let round = 0; round < 2; round++) {
      const had = copied.size;
      await until('copies go through', () => copied.size > had + 30);
      process.kill(await backendPid(), 'SIGKILL');
    }
  } finally {
    isOver = true;
    await Promise.all(work);
  }
  await until('the backend answers again', async () => (await ask('GET', '/status').catch(() => ({}))).status === 200);
  for (const [n, body] of bodies) {
    const found = psql(`select name from storage.objects where bucket_id = 'shut' and (name = 'w/${n}' or name like 'w/${n}-%')`).split('\n');
    assert.equal(found.length, 1, `w/${n} is at ${found}`);
    assert.ok(Number(found[0].split('-')[1] ?? 0) >= moved.get(n), 'what was acknowledged is done');
    assert.ok((await ask('GET', `/object/shut/${found[0]}`)).bytes.equals(body));
  }
  for (const name of [...copied].slice(0, 40)) assert.ok((await ask('GET', `/object/shut/c/${name}`)).bytes.equals(bodies.get(Number(name.split('-')[0]))));
  for (const row of psql(`select version || ' ' || (metadata->>'size') from storage.objects`).split('\n')) {
    const [version, size] = row.split(' ');
    assert.equal(statSync(f.app('site', 'storage/objects', version.slice(0, 2), version)).size, Number(size));
  }
});

test('tokens that are not this app\'s, or not for this, open nothing', async () => {
  await upload('shut/t', Buffer.from('the secret of the house'));
  const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const sign = (claims, secret, header = { alg: 'HS256', typ: 'JWT' }) => {
    const text = `${b64(header)}.${b64(claims)}`;
    return `${text}.${secret === null ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const now = Math.floor(Date.now() / 1000), soon = { iat: now, exp: now + 60 };
  const url = { url: 'shut/t', scope: 'download', ...soon }, role = { role: 'service_role', ...soon };
  const good = (await ask('POST', '/object/sign/shut/t', { json: { expiresIn: 60 } })).json.signedURL.split('token=')[1];
  const upToken = (await ask('POST', '/object/upload/sign/shut/t2')).json.token;
  assert.equal((await ask('GET', `/object/sign/shut/t?token=${good}`, { key: null })).status, 200);
  for (const [what, token] of [
    ['another app\'s', sign(url, 'another secret')], ['nobody\'s', sign(url, null, { alg: 'none' })], ['for an upload', upToken],
    ['a user\'s', keys.service_role_key], ['changed', good.slice(0, -3) + (good.endsWith('AAA') ? 'BBB' : 'AAA')], ['for another object', good.replace(good.split('.')[1], b64({ ...url, url: 'shut/other' }))],
  ]) {
    const got = await ask('GET', `/object/sign/shut/t?token=${encodeURIComponent(token)}`, { key: null });
    assert.equal(got.status, 400, `${what}: ${got.text}`);
    assert.ok(!got.text.includes('secret of'), what);
  }
  assert.equal((await ask('GET', `/object/sign/shut/killed?token=${good}`, { key: null })).status, 400);
  assert.equal((await ask('PUT', `/object/upload/sign/shut/t?token=${good}`, { key: null, body: Buffer.from('x') })).status, 400, 'it reads, and does not write');
  for (const bearer of [sign(role, 'another secret'), sign(role, null, { alg: 'none' }), good, upToken, 'x', ''])
    for (const at of ['/object/shut/t', '/object/authenticated/shut/t', '/bucket', '/render/image/authenticated/shut/t']) {
      const got = await ask('GET', at, { key: null, headers: { Authorization: `Bearer ${bearer}` } });
      assert.ok((got.status >= 400 || got.text === '[]') && !got.text.includes('secret of'), `${at}: ${got.status} ${got.text}`);
    }
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
