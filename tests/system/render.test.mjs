// SPDX-License-Identifier: Apache-2.0
// Pictures in other sizes through the real edge: what comes out, who gets it, what is kept, and what is no picture or too much of one.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { Site } from './files.mjs';
import { until } from './freehold.mjs';

let site;
before(async () => {
  site = await Site.start();
  await site.bucket('open', { public: true });
  await site.bucket('shut');
  await put('open/a.png', png(300, 200));
  await put('shut/a.png', png(300, 200));
});
after(async () => { await site?.end(); });

const crcs = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xEDB88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
const checksum = (bytes) => (crc32 ? crc32(bytes) : ~bytes.reduce((crc, byte) => crcs[(crc ^ byte) & 255] ^ (crc >>> 8), ~0)) >>> 0;

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]), whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(checksum(body), body.length + 4);
  return whole;
}

// A picture of WIDTH times HEIGHT, of which only `rows` lines are there.
function png(width, height, rows = height, extra = []) {
  const head = Buffer.alloc(13), line = Buffer.alloc(1 + width * 3);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  for (let x = 1; x < line.length; x++) line[x] = (x * 7) & 255;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), ...extra,
    chunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: rows }, () => line)), { level: 1 })), chunk('IEND', Buffer.alloc(0))]);
}

// [kind, width, height] of what came.
function look(bytes) {
  if (bytes.subarray(1, 4).toString() === 'PNG') return ['png', bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (bytes.subarray(0, 4).toString() !== 'RIFF') return [bytes.subarray(4, 12).toString() === 'ftypavif' ? 'avif' : 'other'];
  const form = bytes.subarray(12, 16).toString();
  if (form === 'VP8X') return ['webp', 1 + bytes.readUIntLE(24, 3), 1 + bytes.readUIntLE(27, 3)];
  if (form === 'VP8L') { const bits = bytes.readUInt32LE(21); return ['webp', 1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)]; }
  return ['webp', bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff];
}

async function put(at, body, type = 'image/png') {
  const sent = await site.upload(at, body, { 'Content-Type': type, 'x-upsert': 'true', 'Cache-Control': 'max-age=60' });
  assert.equal(sent.status, 200, sent.text);
}
const render = (name, query = '', { headers = {}, key = null } = {}) => site.ask('GET', `/render/image/public/open/${name}?${query}`, { headers, key });
const folder = () => site.f.app('site', 'storage/rendered');
const kept = () => { const dir = folder(); return existsSync(dir) ? readdirSync(dir, { recursive: true }).filter((n) => /\.\w+$/.test(n)) : []; };
const webp = { Accept: 'image/avif,image/webp,*/*' };

test('the sizes, shapes and formats that upstream gives', async () => {
  for (const [query, headers, seen] of [
    ['width=100&height=100', {}, ['png', 100, 100]],
    ['width=100&height=100', webp, ['webp', 100, 100]],
    ['width=100&height=100&format=origin', webp, ['png', 100, 100]],
    ['width=100&height=100&resize=cover&format=webp', {}, ['webp', 100, 100]],
    ['width=100&height=100&resize=contain', {}, ['png', 100, 67]],
    ['width=100&height=100&resize=fill', {}, ['png', 100, 100]],
    ['width=150', {}, ['png', 150, 100]],
    ['height=50&resize=contain', {}, ['png', 75, 50]],
    ['width=0&height=50', {}, ['png', 75, 50]],
    ['', webp, ['webp', 300, 200]],
    ['quality=20', webp, ['webp', 300, 200]],
    // Never larger than it was.
    ['width=9999999', {}, ['png', 300, 200]],
    ['width=1000&height=100', {}, ['png', 300, 100]],
    ['width=600&height=600&resize=contain', {}, ['png', 300, 200]],
    ['width=600&height=150&resize=fill', {}, ['png', 300, 75]],
  ]) {
    const got = await render('a.png', query, { headers });
    assert.equal(got.status, 200, `${query}: ${got.text}`);
    assert.deepEqual(look(got.bytes), seen, query);
    assert.equal(got.headers['content-type'], `image/${seen[0]}`, query);
  }
  assert.equal(look((await render('a.png', 'width=50&format=avif')).bytes)[0], 'avif');

  const got = await render('a.png', 'width=100&height=50&quality=30', { headers: webp });
  assert.equal(got.headers['x-transformations'], 'height:50,width:100,resizing_type:fill,quality:30');
  assert.equal(got.headers['cache-control'], 'max-age=60');
  assert.match(got.headers.vary, /Accept/);
  assert.ok(got.headers.etag && got.headers['last-modified']);
  assert.equal(got.headers['access-control-allow-origin'], '*');
  assert.equal((await render('a.png', 'width=100&height=50&quality=30', { headers: { ...webp, 'If-None-Match': got.headers.etag } })).status, 304);
  const named = await render('a.png', 'width=10&download=x.png');
  assert.match(named.headers['content-disposition'], /x\.png/);
  assert.equal((await site.ask('HEAD', '/render/image/public/open/a.png?width=10', { key: null })).status, 200);

  for (const [query, words] of [
    ['width=ten', 'querystring/width must be integer'], ['height=1.5', 'querystring/height must be integer'], ['width=-1', 'querystring/width must be >= 0'],
    ['quality=19', 'querystring/quality must be >= 20'], ['quality=101', 'querystring/quality must be <= 100'],
    ['resize=crop', 'querystring/resize must be equal to one of the allowed values'], ['format=exe', 'querystring/format must be equal to one of the allowed values'],
  ]) {
    const refused = await render('a.png', query);
    assert.deepEqual([refused.status, refused.json.message], [400, words]);
  }
  assert.equal((await render('nothing.png', 'width=10')).json.code, 'NoSuchKey');
});

