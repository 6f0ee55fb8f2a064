// SPDX-License-Identifier: Apache-2.0
// S3's protocol in front of an app's files, through the real edge: Debian's aws and rclone, Amazon's own SDK, and requests that
// no client would send. The names of apps lead nowhere outside browsers; the edge is the tools' HTTP proxy.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { Freehold, example, folder, root, until } from './freehold.mjs';
import { packages } from './packages.mjs';

const run = promisify(execFile);
const at = path.join(root, 'tests/s3');
let f, keys, key, endpoint, work, sdk, client, presign;

const files = (dir) => readdirSync(dir, { recursive: true }).filter((n) => statSync(path.join(dir, n)).isFile()).sort();
const stored = () => files(f.app('site', 'storage/objects')).filter((n) => /[0-9a-f]{12}$/.test(n));
const tool = (program, args, more = {}) => run(program, args, {
  timeout: 60000, maxBuffer: 1 << 26,
  env: {
    PATH: '/usr/bin:/bin', HOME: work, http_proxy: `http://127.0.0.1:${f.port}`, HTTP_PROXY: `http://127.0.0.1:${f.port}`,
    AWS_ACCESS_KEY_ID: key.id, AWS_SECRET_ACCESS_KEY: key.secret, AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'true',
    RCLONE_CONFIG_FH_TYPE: 's3', RCLONE_CONFIG_FH_PROVIDER: 'Other', RCLONE_CONFIG_FH_ENV_AUTH: 'true',
    RCLONE_CONFIG_FH_ENDPOINT: endpoint, RCLONE_CONFIG_FH_FORCE_PATH_STYLE: 'true', ...more,
  },
});
const aws = (...args) => tool('/usr/bin/aws', ['--endpoint-url', endpoint, ...args]);
const rclone = (...args) => tool('/usr/bin/rclone', ['--config', '/dev/null', ...args]);
const psql = (sql) => execFileSync('psql', ['-XAtq', '-h', path.join(f.home, 'run/site/postgres'), '-U', 'supabase_admin', '-d', 'postgres', '-c', sql],
  { encoding: 'utf8', ...(process.getuid() === 0 ? { uid: statSync(f.app('site', 'postgres/data')).uid } : {}) }).trim();

