// SPDX-License-Identifier: Apache-2.0
// Public files through the real edge, which keeps small ones until the second is over: whoever asks after a change was acknowledged
// gets what is after it, whatever the change was and by whichever protocol, while others never stop reading.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { Site } from './files.mjs';
import { until } from './freehold.mjs';
import { packages } from './packages.mjs';

const READERS = 4;
let site, s3, client;
const ask = (...request) => site.ask(...request), upload = (...file) => site.upload(...file);
const agent = new http.Agent({ keepAlive: true });
const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');

before(async () => {
  s3 = await (await packages('tests/s3'))('@aws-sdk/client-s3/dist-cjs/index.js');
  site = await Site.start();
  await site.bucket('open', { public: true });
  const { id, secret, endpoint } = JSON.parse((await site.f.cli('storage', 'site', 'key', 'add', '--json')).stdout);
  const lookup = (_, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
  client = new s3.S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: id, secretAccessKey: secret }, maxAttempts: 1, requestHandler: { httpAgent: new http.Agent({ lookup, keepAlive: true }) } });
});
after(async () => { agent.destroy(); client?.destroy(); await site?.end(); });

const get = (at) => new Promise((resolve, reject) => {
  const begun = performance.now();
  http.get({ host: '127.0.0.1', port: site.f.port, path: `/storage/v1/object/public/${at}`, agent, headers: { Host: 'site.localhost' } }, (reply) => {
    const parts = [];
    reply.on('data', (part) => parts.push(part)).on('error', reject);
    reply.on('end', () => {
      const bytes = Buffer.concat(parts);
      resolve({ begun, status: reply.statusCode, what: reply.statusCode === 200 ? md5(bytes) : JSON.parse(bytes).code ?? String(reply.statusCode) });
    });
  }).on('error', reject);
});

// Reads all the time while `change` runs and 1.2 s after it. old, then: what is read before it began, and after it was done.
async function whileReading(at, { old, then, change }) {
  const seen = [];
  let isOver = false;
  const readers = Array.from({ length: READERS }, async () => { while (!isOver) seen.push(await get(at)); });
  await until('it is read', () => seen.length > 50);
  await change();
  const doneAt = performance.now();
  await new Promise((r) => setTimeout(r, 1200)); // longer than the edge keeps anything
  await until('it is read after', () => seen.filter((one) => one.begun > doneAt).length > 50);
  isOver = true;
  await Promise.all(readers);
  const late = seen.filter((one) => one.begun > doneAt && one.what !== then);
  assert.deepEqual(late.slice(0, 3), [], `${late.length} of ${seen.length} reads of ${at} that began after it was done`);
  assert.ok(seen.some((one) => one.what === old), 'the old one was read');
}

const file = () => { const bytes = randomBytes(4000); return { bytes, sum: md5(bytes) }; };
const form = (bytes) => {
  const body = Buffer.concat([Buffer.from('--x\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n3600\r\n--x\r\nContent-Disposition: form-data; name=""; filename="a"\r\nContent-Type: image/png\r\n\r\n'), bytes, Buffer.from('\r\n--x--\r\n')]);
  return { body, headers: { 'Content-Type': 'multipart/form-data; boundary=x', 'x-upsert': 'true' } };
};
const b64 = (text) => Buffer.from(text).toString('base64');
const ok = async (promise) => { const reply = await promise; assert.ok(reply.status < 300, reply.text); return reply; };