test('only who may read the picture gets one of another size', async () => {
  const at = (way, query, key, name = 'shut/a.png') => site.ask('GET', `/render/image/${way}/${name}?${query}`, { key });
  assert.deepEqual(look((await at('authenticated', 'width=30', site.keys.service_role_key)).bytes), ['png', 30, 20]);
  assert.equal((await at('authenticated', 'width=30', site.keys.anon_key)).json.code, 'NoSuchKey');
  assert.equal((await at('authenticated', 'width=30', null)).json.statusCode, '403');
  assert.equal((await at('public', 'width=30', null)).json.code, 'NoSuchBucket');
  const sign = async (transform) => (await site.ask('POST', '/object/sign/shut/a.png', { json: { expiresIn: 60, ...(transform ? { transform } : {}) } })).json;
  const { signedURL } = await sign({ width: 40, height: 40, resize: 'contain', format: 'origin' });
  assert.match(signedURL, /^\/render\/image\/sign\/shut\/a\.png\?token=/);
  const got = await site.ask('GET', signedURL, { key: null, headers: webp });
  assert.deepEqual(look(got.bytes), ['png', 40, 27]);
  assert.ok(got.headers.expires);
  // Neither another size, nor the picture itself, nor another picture.
  assert.deepEqual(look((await site.ask('GET', `${signedURL}&width=300&height=200`, { key: null })).bytes), ['png', 40, 27]);
  assert.equal((await site.ask('GET', signedURL.replace('/render/image/sign', '/object/sign'), { key: null })).json.code, 'InvalidSignature');
  assert.equal((await site.ask('GET', signedURL.replace('shut/a.png', 'open/a.png'), { key: null })).json.code, 'InvalidSignature');
  assert.match((await sign()).signedURL, /^\/object\/sign/);
  assert.equal((await sign({ width: 'wide' })).message, 'body/transform/width must be integer');
});

test('a picture is made once, and never of another file than the one that is there', async () => {
  await put('open/b.png', png(400, 100));
  await render('b.png', 'width=77');
  const before = kept().length;
  const all = await Promise.all(Array.from({ length: 30 }, () => render('b.png', 'width=88')));
  for (const one of all) assert.deepEqual(look(one.bytes), ['png', 88, 22]);
  assert.equal(kept().length, before + 1);
  const files = () => kept().map((name) => { const { ino, mtimeMs } = statSync(path.join(folder(), name)); return `${name} ${ino} ${mtimeMs}`; });
  const made = files();
  const started = performance.now();
  for (let i = 0; i < 20; i++) await render('b.png', 'width=88');
  assert.ok(performance.now() - started < 20 * 100, 'kept ones are quick');
  assert.deepEqual(files(), made, 'kept ones are not made again');

  const version = site.psql(`select version from storage.objects where name = 'b.png'`);
  assert.ok(kept().some((n) => n.includes(version)));
  await put('open/b.png', png(100, 400));
  assert.deepEqual(look((await render('b.png', 'width=88')).bytes), ['png', 88, 352]);
  await until('what was made of the old one goes', () => !kept().some((n) => n.includes(version)));
  assert.equal((await site.ask('DELETE', '/object/open', { json: { prefixes: ['b.png'] } })).status, 200);
  assert.equal((await render('b.png', 'width=88')).json.code, 'NoSuchKey');
});