function newClient(credentials) {
  const lookup = (_, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
  return new sdk.S3Client({
    endpoint, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1,
    requestHandler: { httpAgent: new http.Agent({ lookup, keepAlive: true }) },
  });
}

// A request as it stands, to the edge.
function ask(method, target, headers = {}, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: f.port, method, path: target, agent: false, headers: { Host: new URL(endpoint).host, ...headers } }, (reply) => {
      const parts = [];
      reply.on('data', (part) => parts.push(part));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
const text = async (object) => object.Body.transformToString();
const refused = (name, status) => (error) => { assert.equal(error.name, name); if (status) assert.equal(error.$metadata.httpStatusCode, status); return true; };

before(async () => {
  await packages('tests/s3');
  const require = createRequire(path.join(at, 'package.json'));
  sdk = require('@aws-sdk/client-s3');
  presign = require('@aws-sdk/s3-request-presigner').getSignedUrl;
  f = await Freehold.start();
  work = await folder({});
  await f.deploy(example('static-site'), 'site');
  keys = JSON.parse(readFileSync(f.app('site', 'backend.json')));
  const added = await f.cli('storage', 'site', 'key', 'add', '--note', 'tests', '--json');
  assert.equal(added.code, 0, added.all);
  key = JSON.parse(added.stdout ?? added.all);
  endpoint = key.endpoint;
  client = newClient({ accessKeyId: key.id, secretAccessKey: key.secret });
});
after(async () => { client?.destroy(); await f?.end(); });

test('aws: a bucket, a folder there and back, large files in parts, and away', async () => {
  const from = path.join(work, 'from'), to = path.join(work, 'to');
  mkdirSync(path.join(from, 'a/b c'), { recursive: true });
  writeFileSync(path.join(from, 'a/one.bin'), randomBytes(300_000));
  writeFileSync(path.join(from, 'a/b c/la rge+(1).bin'), randomBytes(20 << 20));
  writeFileSync(path.join(from, 'empty'), '');
  writeFileSync(path.join(from, 'page.html'), '<p>hello');
  await aws('s3', 'mb', 's3://box');
  assert.match((await aws('s3', 'ls')).stdout, / box$/m);
  await aws('s3', 'sync', '--no-progress', from, 's3://box/pre');
  assert.equal(psql(`select metadata ->> 'eTag' ~ '-3"$', metadata ->> 'size' from storage.objects where name like '%rge%'`), 't|20971520');
  assert.equal(stored().length, 4, 'the parts are gone');
  const listed = (await aws('s3', 'ls', '--recursive', 's3://box')).stdout;
  assert.match(listed, /20971520 pre\/a\/b c\/la rge\+\(1\)\.bin/);
  assert.match((await aws('s3', 'ls', 's3://box/pre/')).stdout, /PRE a\//);
  await aws('s3', 'sync', '--no-progress', 's3://box/pre', to);
  assert.deepEqual(files(to), files(from));
  for (const name of files(from)) assert.ok(readFileSync(path.join(to, name)).equals(readFileSync(path.join(from, name))), name);
  assert.equal((await aws('s3', 'sync', '--no-progress', from, 's3://box/pre')).stdout, '', 'nothing is sent twice');
  await aws('s3', 'cp', '--no-progress', 's3://box/pre/a/one.bin', 's3://box/two.bin');
  await aws('s3', 'mv', '--no-progress', 's3://box/two.bin', 's3://box/three.bin');
  assert.equal((await aws('s3', 'cp', '--no-progress', 's3://box/three.bin', '-')).stdout.length > 0, true);
  await assert.rejects(aws('s3', 'rb', 's3://box'), /BucketNotEmpty/);
  await aws('s3', 'rm', '--recursive', 's3://box');
  await aws('s3', 'rb', 's3://box');
  await until('the files are gone', () => stored().length === 0);
  await assert.rejects(aws('s3', 'ls', 's3://box'), /NoSuchBucket/);
});

test('rclone: sync, check, stream, times of files, purge', async () => {
  const from = path.join(work, 'rfrom'), to = path.join(work, 'rto');
  mkdirSync(path.join(from, 'x/y'), { recursive: true });
  for (let i = 0; i < 30; i++) writeFileSync(path.join(from, `x/y/${i}.txt`), `${i}`.repeat(i * 100));
  writeFileSync(path.join(from, 'big.bin'), randomBytes(12 << 20));
  await rclone('mkdir', 'fh:rbox');
  await rclone('sync', '--s3-chunk-size', '5Mi', '--s3-upload-cutoff', '6Mi', from, 'fh:rbox/pre');
  await rclone('check', from, 'fh:rbox/pre');
  assert.equal((await rclone('lsf', 'fh:rbox/pre/')).stdout, 'big.bin\nx/\n');
  const again = await rclone('sync', '-v', from, 'fh:rbox/pre');
  assert.match(again.stderr, /There was nothing to transfer/);
  await rclone('copy', 'fh:rbox/pre', to);
  assert.deepEqual(files(to), files(from));
  assert.equal(Math.floor(statSync(path.join(to, 'big.bin')).mtimeMs), Math.floor(statSync(path.join(from, 'big.bin')).mtimeMs), 'the time of a file is kept');
  assert.ok(readFileSync(path.join(to, 'big.bin')).equals(readFileSync(path.join(from, 'big.bin'))));
  rmSync(path.join(from, 'x/y/3.txt'));
  await rclone('sync', from, 'fh:rbox/pre');
  assert.equal((await rclone('lsf', '-R', '--files-only', 'fh:rbox/pre')).stdout.trim().split('\n').length, 30);
  await rclone('moveto', 'fh:rbox/pre/big.bin', 'fh:rbox/moved.bin');
  assert.equal((await rclone('size', '--json', 'fh:rbox/moved.bin')).stdout.trim().includes('12582912'), true);
  await rclone('purge', 'fh:rbox');
  assert.doesNotMatch((await rclone('lsd', 'fh:')).stdout, /rbox/);
});

test('the SDK: put, get, head, ranges, conditions, metadata, sums', async () => {
  await client.send(new sdk.CreateBucketCommand({ Bucket: 'sdk' }));
  await assert.rejects(client.send(new sdk.CreateBucketCommand({ Bucket: 'sdk' })), refused('BucketAlreadyOwnedByYou', 409));
  await client.send(new sdk.HeadBucketCommand({ Bucket: 'sdk' }));
  await assert.rejects(client.send(new sdk.HeadBucketCommand({ Bucket: 'none' })), refused('NotFound', 404));
  assert.equal((await client.send(new sdk.GetBucketLocationCommand({ Bucket: 'sdk' }))).LocationConstraint ?? '', '');
  const body = randomBytes(100_000);
  for (const ChecksumAlgorithm of [undefined, 'CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    const put = await client.send(new sdk.PutObjectCommand({ Bucket: 'sdk', Key: 'a b/ü.bin'.replace('ü', 'u'), Body: body, ContentType: 'image/png', CacheControl: 'max-age=5', Metadata: { Colour: 'green' }, ChecksumAlgorithm }));
    assert.equal(put.ETag, `"${createHash('md5').update(body).digest('hex')}"`);
  }
  const Bucket = 'sdk', Key = 'a b/u.bin';
  const head = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }));
  assert.equal(head.ContentLength, 100_000);
  assert.equal(head.ContentType, 'image/png');
  assert.equal(head.CacheControl, 'max-age=5');
  assert.deepEqual(head.Metadata, { colour: 'green' });
  const part = await client.send(new sdk.GetObjectCommand({ Bucket, Key, Range: 'bytes=10-19' }));
  assert.equal(part.ContentRange, 'bytes 10-19/100000');
  assert.ok(Buffer.from(await part.Body.transformToByteArray()).equals(body.subarray(10, 20)));
  await assert.rejects(client.send(new sdk.GetObjectCommand({ Bucket, Key, Range: 'bytes=100000-' })), refused('InvalidRange', 416));
  await assert.rejects(client.send(new sdk.GetObjectCommand({ Bucket, Key, IfMatch: '"other"' })), refused('PreconditionFailed', 412));
  await assert.rejects(client.send(new sdk.GetObjectCommand({ Bucket, Key, IfNoneMatch: head.ETag })), (e) => e.$metadata.httpStatusCode === 304);
  assert.equal((await client.send(new sdk.GetObjectCommand({ Bucket, Key, IfMatch: head.ETag }))).ContentLength, 100_000);
  await assert.rejects(client.send(new sdk.GetObjectCommand({ Bucket, Key: 'none' })), refused('NoSuchKey', 404));
  await assert.rejects(client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: 'x', IfNoneMatch: '*' })), refused('PreconditionFailed', 412));
  await assert.rejects(client.send(new sdk.PutObjectCommand({ Bucket, Key: 'bad', Body: 'x', ChecksumCRC32: 'AAAAAA==' })), refused('BadDigest', 400));
  await assert.rejects(client.send(new sdk.PutObjectCommand({ Bucket, Key: 'bad', Body: 'x', ContentMD5: createHash('md5').update('y').digest('base64') })), refused('BadDigest', 400));
  await assert.rejects(client.send(new sdk.PutObjectAclCommand({ Bucket, Key, ACL: 'private' })), refused('NotImplemented', 501));
  // Row and file, as the app's own calls see them.
  assert.equal(psql(`select user_metadata ->> 'colour', metadata ->> 'mimetype' from storage.objects where name = 'a b/u.bin'`), 'green|image/png');
  const copied = await client.send(new sdk.CopyObjectCommand({ Bucket, Key: 'copy', CopySource: encodeURI('sdk/a b/u.bin'), MetadataDirective: 'REPLACE', ContentType: 'text/plain', Metadata: { x: '1' } }));
  assert.equal(copied.CopyObjectResult.ETag, head.ETag);
  const copy = await client.send(new sdk.HeadObjectCommand({ Bucket, Key: 'copy' }));
  assert.equal(copy.ContentType, 'text/plain');
  assert.deepEqual(copy.Metadata, { x: '1' });
  await assert.rejects(client.send(new sdk.CopyObjectCommand({ Bucket, Key: 'copy2', CopySource: 'sdk/none' })), refused('NoSuchKey', 404));
});