const replacements = {
  PUT: (name, { bytes }) => ok(ask('PUT', `/object/open/${name}`, { body: bytes })),
  'upload with upsert, as a form': (name, { bytes }) => ok(ask('POST', `/object/open/${name}`, form(bytes))),
  'signed upload': async (name, { bytes }) => {
    const { json } = await ok(ask('POST', `/object/upload/sign/open/${name}`, { headers: { 'x-upsert': 'true' } }));
    await ok(ask('PUT', `/object/upload/sign/open/${name}?token=${json.token}`, { body: bytes, key: null }));
  },
  'resumable upload': async (name, { bytes }) => {
    const made = await ok(ask('POST', '/upload/resumable', { body: bytes, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': bytes.length, 'x-upsert': 'true', 'Content-Type': 'application/offset+octet-stream', 'Upload-Metadata': `bucketName ${b64('open')},objectName ${b64(name)}` } }));
    assert.equal(made.headers['tus-complete'], '1');
  },
  copy: async (name, { bytes }) => {
    await ok(upload(`open/from-${name}`, bytes));
    await ok(ask('POST', '/object/copy', { json: { bucketId: 'open', sourceKey: `from-${name}`, destinationKey: name }, headers: { 'x-upsert': 'true' } }));
  },
  'S3 PutObject': (name, { bytes }) => client.send(new s3.PutObjectCommand({ Bucket: 'open', Key: name, Body: bytes })),
  'S3 CopyObject': async (name, { bytes }) => {
    await ok(upload(`open/from-${name}`, bytes));
    await client.send(new s3.CopyObjectCommand({ Bucket: 'open', Key: name, CopySource: `open/from-${name}` }));
  },
  'S3 upload in parts': async (name, { bytes }) => {
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket: 'open', Key: name }));
    const { ETag } = await client.send(new s3.UploadPartCommand({ Bucket: 'open', Key: name, UploadId, PartNumber: 1, Body: bytes }));
    await client.send(new s3.CompleteMultipartUploadCommand({ Bucket: 'open', Key: name, UploadId, MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } }));
  },
};

test('replaced: nobody gets the old one after the acknowledgement', async () => {
  await Promise.all(Object.entries(replacements).map(async ([what, replace], i) => {
    const one = file(), two = file(), name = `r${i}.png`;
    await ok(upload(`open/${name}`, one.bytes));
    await whileReading(`open/${name}`, { old: one.sum, then: two.sum, change: () => replace(name, two) }).catch((error) => { error.message = `${what}: ${error.message}`; throw error; });
  }));
});

const removals = {
  DELETE: (name) => ok(ask('DELETE', `/object/open/${name}`)),
  'remove of several': (name) => ok(ask('DELETE', '/object/open', { json: { prefixes: ['other', name] } })),
  'remove of many': (name) => ok(ask('DELETE', '/object/open', { json: { prefixes: [...Array.from({ length: 200 }, (_, i) => `o${i}`), name] } })),
  move: (name) => ok(ask('POST', '/object/move', { json: { bucketId: 'open', sourceKey: name, destinationKey: `to-${name}` } })),
  'S3 DeleteObject': (name) => client.send(new s3.DeleteObjectCommand({ Bucket: 'open', Key: name })),
  'S3 DeleteObjects': (name) => client.send(new s3.DeleteObjectsCommand({ Bucket: 'open', Delete: { Objects: [{ Key: name }] } })),
};

test('removed, moved away: nor then', async () => {
  await Promise.all(Object.entries(removals).map(async ([what, remove], i) => {
    const one = file(), name = `d${i}.png`;
    await ok(upload(`open/${name}`, one.bytes));
    await whileReading(`open/${name}`, { old: one.sum, then: 'NoSuchKey', change: () => remove(name) }).catch((error) => { error.message = `${what}: ${error.message}`; throw error; });
  }));
});

test('emptied, made private, given to others again: nor then', async () => {
  await Promise.all(['empty', 'private'].map(async (name) => {
    const one = file();
    await site.bucket(name, { public: true });
    await ok(upload(`${name}/a`, one.bytes));
    if (name === 'empty') await whileReading('empty/a', { old: one.sum, then: 'NoSuchKey', change: () => ok(ask('POST', '/bucket/empty/empty')) });
    else await whileReading('private/a', { old: one.sum, then: 'NoSuchBucket', change: () => ok(ask('PUT', '/bucket/private', { json: { public: false } })) });
    if (name === 'private') await whileReading('private/a', { old: 'NoSuchBucket', then: one.sum, change: () => ok(ask('PUT', '/bucket/private', { json: { public: true } })) });
  }));
});

test('removed and at once there again, as something else: nor then', async () => {
  const one = file(), two = file();
  await ok(upload('open/again', one.bytes));
  await whileReading('open/again', {
    old: one.sum, then: two.sum,
    change: async () => {
      const gone = ask('DELETE', '/object/open/again');
      await until('the name is free', async () => (await upload('open/again', two.bytes)).status === 200);
      await gone;
    },
  });
});