test('what is no picture, and what would burst', async () => {
  const memory = async () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${await site.backendPid()}/status`, 'utf8'))[1]);
  const before = await memory();
  const pixels = Buffer.alloc(13);
  pixels.writeUInt32BE(60000, 0);
  pixels.writeUInt32BE(60000, 4);
  const broken = png(300, 200);
  broken.set(randomBytes(64), broken.length - 120);
  const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), Buffer.from('JFIF\0'), randomBytes(5000)]);
  const gif = Buffer.concat([Buffer.from('GIF89a'), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xf7, 0, 0]), Buffer.alloc(3000)]);
  // 200 MB of nothing in a comment.
  const comment = chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), deflateSync(Buffer.alloc(200 << 20), { level: 9 })]));
  for (const [name, body, words] of [
    ['text.png', Buffer.from('this is text, whatever its type says'), /invalid or unsupported/],
    ['page.png', Buffer.from('<!doctype html><script>alert(1)</script>'), /invalid or unsupported/],
    ['empty.png', Buffer.alloc(0), /invalid or unsupported/],
    ['pdf.png', Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj'), /invalid or unsupported/],
    ['magick.png', Buffer.from('push graphic-context\nimage over 0,0 0,0 "/etc/passwd"\npop graphic-context'), /invalid or unsupported/],
    ['head.png', broken.subarray(0, 20), /invalid or unsupported/],
    ['noise.jpg', jpeg, /invalid or unsupported/],
    ['bomb.png', png(60000, 60000, 1), /resolution is too large/],
    ['bomb.gif', gif, /resolution is too large|invalid or unsupported/],
    ['large.png', Buffer.concat([png(10, 10), Buffer.alloc(25 << 20)]), /file is too large/],
  ]) {
    await put(`open/${name}`, body);
    const got = await render(name, 'width=10');
    assert.equal(got.status, 400, `${name}: ${got.status} ${got.text}`);
    assert.match(got.json.message, words, name);
    assert.equal(got.json.statusCode, '400');
  }
  // What is large, damaged or odd in its comments, but within the limits, is a picture all the same, or refused.
  await put('open/wide.png', png(9000, 5000));
  assert.deepEqual(look((await render('wide.png', 'width=90')).bytes), ['png', 90, 50]);
  for (const [name, body] of [['broken.png', broken], ['comment.png', png(30, 30, 30, [comment])]]) {
    await put(`open/${name}`, body);
    assert.ok([200, 400].includes((await render(name, 'width=10')).status), name);
  }
  const svg = Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>');
  await put('open/d.svg', svg, 'image/svg+xml');
  const drawing = await render('d.svg', 'width=5');
  assert.ok(drawing.bytes.equals(svg), 'a drawing has every size');
  assert.match(drawing.headers['content-security-policy'], /sandbox/);
  assert.equal((await render('d.svg', 'width=5&format=webp')).status, 400);
  const grown = (await memory()) - before;
  assert.ok(grown < 64 << 10, `the backend grew by ${grown} kB`);
  assert.ok(!kept().some((n) => n.endsWith('.part')), 'nothing half made is left');
});

test('killed while pictures are made: none is ever half, and they come when asked again', async () => {
  await put('open/k.png', png(6000, 6000));
  const sizes = Array.from({ length: 8 }, (_, i) => 100 + i);
  const asked = sizes.map((w) => render('k.png', `width=${w}`).catch(() => null));
  await until('they are being made', () => kept().some((n) => n.includes('.part')));
  await site.killBackend();
  for (const got of await Promise.all(asked)) if (got?.status === 200) assert.equal(look(got.bytes)[0], 'png');
  await site.answers();
  for (const w of sizes) assert.deepEqual(look((await render('k.png', `width=${w}`)).bytes), ['png', w, w]);
});