test('the SDK: listing, and deleting many', async () => {
  const Bucket = 'list';
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  const names = ['a/1', 'a/2', 'a&b/1', 'b', 'c/d/1', 'c/d/2', 'z'];
  for (const Key of names) await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: Key }));
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const EncodingType of [undefined, 'url']) {
    const seen = [];
    for await (const page of sdk.paginateListObjectsV2({ client, pageSize: 3 }, { Bucket, EncodingType }))
      seen.push(...(page.Contents ?? []).map((o) => (EncodingType ? decodeURIComponent(o.Key) : o.Key)));
    assert.deepEqual(seen, sorted);
  }
  const folders = [];
  let singles = [];
  for await (const page of sdk.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket, Delimiter: '/' })) {
    folders.push(...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
    singles.push(...(page.Contents ?? []).map((o) => o.Key));
  }
  assert.deepEqual(folders, ['a&b/', 'a/', 'c/']);
  assert.deepEqual(singles, ['b', 'z']);
  singles = [];
  let Marker;
  for (let i = 0; i < 10; i++) {
    const page = await client.send(new sdk.ListObjectsCommand({ Bucket, MaxKeys: 2, Marker }));
    singles.push(...page.Contents.map((o) => o.Key));
    if (!page.IsTruncated) break;
    Marker = page.NextMarker;
  }
  assert.deepEqual(singles, sorted);
  assert.deepEqual((await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: 'c/d/', StartAfter: 'c/d/1' }))).Contents.map((o) => o.Key), ['c/d/2']);
  assert.equal((await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: 'none' }))).KeyCount, 0);
  const gone = await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: ['a/1', 'a&b/1', 'never'].map((Key) => ({ Key })) } }));
  assert.deepEqual(gone.Deleted.map((d) => d.Key), ['a/1', 'a&b/1', 'never']);
  await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: 'never' }));
  assert.equal((await client.send(new sdk.ListObjectsV2Command({ Bucket }))).KeyCount, 5);
  await assert.rejects(client.send(new sdk.DeleteBucketCommand({ Bucket })), refused('BucketNotEmpty', 409));
});

