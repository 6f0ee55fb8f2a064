// SPDX-License-Identifier: Apache-2.0
//
// Moving in with the files of the storage: from a project's storage API and from folders. The old project is another app
// of this Freehold behind a door of ours, which can fail as networks do. Every file is whole and its row's, or named.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, readFile, writeFile, mkdir, readdir, rename, symlink } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, until } from './freehold.mjs';

let f, folder, dump, door, old, hooks, asked, places;
const ask = (app, sql) => f.ask(app, sql);
const keysOf = async (app) => JSON.parse(await readFile(f.app(app, 'backend.json'), 'utf8'));
const report = async () => (await f.api('GET', '/v1/apps/shop/db/import')).body;
const count = (name) => asked.filter((url) => url.endsWith(`/${name}`)).length;
const objects = () => ask('shop', 'select count(*) from storage.objects');
const files = {};

function store(app, key, name, bytes) {
  return f.get(app, `/storage/v1/object/${name}`, { method: 'POST', body: bytes,
    headers: { authorization: `Bearer ${key}`, apikey: key, 'content-type': 'application/octet-stream' } });
}

function read(app, key, name) {
  return new Promise((resolve, reject) => http.get({ host: '127.0.0.1', port: f.port, path: `/storage/v1/object/authenticated/${encodeURI(name)}`,
    headers: { host: `${app}.localhost`, authorization: `Bearer ${key}`, apikey: key } }, (res) => {
    const chunks = [];
    res.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve({ status: res.statusCode, bytes: Buffer.concat(chunks) }));
  }).on('error', reject));
}

async function whole(names = Object.keys(files)) {
  const key = (await keysOf('shop')).service_role_key;
  for (const name of names) {
    const got = await read('shop', key, name);
    assert.equal(got.status, 200, name);
    assert.ok(got.bytes.equals(files[name]), name);
  }
}

// What the app's own look says: no row without its file.
async function agrees() {
  const looked = await f.cli('storage', 'shop', 'sweep', '--json');
  assert.equal(looked.code, 0, looked.all);
  assert.equal(JSON.parse(looked.stdout).without_file.count, 0, looked.stdout);
}

const bring = (...words) => f.cli('db', 'shop', 'import', ...words, { env: { FREEHOLD_FILES_KEY: old.service_role_key } });

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-files-'));
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'old');
  await f.deploy(example('static-site'), 'shop');
  old = await keysOf('old');
  for (const [bucket, isPublic] of [['avatars', true], ['papers', false]]) {
    const made = await f.get('old', '/storage/v1/bucket', { method: 'POST', body: JSON.stringify({ id: bucket, name: bucket, public: isPublic }),
      headers: { authorization: `Bearer ${old.service_role_key}`, apikey: old.service_role_key, 'content-type': 'application/json' } });
    assert.equal(made.status, 200, made.text);
  }
  for (let i = 0; i < 20; i++) files[`avatars/person ${i}/face.png`] = Buffer.from(`picture ${i} `.repeat(50 + i));
  files['papers/empty.txt'] = Buffer.alloc(0);
  files["papers/a+b & (c)'s.txt"] = Buffer.from('a name with everything');
  files['papers/large.bin'] = Buffer.alloc(3 << 20, 'freehold');
  files['papers/ancient.txt'] = Buffer.from('from before files had versions');
  for (const [name, bytes] of Object.entries(files)) {
    const stored = await store('old', old.service_role_key, encodeURI(name), bytes);
    assert.equal(stored.status, 200, `${name}: ${stored.text}`);
  }
  await ask('old', "create table things (id int primary key); insert into things values (1), (2); select vault.create_secret('of the old key', 'stripe')");
  const exported = await f.cli('export', 'old', '--output', path.join(folder, 'exported'));
  assert.equal(exported.code, 0, exported.all);
  await ask('old', "update storage.objects set version = null where name = 'ancient.txt'");
  dump = path.join(folder, 'old.dump');
  assert.equal((await f.cli('db', 'old', 'dump', dump)).code, 0);
  hooks = {};
  asked = [];
  door = http.createServer((req, res) => {
    const name = decodeURIComponent(req.url).replace('/storage/v1/object/authenticated/', '');
    asked.push(decodeURIComponent(req.url));
    if (hooks[name]?.(req, res)) return;
    if (name === 'papers/ancient.txt') return void res.end(files[name]);
    req.pipe(http.request({ host: '127.0.0.1', port: f.port, method: req.method, path: req.url, headers: { ...req.headers, host: 'old.localhost' } },
      (answer) => { res.writeHead(answer.statusCode, answer.headers); answer.pipe(res); }));
  });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  places = `http://127.0.0.1:${door.address().port}`;
});
after(async () => {
  door?.closeAllConnections();
  door?.close();
  await f?.end();
  await rm(folder, { recursive: true, force: true });
});

test('a key stands on no command line, and one that would not see every file is refused', async () => {
  const cases = [[[old.service_role_key], {}, /does not belong on a command line/], [['-'], { input: `${old.anon_key}\n` }, /public key/],
    [['-'], { input: 'sb_secret_of_somebody_else\n' }, /refuses the key/]];
  for (const [key, more, words] of cases) {
    const result = await f.cli('db', 'shop', 'import', dump, '--files', places, '--files-key', ...key, more);
    assert.notEqual(result.code, 0);
    assert.match(result.stderr, words);
    assert.equal(await objects(), '0');
  }
  const nowhere = await bring(dump, '--files', 'http://files.example.com');
  assert.match(nowhere.stderr, /must be https/);
});