test('killed in the middle of replacements: what was acknowledged, also by the next process, is what is read from then on', async () => {
  await ok(upload('open/k', file().bytes));
  const known = new Map(); // sum: its number
  let acknowledged = 0, isOver = false, n = 0, count = 0;
  const wrong = [];
  const readers = Array.from({ length: READERS }, async () => {
    while (!isOver) {
      const least = acknowledged, one = await get('open/k').catch(() => undefined);
      if (one?.status !== 200) continue;
      count++;
      if ((known.get(one.what) ?? 0) < least) wrong.push({ least, got: known.get(one.what) ?? 0 });
    }
  });
  const writer = (async () => {
    while (!isOver) {
      const { bytes, sum } = file(), mine = ++n;
      known.set(sum, mine);
      const put = await ask('PUT', '/object/open/k', { body: bytes }).catch(() => undefined);
      if (put?.status === 200) acknowledged = mine;
      else await new Promise((r) => setTimeout(r, 20));
    }
  })();
  for (let round = 0; round < 3; round++) {
    const had = acknowledged;
    await until('replacements go through and are read', () => acknowledged > had + 1 && count > 70 * (round + 1));
    await site.killBackend();
  }
  isOver = true;
  await Promise.all([writer, ...readers]);
  await site.answers();
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${count}`);
});

test('what nobody has just read is acknowledged at once', async () => {
  const times = [];
  await ok(upload('open/cold', file().bytes));
  await new Promise((r) => setTimeout(r, 1200)); // the process may have begun in this second
  for (let i = 0; i < 5; i++) {
    const begun = performance.now();
    await ok(ask('PUT', '/object/open/cold', { body: file().bytes }));
    times.push(performance.now() - begun);
  }
  assert.ok(Math.min(...times) < 400, String(times));
});

test('a kept answer is the answer: headers, parts, conditions, names for downloads, ways around', async () => {
  const { bytes } = file();
  await ok(ask('POST', '/object/open/a/b%20c.svg', { body: bytes, headers: { 'Cache-Control': 'max-age=77', 'Content-Type': 'image/svg+xml', 'X-Robots-Tag': 'noindex' } }));
  const at = '/object/public/open/a/b%20c.svg', read = (headers = {}, query = '') => ask('GET', at + query, { key: null, headers });
  const plain = ({ headers: { date, ...others } }) => others;
  const first = await read({ Origin: 'http://elsewhere' });
  assert.equal(first.headers['content-type'], 'image/svg+xml');
  assert.equal(first.headers['cache-control'], 'max-age=77');
  assert.equal(first.headers['x-robots-tag'], 'noindex');
  assert.match(first.headers['content-security-policy'], /sandbox/);
  assert.equal(first.headers['access-control-allow-origin'], '*');
  assert.equal(first.headers.etag, `"${md5(bytes)}"`);
  for (let i = 0; i < 20; i++) {
    const one = await read({ Origin: 'http://elsewhere' });
    assert.ok(one.bytes.equals(bytes));
    assert.deepEqual(plain(one), plain(first));
    assert.equal(one.headers['x-accel-expires'], undefined);
    const part = await read({ Range: 'bytes=10-19' });
    assert.deepEqual([part.status, part.headers['content-range']], [206, 'bytes 10-19/4000']);
    assert.ok(part.bytes.equals(bytes.subarray(10, 20)));
    assert.equal((await read({ Range: 'bytes=10-19', 'If-Range': '"other"' })).status, 200);
    assert.equal((await read({ Range: 'bytes=4000-' })).status, 416);
    assert.equal((await read({ 'If-None-Match': first.headers.etag })).status, 304);
    assert.equal((await read({ 'If-Modified-Since': first.headers['last-modified'] })).status, 304);
    assert.match((await read({}, '?download=x.svg')).headers['content-disposition'], /x\.svg/);
    const head = await ask('HEAD', at, { key: null });
    assert.deepEqual([head.status, head.headers['content-length'], head.headers.etag], [200, '4000', first.headers.etag]);
    const none = await ask('GET', '/object/public/open/none', { key: null });
    assert.deepEqual([none.status, none.json], [400, { statusCode: '404', error: 'not_found', message: 'Object not found', code: 'NoSuchKey' }]);
  }
  for (const raw of ['/storage/v1/object/public/open/../../../../../../etc/passwd', '/storage/v1/object/public/..%2f..%2f..%2f..%2fetc/passwd', '/storage/v1/object/public/../../../../etc/passwd', '/storage/v1/object/public//etc/passwd'])
    assert.ok(!(await ask('GET', '', { raw, key: null })).text.includes('root:'), raw);
});