test('the SDK: uploads in parts', async () => {
  const Bucket = 'parts', Key = 'deep/large.bin', pieces = [randomBytes(5 << 20), randomBytes(5 << 20), randomBytes(12345)];
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  await client.send(new sdk.PutObjectCommand({ Bucket, Key: 'source', Body: pieces[1] }));
  const before = stored().length;
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key, ContentType: 'video/mp4', Metadata: { a: 'b' } }));
  const put = async (PartNumber, Body) => (await client.send(new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag;
  const third = await put(3, pieces[2]);
  await put(1, pieces[1]);
  const first = await put(1, pieces[0]); // once more: the last counts
  const second = (await client.send(new sdk.UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber: 2, CopySource: 'parts/source', CopySourceRange: `bytes=0-${pieces[1].length - 1}` }))).CopyPartResult.ETag;
  const listed = await client.send(new sdk.ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
  assert.deepEqual(listed.Parts.map((p) => [p.PartNumber, p.Size]), [[1, 5 << 20], [2, 5 << 20]]);
  assert.equal(listed.IsTruncated, true);
  const uploads = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: 'deep/' }));
  assert.deepEqual(uploads.Uploads.map((u) => [u.Key, u.UploadId]), [[Key, UploadId]]);
  assert.deepEqual((await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Delimiter: '/' }))).CommonPrefixes.map((p) => p.Prefix), ['deep/']);
  await assert.rejects(client.send(new sdk.HeadObjectCommand({ Bucket, Key })), refused('NotFound', 404));
  const complete = (Parts) => client.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  const parts = [first, second, third].map((ETag, i) => ({ ETag, PartNumber: i + 1 }));
  await assert.rejects(complete([parts[1], parts[0]]), refused('InvalidPartOrder', 400));
  await assert.rejects(complete([parts[0], { ETag: third, PartNumber: 2 }]), refused('InvalidPart', 400));
  await assert.rejects(complete([...parts, { ETag: third, PartNumber: 4 }]), refused('InvalidPart', 400));
  const done = await complete(parts);
  const sum = createHash('md5').update(Buffer.concat([first, second, third].map((e) => Buffer.from(e.slice(1, 33), 'hex')))).digest('hex');
  assert.equal(done.ETag, `"${sum}-3"`);
  const got = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
  assert.equal(got.ContentType, 'video/mp4');
  assert.deepEqual(got.Metadata, { a: 'b' });
  assert.ok(Buffer.from(await got.Body.transformToByteArray()).equals(Buffer.concat(pieces)));
  await until('the parts are gone', () => stored().length === before + 1);
  await assert.rejects(complete(parts), refused('NoSuchUpload', 404));
  // Given up.
  const other = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: 'other' }));
  await client.send(new sdk.UploadPartCommand({ Bucket, Key: 'other', UploadId: other.UploadId, PartNumber: 1, Body: 'x' }));
  await assert.rejects(client.send(new sdk.UploadPartCommand({ Bucket, Key: 'another', UploadId: other.UploadId, PartNumber: 1, Body: 'x' })), refused('NoSuchUpload', 404));
  await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key: 'other', UploadId: other.UploadId }));
  await until('the part is gone', () => stored().length === before + 1);
  await assert.rejects(client.send(new sdk.ListPartsCommand({ Bucket, Key: 'other', UploadId: other.UploadId })), refused('NoSuchUpload', 404));
});

