// SPDX-License-Identifier: Apache-2.0
// Resumable uploads through the real edge: by tus-js-client as Supabase's documentation sets it up, and by hand where a client
// would be too kind. Connections that break, a backend that is killed, a disk that is full: an upload goes on from where it was.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Site, resolveLocalhost } from './files.mjs';
import { until } from './freehold.mjs';
import { packages } from './packages.mjs';

const MB = 1 << 20, CHUNK = 6 * MB;
let site, tus;
before(async () => {
  resolveLocalhost();
  tus = await (await packages())('tus-js-client/lib.esm/node/index.js');
  site = await Site.start();
  await site.bucket('open', { public: true });
  await site.bucket('shut');
  await site.bucket('small', { file_size_limit: 1000, allowed_mime_types: ['image/*'] });
});
after(async () => { await site?.end(); });

const b64 = (text) => Buffer.from(text).toString('base64');
const metadata = (bucket, name, more = {}) => Object.entries({ bucketName: bucket, objectName: name, ...more }).map(([k, v]) => `${k} ${b64(v)}`).join(',');
const create = (bucket, name, size, { headers = {}, more = { contentType: 'application/x' }, ...rest } = {}) => site.ask('POST', '/upload/resumable',
  { headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': size, 'Upload-Metadata': metadata(bucket, name, more), ...headers }, ...rest });
const at = (location) => new URL(location).pathname.replace('/storage/v1', '');
const patch = (location, offset, body, { headers = {}, ...rest } = {}) => site.ask('PATCH', at(location),
  { body, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': offset, 'Content-Type': 'application/offset+octet-stream', ...headers }, ...rest });
const head = (location, { headers = {}, ...rest } = {}) => site.ask('HEAD', at(location), { headers: { 'Tus-Resumable': '1.0.0', ...headers }, ...rest });
const read = (bucket, name) => site.ask('GET', `/object/${bucket}/${name}`);
const kept = () => readdirSync(site.f.app('site', 'storage/resumable')).length;

// As in Supabase's documentation of resumable uploads.
function upload(bucket, name, body, options = {}) {
  return new Promise((resolve, reject) => {
    const asked = [];
    const one = new tus.Upload(body, {
      endpoint: `${site.origin}/storage/v1/upload/resumable`,
      retryDelays: [0, 100, 300, 500, 1000, 1000, 1000, 1000, 2000, 2000, 3000, 3000],
      headers: { authorization: `Bearer ${site.keys.service_role_key}`, 'x-upsert': 'true' },
      uploadDataDuringCreation: true,
      removeFingerprintOnSuccess: true,
      metadata: { bucketName: bucket, objectName: name, contentType: 'image/png', cacheControl: 3600, metadata: JSON.stringify({ yourCustomMetadata: true }) },
      chunkSize: CHUNK,
      onAfterResponse: (request, reply) => { asked.push(`${request.getMethod()} ${reply.getStatus()}`); },
      onError: reject,
      onSuccess: () => resolve({ asked, url: one.url }),
      ...options,
    });
    one.start();
  });
}

test('tus-js-client uploads in chunks, and the object is like any other', async () => {
  const body = randomBytes(2 * CHUNK + 12345);
  const { asked, url } = await upload('shut', 'a/film one.png', body);
  assert.deepEqual(asked, ['POST 201', 'PATCH 204', 'PATCH 204']);
  assert.match(url, new RegExp(`^${site.origin}/storage/v1/upload/resumable/[A-Za-z0-9_-]+$`));
  const got = await read('shut', 'a/film%20one.png');
  assert.ok(got.bytes.equals(body));
  assert.equal(got.headers['content-type'], 'image/png');
  assert.equal(got.headers['cache-control'], 'max-age=3600');
  assert.equal(got.headers.etag, `"${createHash('md5').update(body).digest('hex')}"`);
  assert.deepEqual((await site.ask('GET', '/object/info/shut/a/film%20one.png')).json.metadata, { yourCustomMetadata: true });
  assert.equal(kept(), 0);
  // Whoever did not hear the last answer learns that it is done.
  const seen = await head(url);
  assert.deepEqual([seen.status, seen.headers['upload-offset'], seen.headers['upload-length']], [200, String(body.length), String(body.length)]);
  assert.equal((await site.ask('DELETE', at(url), { headers: { 'Tus-Resumable': '1.0.0' } })).status, 400);
  assert.equal((await patch(url, 5, Buffer.alloc(1))).status, 409);
  const empty = await upload('shut', 'empty', Buffer.alloc(0));
  assert.equal(empty.asked[0], 'POST 201');
  assert.equal((await read('shut', 'empty')).bytes.length, 0);
});

test('what the protocol asks for', async () => {
  const options = await site.ask('OPTIONS', '/upload/resumable', { key: null });
  assert.equal(options.status, 204);
  assert.equal(options.headers['tus-version'], '1.0.0');
  assert.equal(options.headers['tus-extension'], 'creation,creation-with-upload,expiration,termination');
  assert.equal(options.headers['tus-max-size'], String(1 << 30));
  const preflight = await site.ask('OPTIONS', '/upload/resumable', { key: null, headers: { Origin: 'http://elsewhere', 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'tus-resumable,upload-offset' } });
  assert.equal(preflight.headers['access-control-allow-headers'], 'tus-resumable,upload-offset');

  const made = await create('shut', 'p', 10, { headers: { Origin: `https://site.localhost:${site.f.port}` } });
  assert.equal(made.status, 201, made.text);
  assert.ok(made.headers.location.startsWith('https://'), 'TLS may end before the edge');
  assert.equal(made.headers['tus-resumable'], '1.0.0');
  assert.match(made.headers['access-control-expose-headers'], /Location.*Upload-Offset/);
  const hours = (new Date(made.headers['upload-expires']) - Date.now()) / 3600e3;
  assert.ok(hours > 23.9 && hours <= 24, made.headers['upload-expires']);
  const url = made.headers.location;
  const fresh = await head(url);
  assert.deepEqual([fresh.headers['upload-offset'], fresh.headers['upload-length'], fresh.headers['cache-control']], ['0', '10', 'no-store']);
  assert.equal(fresh.headers['upload-metadata'], metadata('shut', 'p', { contentType: 'application/x' }));
  const part = await patch(url, 0, Buffer.from('01234'));
  assert.deepEqual([part.status, part.headers['upload-offset']], [204, '5']);
  assert.ok(part.headers['upload-expires']);
  assert.equal((await read('shut', 'p')).json.code, 'NoSuchKey', 'half of it is nothing');
  for (const [what, status, asked] of [
    ['another offset', 409, () => patch(url, 4, Buffer.from('4'))],
    ['more than it has', 413, () => patch(url, 5, Buffer.from('567890'))],
    ['more, chunked', 413, () => patch(url, 5, Buffer.from('567890'), { headers: { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' } })],
    ['no offset', 403, () => patch(url, undefined, Buffer.from('5'), { headers: { 'Upload-Offset': undefined } })],
    ['an offset that is none', 400, () => patch(url, '05', Buffer.from('5'))],
    ['another type', 400, () => patch(url, 5, Buffer.from('5'), { headers: { 'Content-Type': 'text/plain' } })],
    ['no version', 412, () => patch(url, 5, Buffer.from('5'), { headers: { 'Tus-Resumable': undefined } })],
    ['another version', 412, () => patch(url, 5, Buffer.from('5'), { headers: { 'Tus-Resumable': '0.2.2' } })],
    ['no length', 400, () => create('shut', 'p', undefined, { headers: { 'Upload-Length': undefined } })],
    ['no metadata', 400, () => create('shut', 'p', 1, { headers: { 'Upload-Metadata': undefined } })],
    ['bad metadata', 400, () => create('shut', 'p', 1, { headers: { 'Upload-Metadata': 'a b c' } })],
    ['the length later', 501, () => create('shut', 'p', undefined, { headers: { 'Upload-Length': undefined, 'Upload-Defer-Length': '1' } })],
    ['parallel parts', 501, () => create('shut', 'p', 1, { headers: { 'Upload-Concat': 'partial' } })],
    ['a bucket that is not there', 404, () => create('nowhere', 'p', 1)],
    ['a bad name', 400, () => create('shut', 'ä', 1)],
    ['no name', 400, () => create('shut', '', 1)],
    ['too large for the bucket', 413, () => create('small', 'p', 1001, { more: { contentType: 'image/png' } })],
    ['too large for all', 413, () => create('shut', 'p', (1 << 30) + 1)],
    ['a type that the bucket does not take', 415, () => create('small', 'p', 10, { more: { contentType: 'text/plain' } })],
    ['no type', 415, () => create('small', 'p', 10, { more: {} })],
    ['nobody\'s upload', 404, () => patch(url.slice(0, -4) + 'AAAA', 5, Buffer.from('5'))],
    ['a path', 404, () => head(`${site.origin}/storage/v1/upload/resumable/..%2f..%2fetc%2fpasswd`)],
  ]) {
    const answer = await asked();
    assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text}`);
    assert.equal(answer.headers['tus-resumable'], '1.0.0', what);
    assert.match(answer.headers['access-control-expose-headers'], /Upload-Offset/);
  }
  assert.equal((await head(url)).headers['upload-offset'], '5', 'refusals change nothing');
  const whole = await patch(url, 5, Buffer.from('56789'));
  assert.deepEqual([whole.status, whole.headers['upload-offset'], whole.headers['tus-complete']], [204, '10', '1']);
  assert.equal((await read('shut', 'p')).text, '0123456789');
  assert.equal((await create('shut', 'p', 10)).status, 409, 'it is there');
  assert.equal((await create('shut', 'p', 10, { headers: { 'x-upsert': 'true' } })).status, 201);

  const other = (await create('shut', 'gone', 10)).headers.location;
  assert.equal((await site.ask('DELETE', at(other), { headers: { 'Tus-Resumable': '1.0.0' } })).status, 204);
  assert.equal((await head(other)).status, 404);
});

test('who may upload is decided as always', async () => {
  const anon = site.keys.anon_key;
  const denied = await create('shut', 'mine', 10, { key: anon });
  assert.deepEqual([denied.status, denied.text], [403, 'new row violates row-level security policy']);
  const nobody = await create('shut', 'mine', 10, { key: null });
  assert.deepEqual([nobody.status, nobody.json.statusCode], [400, '403']);
  const forged = await create('shut', 'mine', 10, { key: anon.slice(0, -6) + 'AAAAAA' });
  assert.equal(forged.json.statusCode, '403');
  site.psql(`create policy anyone on storage.objects for insert to anon with check (bucket_id = 'shut' and name like 'anon/%' and (metadata->>'contentLength')::int < 100)`);
  const url = (await create('shut', 'anon/a', 10, { key: anon })).headers.location;
  assert.equal((await create('shut', 'anon/a', 100, { key: anon })).status, 403);
  assert.equal((await patch(url, 0, Buffer.from('01234'), { key: anon })).status, 204);
  site.psql('drop policy anyone on storage.objects');
  assert.equal((await patch(url, 5, Buffer.from('56789'), { key: anon })).status, 403, 'asked again for each part');
  assert.equal((await site.ask('DELETE', at(url), { key: anon, headers: { 'Tus-Resumable': '1.0.0' } })).status, 403);
  assert.equal((await read('shut', 'anon/a')).json.code, 'NoSuchKey');
});

test('a signed address uploads for whoever has it, one object', async () => {
  const sign = async (name) => (await site.ask('POST', `/object/upload/sign/shut/${name}`)).json.token;
  const token = await sign('s/one');
  const body = randomBytes(CHUNK + 7);
  const { url } = await upload('shut', 's/one', body, { endpoint: `${site.origin}/storage/v1/upload/resumable/sign`, headers: { 'x-signature': token } });
  assert.match(url, /\/upload\/resumable\/sign\//);
  assert.ok((await read('shut', 's/one')).bytes.equals(body));
  const signed = (name, signature) => site.ask('POST', '/upload/resumable/sign', { key: null, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': 5, 'Upload-Metadata': metadata('shut', name), ...(signature ? { 'x-signature': signature } : {}) } });
  const made = await signed('s/two', await sign('s/two'));
  assert.equal(made.status, 201, made.text);
  assert.equal((await signed('s/two')).text, 'Missing x-signature header');
  assert.equal((await signed('s/three', token)).status, 400, 'another object');
  assert.equal((await signed('s/one', token)).status, 409, 'it is there, and the token does not replace');
  const download = (await site.ask('POST', '/object/sign/shut/s/one', { json: { expiresIn: 60 } })).json.signedURL.split('token=')[1];
  assert.equal((await signed('s/one', download)).status, 400, 'a token for downloads');
  const [header, claims] = token.split('.');
  const own = `${header}.${claims}.${createHmac('sha256', 'another app').update(`${header}.${claims}`).digest('base64url')}`;
  assert.equal((await signed('s/one', own)).status, 400, 'a token of another app');
  assert.equal((await head(made.headers.location, { key: null, headers: { 'x-signature': token } })).status, 400);
});

test('connections that break lose nothing of what came, and a second one waits its turn', async () => {
  const body = randomBytes(4 * MB);
  const url = (await create('shut', 'broken', body.length)).headers.location;
  await assert.rejects(patch(url, 0, body, { slow: async (request) => { await new Promise((r) => setTimeout(r, 200)); request.destroy(new Error('cut')); } }));
  const offset = Number((await until('the part is kept', async () => { const h = await head(url); return h.status === 200 && h.headers['upload-offset'] > 0 && h; })).headers['upload-offset']);
  assert.ok(offset > 0 && offset <= body.length / 2, String(offset));

  // While one moves, another is told to come again; once it stands still, the other has it.
  const first = patch(url, offset, body.subarray(offset), { slow: async () => {
    const second = await patch(url, offset, body.subarray(offset));
    assert.equal(second.status, 423, second.text);
    assert.equal((await head(url)).status, 423);
    const h = await until('the one that stands still gives way', async () => { const one = await head(url); return one.status === 200 && one; });
    const from = Number(h.headers['upload-offset']);
    assert.ok(from > offset);
    assert.equal((await patch(url, from, body.subarray(from))).status, 204);
  } }).catch((error) => error);
  const end = await first;
  assert.ok(end instanceof Error || end.status === 423, end.text);
  assert.ok((await read('shut', 'broken')).bytes.equals(body));
});

test('the backend is killed again and again, and the upload goes on from where it was', async () => {
  const body = randomBytes(5 * CHUNK);
  let kills = 0, isOver = false;
  const looks = (async () => { // nothing of it is ever served
    while (!isOver) {
      const got = await read('open', 'killed').catch(() => null);
      if (got?.status === 200) assert.ok(got.bytes.equals(body));
      await new Promise((r) => setTimeout(r, 20));
    }
  })();
  const offsets = [];
  const { asked } = await upload('open', 'killed', body, {
    onChunkComplete: (size, accepted) => offsets.push(accepted),
    onProgress: async (sent) => {
      if (sent < (kills + 1) * CHUNK - CHUNK / 2 || kills >= 4) return;
      kills++;
      await site.killBackend();
    },
  }).finally(() => { isOver = true; });
  await looks;
  await site.answers();
  assert.equal(kills, 4);
  assert.equal(asked.filter((a) => a === 'POST 201').length, 1, asked.join());
  assert.ok((await read('open', 'killed')).bytes.equals(body));
  for (let i = 1; i < offsets.length; i++) assert.ok(offsets[i] > offsets[i - 1], 'what was acknowledged stayed');
  site.assertWhole();
});

test('killed between the last byte and the row: the next question finishes it', async () => {
  const body = randomBytes(1 * MB);
  const url = (await create('shut', 'late', body.length)).headers.location;
  assert.equal((await patch(url, 0, body.subarray(0, MB / 2))).status, 204);
  // As a crash leaves it: all bytes are there, no row is.
  const [name] = readdirSync(site.f.app('site', 'storage/resumable')).filter((n) => !n.endsWith('.json') && statSync(site.f.app('site', 'storage/resumable', n)).size === MB / 2);
  await site.killBackend();
  writeFileSync(site.f.app('site', 'storage/resumable', name), body);
  await site.answers();
  assert.equal((await read('shut', 'late')).json.code, 'NoSuchKey');
  assert.equal((await head(url, { key: site.keys.anon_key })).status, 403, 'finishing is uploading');
  const h = await head(url);
  assert.deepEqual([h.status, h.headers['upload-offset']], [200, String(MB)]);
  assert.ok((await read('shut', 'late')).bytes.equals(body));
  assert.equal((await head(url)).headers['upload-offset'], String(MB));

  // A power cut: what was not synced does not count.
  const other = (await create('shut', 'cut', 1000)).headers.location;
  assert.equal((await patch(other, 0, Buffer.alloc(100, 'a'))).status, 204);
  const record = readdirSync(site.f.app('site', 'storage/resumable')).filter((n) => n.endsWith('.json')).map((n) => site.f.app('site', 'storage/resumable', n)).find((n) => JSON.parse(readFileSync(n)).key === 'cut');
  await site.killBackend();
  writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record)), boot: 'another' }));
  writeFileSync(record.replace('.json', ''), Buffer.alloc(500));
  await site.answers();
  assert.equal((await head(other)).headers['upload-offset'], '100');
});

test('uploads that nobody finished are removed when their day is over', async () => {
  const url = (await create('shut', 'old', 1000)).headers.location;
  const dir = site.f.app('site', 'storage/resumable');
  const record = readdirSync(dir).filter((n) => n.endsWith('.json')).map((n) => path.join(dir, n)).find((n) => JSON.parse(readFileSync(n)).key === 'old');
  writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record)), created: Math.floor(Date.now() / 1000) - 90000 }));
  const half = path.join(dir, '00000000-0000-4000-8000-000000000000');
  writeFileSync(half, 'x');
  utimesSync(half, 1, 1);
  assert.equal((await head(url)).status, 410);
  await site.killBackend();
  await until('they are gone', () => !readdirSync(dir).some((n) => record.includes(n) || half.includes(n)));
  await site.answers();
  assert.equal((await head(url)).status, 404);
});

test('a full disk: told, nothing lost, and it goes on when there is room', async (t) => {
  if (process.getuid() !== 0) { t.skip('a small file system of its own needs root'); return; }
  const dir = site.f.app('site', 'storage'), { uid, gid, mode } = statSync(dir);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=100m,uid=${uid},gid=${gid},mode=${(mode & 0o7777).toString(8)}`, 'tmpfs', dir]);
  try {
    await site.killBackend();
    await site.answers();
    const body = randomBytes(20 * MB), filler = path.join(dir, 'filler');
    // The reserve is kept free for the database.
    assert.equal((await create('shut', 'full', 60 * MB)).status, 507);
    assert.equal((await site.upload('shut/plain', randomBytes(60 * MB))).json.statusCode, '507');
    const url = (await create('shut', 'full', body.length)).headers.location;
    // And something else takes the rest while the upload runs.
    const cut = await patch(url, 0, body, { slow: async () => { try { execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'pipe' }); } catch { /* full */ } } }).catch((e) => e);
    assert.ok(cut instanceof Error || cut.status === 507, `${cut.status} ${cut.text}`);
    const plain = await site.upload('shut/plain', randomBytes(MB));
    assert.equal(plain.json.statusCode, '507');
    assert.equal(site.files('incoming').length, 0);
    rmSync(filler);
    const h = await until('it is free again', async () => { const one = await head(url); return one.status === 200 && one; });
    const offset = Number(h.headers['upload-offset']);
    assert.ok(offset > 0 && offset < body.length, String(offset));
    assert.equal((await patch(url, offset, body.subarray(offset))).status, 204);
    assert.ok((await read('shut', 'full')).bytes.equals(body));
  } finally {
    execFileSync('umount', ['-l', dir]);
    await site.killBackend();
    await site.answers();
  }
});
