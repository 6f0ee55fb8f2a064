// SPDX-License-Identifier: Apache-2.0
// What freehold storage says of an app's files: usage, buckets, and whether rows and files agree.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Freehold, example } from './freehold.mjs';

let f, keys;
const psql = (sql) => execFileSync('psql', ['-XAtq', '-h', path.join(f.home, 'run/site/postgres'), '-U', 'supabase_admin', '-d', 'postgres', '-c', sql],
  { encoding: 'utf8', ...(process.getuid() === 0 ? { uid: statSync(f.app('site', 'postgres/data')).uid } : {}) }).trim();
function ask(method, target, headers = {}, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: f.port, method, path: `/storage/v1${target}`, agent: false, headers: { Host: 'site.localhost', Authorization: `Bearer ${keys.service_role_key}`, 'Content-Length': body.length, ...headers } }, (reply) => { reply.resume(); reply.on('end', () => resolve(reply.statusCode)); });
    request.on('error', reject);
    request.end(body);
  });
}
const look = async (...words) => {
  const said = await f.cli('storage', 'site', ...words, '--json');
  assert.equal(said.code, 0, said.all);
  return JSON.parse(said.stdout);
};
const version = (name) => psql(`select version from storage.objects where name = '${name}'`);
const place = (v) => f.app('site', 'storage/objects', v.slice(0, 2), v);
const old = (file) => utimesSync(file, 1000, Date.now() / 1000 - 10 * 86400);

before(async () => {
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  keys = JSON.parse(readFileSync(f.app('site', 'backend.json')));
  for (const [name, is] of [['open', true], ['shut', false]])
    assert.equal(await ask('POST', '/bucket', { 'Content-Type': 'application/json' }, Buffer.from(JSON.stringify({ name, public: is, allowed_mime_types: is ? ['image/*'] : null }))), 200);
  for (let i = 0; i < 3; i++) assert.equal(await ask('POST', `/object/shut/${i}`, { 'Content-Type': 'text/x' }, Buffer.alloc(1000 + i)), 200);
});
after(async () => { await f?.end(); });

test('usage and buckets', async () => {
  const usage = await look('usage');
  assert.deepEqual(usage.buckets.map((b) => [b.id, b.public, b.objects, b.bytes]), [['open', true, 0, 0], ['shut', false, 3, 3003]]);
  assert.equal(usage.bytes, 3003);
  assert.match((await f.cli('storage', 'site', 'usage')).all, /shut +3 +3\.0 kB/);
  assert.match((await f.cli('storage', 'site', 'buckets')).all, /open +everyone +0 .*image\/\*/);
  assert.notEqual((await f.cli('storage', 'site', 'usages')).code, 0);
});

test('sweep: files without rows, rows without files, and what --fix deletes', async () => {
  assert.match((await f.cli('storage', 'site', 'sweep')).all, /agree/);
  const [kept, orphan] = [version('0'), version('1')];
  // ctime cannot be set: only what is older than five minutes is set aside, so it is put where the sweep puts it.
  psql(`delete from storage.objects where name = '1'`);
  const lost = f.app('site', 'storage/lost', orphan);
  execFileSync('mv', [place(orphan), lost]);
  rmSync(place(version('2')));
  let report = await look('sweep');
  assert.equal(report.without_row.count, 1);
  assert.equal(report.without_row.bytes, 1001);
  assert.equal(report.without_row.first[0].version, orphan);
  assert.deepEqual(report.without_file, { count: 1, first: ['shut/2'] });
  const words = (await f.cli('storage', 'site', 'sweep')).all;
  assert.match(words, /1 file that no object names/);
  assert.match(words, /shut\/2/);
  report = await look('sweep', '--fix', '--older-than', '7d');
  assert.equal(report.removed, 0, 'it is too young');
  assert.ok(existsSync(lost));
  old(lost);
  report = await look('sweep');
  assert.ok(existsSync(lost), 'without --fix nothing is deleted');
  report = await look('sweep', '--fix', '--older-than', '7d');
  assert.deepEqual([report.removed, report.removed_bytes, report.without_row.count], [1, 1001, 0]);
  assert.ok(!existsSync(lost));
  assert.ok(existsSync(place(kept)), 'what an object names stays');
  assert.equal(psql('select count(*) from storage.objects'), '2', 'rows stay');
  assert.notEqual((await f.cli('storage', 'site', 'sweep', '--older-than', '7d')).code, 0);
  assert.notEqual((await f.cli('storage', 'site', 'sweep', '--fix', '--older-than', 'soon')).code, 0);
});

test('an old file that an object names again is put back before anything is deleted', async () => {
  const v = version('0');
  const lost = f.app('site', 'storage/lost', v);
  execFileSync('mv', [place(v), lost]);
  old(lost);
  const report = await look('sweep', '--fix', '--older-than', '0');
  assert.equal(report.put_back, 1);
  assert.equal(report.removed, 0);
  assert.ok(existsSync(place(v)));
  assert.equal(readdirSync(f.app('site', 'storage/lost')).length, 0);
});