test('a bucket that holds an upload in parts is not empty, by either protocol', async () => {
  const Bucket = 'held', Key = 'half';
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }));
  await assert.rejects(client.send(new sdk.DeleteBucketCommand({ Bucket })), refused('BucketNotEmpty', 409));
  const headers = { authorization: `Bearer ${keys.service_role_key}`, apikey: keys.service_role_key };
  const told = await ask('DELETE', `/storage/v1/bucket/${Bucket}`, headers);
  assert.deepEqual([told.status, JSON.parse(told.text).statusCode, JSON.parse(told.text).error], [400, '409', 'ResourceNotEmpty'], told.text);
  await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  assert.equal((await ask('DELETE', `/storage/v1/bucket/${Bucket}`, headers)).status, 200);
});

test('presigned addresses do what was signed and nothing else', async () => {
  const Bucket = 'sdk', Key = 'signed.txt';
  const put = new URL(await presign(client, new sdk.PutObjectCommand({ Bucket, Key, ContentType: 'text/plain' }), { expiresIn: 60, signableHeaders: new Set(['content-type']) }));
  const up = await ask('PUT', put.pathname + put.search, { 'Content-Type': 'text/plain', 'Content-Length': 5 }, 'hello');
  assert.equal(up.status, 200, up.text);
  const get = new URL(await presign(client, new sdk.GetObjectCommand({ Bucket, Key, ResponseContentDisposition: 'attachment; filename="x"' }), { expiresIn: 60 }));
  const down = await ask('GET', get.pathname + get.search);
  assert.equal(down.text, 'hello');
  assert.equal(down.headers['content-disposition'], 'attachment; filename="x"');
  assert.match((await ask('GET', `${get.pathname}x${get.search}`)).text, /SignatureDoesNotMatch/);
  assert.match((await ask('DELETE', get.pathname + get.search)).text, /SignatureDoesNotMatch/);
  assert.match((await ask('GET', `${get.pathname}${get.search}&response-content-type=text%2Fhtml`)).text, /SignatureDoesNotMatch/);
  assert.match((await ask('PUT', put.pathname + put.search, { 'Content-Type': 'text/plain', 'x-amz-copy-source': '/sdk/a%20b/u.bin' }, '')).text, /AuthorizationHeaderMalformed/);
  const past = new Date(Date.now() - 120_000);
  const old = new URL(await presign(client, new sdk.GetObjectCommand({ Bucket, Key }), { expiresIn: 60, signingDate: past }));
  assert.match((await ask('GET', old.pathname + old.search)).text, /Request has expired/);
  const bare = await ask('GET', `/storage/v1/s3/${Bucket}/${Key}`);
  assert.equal(bare.status, 403);
  assert.match(bare.text, /<Code>AccessDenied<\/Code>/);
});