test('files that are missing or others are named, and nothing is changed; then their rows can go', async () => {
  hooks['avatars/person 3/face.png'] = (req, res) => { /* as Supabase says it */
    res.writeHead(400, { 'content-type': 'application/json' });
    res.end('{"statusCode":"404","error":"not_found","message":"Object not found"}');
    return true;
  };
  hooks['avatars/person 4/face.png'] = (req, res) => { res.end(Buffer.alloc(files['avatars/person 4/face.png'].length, 'x')); return true; };
  const refused = await bring(dump, '--files', places);
  assert.notEqual(refused.code, 0);
  assert.match(refused.all, /2 of 24 files are not at the source.*--drop-missing/s);
  assert.match(refused.stdout, /avatars\/person 3\/face\.png: the source has no such file/);
  assert.match(refused.stdout, /avatars\/person 4\/face\.png: the source has other bytes/);
  assert.equal(await objects(), '0');
  const journal = JSON.stringify(await report()) + await readFile(f.app('shop', 'import/journal.json'), 'utf8');
  assert.ok(!journal.includes(old.service_role_key));
  assert.equal(count('person 5/face.png'), 1);
  const done = await bring('--resume', '--drop-missing');
  assert.equal(done.code, 0, done.all);
  assert.equal(count('person 5/face.png'), 1, 'what came is not asked for again');
  assert.equal(await objects(), '22');
  assert.equal(await ask('shop', 'select count(*) from things'), '2');
  assert.match(done.stdout, /The rows of these 2 were removed/);
  assert.match(done.stdout, /Secrets of the vault that could not come.*\n +stripe\n/);
  await whole(Object.keys(files).filter((name) => !/person [34]\//.test(name)));
  await agrees();
  const seen = await f.get('shop', '/storage/v1/object/public/avatars/person%207/face.png');
  assert.equal(seen.status, 200);
  assert.deepEqual((await readdir(f.app('shop'))).filter((name) => name === 'import-files'), []);
  hooks = {};
});

test('killed in the middle it goes on where it was; what fails for a moment is asked for again', async () => {
  await f.killDaemon();
  await f.startDaemon({ FREEHOLD_PAUSE_AT: 'files:one' });
  await rm(f.app('shop', 'storage/objects'), { recursive: true });
  asked = [];
  const child = bring(dump, '--files', places, '--replace');
  await until('one file came', async () => (await readFile(f.log, 'utf8')).includes('paused at files:one'));
  const held = await readdir(f.app('shop', 'import-files'));
  assert.ok(held.some((name) => /^[0-9a-f-]{36}$/.test(name)), held.join());
  await f.killDaemon();
  await f.startDaemon();
  await child;
  const first = asked.length;
  let broken = 0, busy = 0;
  hooks['papers/large.bin'] = (req, res) => {
    if (broken++ > 0) return false;
    res.writeHead(200, { 'content-length': String(3 << 20) });
    res.write(files['papers/large.bin'].subarray(0, 100000), () => res.destroy());
    return true;
  };
  hooks['papers/empty.txt'] = (req, res) => { if (busy++ > 1) return false; res.writeHead(busy > 1 ? 503 : 429); res.end(); return true; };
  const done = await bring('--resume');
  assert.equal(done.code, 0, done.all);
  assert.ok(broken === 2 || asked.slice(0, first).some((url) => url.endsWith('large.bin')), 'the broken one came the second time');
  assert.equal(await objects(), '24');
  await whole();
  await agrees();
  hooks = {};
});

test('from a folder: as an export has it, as a Supabase of one\'s own has it; links are not followed', async () => {
  const root = path.join(folder, 'exported/storage'), secret = path.join(folder, 'secret');
  await rm(f.app('shop', 'storage/objects'), { recursive: true });
  const version = await ask('shop', "select version from storage.objects where name = 'large.bin'");
  await rename(path.join(root, 'papers/large.bin'), path.join(folder, 'kept'));
  await mkdir(path.join(root, 'papers/large.bin'));
  await rename(path.join(folder, 'kept'), path.join(root, 'papers/large.bin', version));
  await writeFile(secret, files['avatars/person 2/face.png']);
  await rm(path.join(root, 'avatars/person 2/face.png'));
  await symlink(secret, path.join(root, 'avatars/person 2/face.png'));
  const refused = await f.cli('db', 'shop', 'import', '--files', root);
  assert.notEqual(refused.code, 0);
  assert.match(refused.all, /1 of 24 files are not at the source.*person 2.*What came is in its place/s);
  assert.equal((await report()).report.files.brought, 23);
  await rm(path.join(root, 'avatars/person 2/face.png'));
  await rename(secret, path.join(root, 'avatars/person 2/face.png'));
  const done = await f.cli('db', 'shop', 'import', '--resume');
  assert.equal(done.code, 0, done.all);
  assert.equal((await report()).report.files.brought, 1);
  await whole();
  await agrees();
});

test('files alone, for the database that is live; only those that are not here', async () => {
  const version = await ask('shop', "select version from storage.objects where name = 'person 9/face.png'");
  const lost = f.app('shop', 'storage/objects', version.slice(0, 2), version);
  const sum = createHash('md5').update(await readFile(lost)).digest('hex');
  await rm(lost);
  asked = [];
  const done = await bring('--files', places);
  assert.equal(done.code, 0, done.all);
  assert.deepEqual(asked.filter((url) => url.includes('/object/')), ['/storage/v1/object/authenticated/avatars/person 9/face.png']);
  assert.equal(createHash('md5').update(await readFile(lost)).digest('hex'), sum);
  assert.match(done.stdout, /1 came, 23 were here/);
  await agrees();
});