test('a session token makes it the user\'s own, by the policies', async () => {
  const b64 = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const token = (claims) => {
    const head = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
    return `${head}.${createHmac('sha256', keys.jwt_secret).update(head).digest('base64url')}`;
  };
  const [one, two] = [randomUUID(), randomUUID()];
  psql(`create policy own on storage.objects for all to authenticated using (bucket_id = 'mine' and owner_id = auth.uid()::text) with check (bucket_id = 'mine' and owner_id = auth.uid()::text and (storage.foldername(name))[1] = auth.uid()::text)`);
  psql(`insert into storage.buckets (id, name) values ('mine', 'mine')`);
  const as = (sub) => newClient({ accessKeyId: 'site', secretAccessKey: keys.anon_key, sessionToken: token({ sub, role: 'authenticated' }) });
  const first = as(one), second = as(two);
  const Bucket = 'mine', Key = `${one}/a.txt`;
  await first.send(new sdk.PutObjectCommand({ Bucket, Key, Body: 'mine' }));
  assert.equal(await text(await first.send(new sdk.GetObjectCommand({ Bucket, Key }))), 'mine');
  assert.equal((await first.send(new sdk.ListObjectsV2Command({ Bucket }))).KeyCount, 1);
  assert.equal((await second.send(new sdk.ListObjectsV2Command({ Bucket }))).KeyCount, 0);
  await assert.rejects(second.send(new sdk.GetObjectCommand({ Bucket, Key })), refused('NoSuchKey', 404));
  await assert.rejects(second.send(new sdk.PutObjectCommand({ Bucket, Key, Body: 'stolen' })), refused('AccessDenied', 403));
  await assert.rejects(second.send(new sdk.DeleteObjectCommand({ Bucket, Key })), refused('AccessDenied', 403));
  const many = await second.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
  assert.equal(many.Errors[0].Code, 'AccessDenied');
  await assert.rejects(second.send(new sdk.CopyObjectCommand({ Bucket, Key: `${two}/b`, CopySource: `mine/${Key}` })), refused('NoSuchKey', 404));
  await assert.rejects(second.send(new sdk.CreateBucketCommand({ Bucket: 'theirs' })), refused('AccessDenied', 403));
  const { UploadId } = await first.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: `${one}/b` }));
  await assert.rejects(second.send(new sdk.ListPartsCommand({ Bucket, Key: `${one}/b`, UploadId })), refused('NoSuchUpload', 404));
  await assert.rejects(second.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key: `${one}/b`, UploadId })), refused('NoSuchUpload', 404));
  await first.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key: `${one}/b`, UploadId }));
  const wrong = newClient({ accessKeyId: 'site', secretAccessKey: keys.anon_key, sessionToken: `${token({ sub: one, role: 'authenticated' })}x` });
  await assert.rejects(wrong.send(new sdk.GetObjectCommand({ Bucket, Key })), refused('InvalidToken', 403));
  const plain = newClient({ accessKeyId: 'site', secretAccessKey: keys.anon_key });
  await assert.rejects(plain.send(new sdk.GetObjectCommand({ Bucket, Key })), refused('InvalidAccessKeyId', 403));
});

// With libcurl, as place.c asks another S3.
test('what libcurl signs is accepted, with the right secret only', async () => {
  const curl = (secret, ...args) => run('/usr/bin/curl', ['-sS', '--resolve', `site.localhost:${f.port}:127.0.0.1`, '--aws-sigv4', 'aws:amz:eu-central-1:s3', '--user', `${key.id}:${secret}`, '-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD', '-w', '[%{http_code}]', ...args]).then((r) => r.stdout);
  const file = path.join(work, 'curled');
  writeFileSync(file, 'curled');
  const md5 = createHash('md5').update('curled').digest('base64');
  assert.match(await curl(key.secret, '-T', file, '-H', `Content-MD5: ${md5}`, `${endpoint}/sdk/x/curled`), /\[200\]/);
  assert.match(await curl(key.secret, '-I', `${endpoint}/sdk/x/curled`), /Content-Length: 6[^]*\[200\]/);
  assert.equal(await curl(key.secret, '-H', 'Range: bytes=1-2', `${endpoint}/sdk/x/curled`), 'ur[206]');
  assert.match(await curl(key.secret, `${endpoint}/sdk?list-type=2&prefix=x%2F`), /<Key>x\/curled<\/Key>/);
  assert.match(await curl('wrong', '-T', file, `${endpoint}/sdk/x/curled`), /SignatureDoesNotMatch/);
  assert.equal(await curl(key.secret, '-X', 'DELETE', `${endpoint}/sdk/x/curled`), '[204]');
});

// The signed chunks of aws-chunked, which today's clients send over plain HTTP only when told to.
test('signed chunks: what was changed on the way is refused and leaves nothing', async () => {
  const hmac = (k, s) => createHmac('sha256', k).update(s).digest();
  const hash = (s) => createHash('sha256').update(s).digest('hex');
  const send = (spoil) => {
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, ''), day = time.slice(0, 8), scope = `${day}/eu-x/s3/aws4_request`;
    const signing = ['eu-x', 's3', 'aws4_request'].reduce((k, s) => hmac(k, s), hmac(`AWS4${key.secret}`, day));
    const host = new URL(endpoint).host, target = '/storage/v1/s3/sdk/chunked';
    const way = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
    const signed = { host, 'x-amz-content-sha256': way, 'x-amz-date': time, 'x-amz-decoded-content-length': '66560', 'x-amz-trailer': 'x-amz-checksum-sha256' };
    const names = Object.keys(signed).sort().join(';');
    const canonical = ['PUT', target, '', ...Object.keys(signed).sort().map((n) => `${n}:${signed[n]}`), '', names, way].join('\n');
    let last = hmac(signing, ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')).toString('hex');
    const headers = { ...signed, Authorization: `AWS4-HMAC-SHA256 Credential=${key.id}/${scope},SignedHeaders=${names},Signature=${last}` };
    const body = randomBytes(66560), out = [];
    for (const piece of [body.subarray(0, 65536), body.subarray(65536), Buffer.alloc(0)]) {
      last = hmac(signing, ['AWS4-HMAC-SHA256-PAYLOAD', time, scope, last, hash(''), hash(piece)].join('\n')).toString('hex');
      out.push(`${piece.length.toString(16)};chunk-signature=${last}\r\n`, piece, piece.length ? '\r\n' : '');
    }
    const trailer = `x-amz-checksum-sha256:${createHash('sha256').update(body).digest('base64')}`;
    last = hmac(signing, ['AWS4-HMAC-SHA256-TRAILER', time, scope, last, hash(`${trailer}\n`)].join('\n')).toString('hex');
    out.push(`${trailer}\r\nx-amz-trailer-signature:${last}\r\n\r\n`);
    const bytes = Buffer.concat(out.map((p) => Buffer.from(p)));
    spoil(bytes);
    return ask('PUT', target, { ...headers, 'Content-Length': bytes.length }, bytes);
  };
  assert.equal((await send(() => {})).status, 200);
  const version = psql(`select version from storage.objects where name = 'chunked'`), before = stored().length;
  for (const spoil of [(b) => { b[1000] ^= 1; }, (b) => { b[b.length - 10] ^= 1; }, (b) => { b[66000] ^= 1; }]) {
    const reply = await send(spoil);
    assert.ok(reply.status === 403 || reply.status === 400, reply.text);
    assert.match(reply.text, /SignatureDoesNotMatch|InvalidRequest/);
  }
  assert.equal(psql(`select version from storage.objects where name = 'chunked'`), version);
  assert.equal(stored().length, before);
});

test('a key that was removed is of no use, at once', async () => {
  const second = (await f.api('POST', '/v1/apps/site/storage/keys', { note: 'third' })).body;
  const other = newClient({ accessKeyId: second.id, secretAccessKey: second.secret });
  await until('the key is known', () => other.send(new sdk.ListBucketsCommand({})).then(() => true, (e) => { assert.equal(e.name, 'InvalidAccessKeyId'); return false; }));
  const listed = await f.cli('storage', 'site', 'key', 'list');
  assert.match(listed.all, /third/);
  assert.ok(!listed.all.includes(second.secret));
  const removed = await f.cli('storage', 'site', 'key', 'remove', second.id);
  assert.equal(removed.code, 0, removed.all);
  await until('the key is not known any more', () => other.send(new sdk.ListBucketsCommand({})).then(() => false, (e) => e.name === 'InvalidAccessKeyId'));
  assert.notEqual((await f.cli('storage', 'site', 'key', 'remove', second.id)).code, 0);
  for (const name of readdirSync(f.home).filter((n) => n.startsWith('freehold.db'))) assert.ok(!readFileSync(path.join(f.home, name)).includes(key.secret), 'sealed');
  assert.ok(existsSync(f.app('site', 'backend.json')));
});
