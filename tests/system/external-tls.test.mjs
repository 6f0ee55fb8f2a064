// SPDX-License-Identifier: Apache-2.0
//
// A database elsewhere whose certificate is signed by an authority that no machine knows: a PostgreSQL in a network of its own, with a name. As root.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, folder, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { Outside } from './outside.mjs';

// This run's alone: command lines are read of the whole machine, and other tests beside this one type such passwords.
const PASSWORD = `never-to-be-seen-${randomBytes(6).toString('hex')}`, NAME = 'db.example.com';
const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
let f, outside, bare, dir, site, keys;
const authority = () => path.join(outside.dir, 'ca.pem');
const url = (options = '', host = NAME) => `postgresql://keeper:${PASSWORD}@${host}:${bare.port}/shop${options}`;
const rows = () => f.get('shop', '/rest/v1/notes', { headers: { apikey: keys.anon } });
const deploy = (address, ...more) => f.cli('deploy', site, '--app', 'shop', '--database', '-', ...more, { input: `${address}\n` });
const commandLines = async () => (await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))).map((line) => line.replaceAll('\0', ' '));

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'fh-external-tls-'));
  outside = await Outside.start({ names: [NAME] });
  bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss', within: outside.within, address: outside.address,
    certificate: outside.dir, settings: { log_statement: 'all' } });
  await writeFile(path.join(bare.dir, 'data/pg_hba.conf'), 'local all all trust\nhostssl all all all scram-sha-256\n');
  await bare.reload();
  await bare.psql(`create role keeper login createrole createdb password '${PASSWORD}'`);
  await bare.psql('create database shop owner keeper');
  await writeFile(bare.log, ''); // that statement is this test's own
  site = await folder({ 'index.html': '<!doctype html><title>shop</title>',
    'supabase/migrations/20260101000000_notes.sql': `create table public.notes (id int primary key);
alter table public.notes enable row level security;
create policy all_read on public.notes for select using (true);
insert into public.notes values (7);` });
  f = await Freehold.start({ wrap: outside.wrapped(false), wrapCli: outside.wrapped(false) });
});
after(async () => {
  await f?.end();
  await bare?.stop();
  await outside?.stop();
  await rm(dir, { recursive: true, force: true });
});

// One that has had its time, of the same authority.
async function expired() {
  const ssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  await mkdir(path.join(dir, 'made'));
  await writeFile(path.join(dir, 'index.txt'), '');
  await writeFile(path.join(dir, 'conf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=made\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`);
  ssl('ca', '-batch', '-config', 'conf', '-in', path.join(outside.dir, 'ask.pem'), '-cert', authority(), '-keyfile', path.join(outside.dir, 'ca.key'), '-startdate', '20200101000000Z',
    '-enddate', '20200201000000Z', '-extfile', path.join(outside.dir, 'names'), '-notext', '-out', 'certificate.pem');
  ssl('pkey', '-in', path.join(outside.dir, 'key.pem'), '-out', 'key.pem');
}

test('without a word about TLS the server has to prove itself, and what is wrong is said with what to do', async () => {
  const refused = async (code, words, address, ...more) => {
    const tried = await deploy(address, ...more);
    assert.equal(tried.code, code, tried.all);
    assert.match(tried.stderr, words);
    assert.ok(!tried.all.includes(PASSWORD), tried.all);
  };
  await refused(6, /signed by Authority of a test, whom this server does not know.*--database-ca FILE.*sslmode=require/s, url());
  await refused(6, /it is for db\.example\.com and not for other\.example\.com.*sslmode=verify-ca/s, url(`?hostaddr=${outside.address}`, 'other.example.com'), '--database-ca', authority());
  await refused(6, /no TLS|not let this server in/, url('?sslmode=disable'));
  await refused(2, /sslmode=prefer protects nothing/, url('?sslmode=prefer'));
  await refused(2, /verify-ca proves nothing/, url('?sslmode=verify-ca'));
  await refused(2, /sslmode=no-verify is none of PostgreSQL's/, url('?sslmode=no-verify'));
  await refused(2, /has "pgbouncer" behind its question mark/, url('?pgbouncer=true'));
  const file = path.join(dir, 'given.pem');
  await writeFile(file, await readFile(path.join(outside.dir, 'key.pem')));
  await refused(2, /a private key is in it/, url(), '--database-ca', file);
  await writeFile(file, 'hello');
  await refused(2, /there is no certificate in it/, url(), '--database-ca', file);
  await writeFile(file, (await readFile(authority(), 'utf8')).replace('-----BEGIN CERTIFICATE-----', `$&\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,${'0F'.repeat(16)}\n`));
  await refused(2, /certificate 1 in it cannot be read .*locked with a passphrase/s, url(), '--database-ca', file);
  await refused(3, /missing\.pem/, url('?sslrootcert=missing.pem'));
  await expired();
  await bare.certify(dir);
  await bare.reload();
  await refused(6, /expired on 2020-02-01. It has to be renewed where the database is kept/, url(), '--database-ca', authority());
  await bare.certify(outside.dir);
  await bare.reload();
  assert.deepEqual((await f.api('GET', '/v1/apps')).body.apps, []);
});

test('with its authority an app goes live on it, and its backend, PostgreSQL\'s programs and psql prove the server, too', async () => {
  const done = await deploy(url(`?sslmode=verify-full&sslrootcert=${encodeURIComponent(authority())}`));
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /1 migration ran on a copy/);
  ({ keys } = (await f.api('GET', '/v1/apps/shop')).body);
  assert.deepEqual((await rows()).body, [{ id: 7 }]);
  assert.equal(await bare.psql("select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where datname = 'shop' and client_addr is not null"), 't');
  assert.match((await f.cli('status')).stdout, /by TLS, proved by its certificate and your authority/);
  assert.match((await f.cli('db', 'shop', 'psql', '-c', 'select id from notes')).stdout, /7/);
  const dump = path.join(dir, 'shop.dump');
  assert.equal((await f.cli('db', 'shop', 'dump', dump)).code, 0);
  assert.ok(existsSync(dump));
  assert.equal(statSync(f.app('shop', 'database-authority.pem')).mode & 0o777, 0o644);
});

test('the password is in no command line while a command runs, in no log and in nobody\'s answer', async () => {
  await writeFile(path.join(site, 'index.html'), '<!doctype html><title>again</title>');
  const running = f.cli('deploy', site, '--app', 'shop', '--database', url());
  await until('the command line says nothing of it', async () => {
    const lines = await commandLines();
    return lines.some((line) => line.includes(site) && line.includes('postgresql://....')) && !lines.some((line) => line.includes(PASSWORD));
  });
  const seen = new Set();
  let isOver = false;
  const done = running.finally(() => { isOver = true; });
  while (!isOver) for (const line of await commandLines()) if (line.includes(PASSWORD)) seen.add(line);
  const { code, all } = await done;
  assert.equal(code, 0, all);
  const made = await readFile(f.app('shop', 'backend.json'), 'utf8').then((text) => /user='fh_[^']*' password='([^']*)'/.exec(text)[1]);
  for (const file of [f.log, bare.log, ...(await readdir(f.app('shop', 'logs'))).map((name) => f.app('shop', 'logs', name))]) {
    const text = await readFile(file, 'utf8');
    if (text.includes(PASSWORD) || text.includes(made)) seen.add(file);
  }
  const app = JSON.stringify((await f.api('GET', '/v1/apps/shop')).body);
  if (app.includes(PASSWORD) || all.includes(PASSWORD)) seen.add('an answer');
  assert.deepEqual([...seen], []);
});

test('the authority lasts: another address of the same data keeps it, and its file is made again', async () => {
  const same = JSON.parse((await f.cli('db', 'shop', 'external', url('?connect_timeout=9'), '--json')).stdout);
  assert.deepEqual([same.sslmode, same.proof, same.authority], ['verify-full', 'certificate', true]);
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  await rm(f.app('shop', 'database-authority.pem'));
  assert.equal((await f.cli('start', 'shop')).code, 0);
  assert.deepEqual((await rows()).body, [{ id: 7 }]);
});

test('another authority alone can be given while it is live; a wrong one changes nothing', async () => {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Another', '-keyout', path.join(dir, 'k'),
    '-out', path.join(dir, 'another.pem')], { stdio: 'ignore' });
  const wrong = await f.cli('db', 'shop', 'external', '--database-ca', path.join(dir, 'another.pem'));
  assert.equal(wrong.code, 6, wrong.all);
  assert.match(wrong.stderr, /which is not in the file that you gave/);
  const both = path.join(dir, 'both.pem');
  await writeFile(both, `Two of them:\n${await readFile(path.join(dir, 'another.pem'), 'utf8')}\n${await readFile(authority(), 'utf8')}`);
  const done = await f.cli('db', 'shop', 'external', '--database-ca', both);
  assert.equal(done.code, 0, done.all);
  assert.deepEqual((await rows()).body, [{ id: 7 }]);
  assert.equal((await readFile(f.app('shop', 'database-authority.pem'), 'utf8')).match(/BEGIN CERTIFICATE/g).length, 2);
});

test('require is taken at its word and called unproved, and with channel binding it is a proof', async () => {
  const taken = async (options) => JSON.parse((await f.cli('db', 'shop', 'external', url(options), '--database-ca', 'public', '--json')).stdout);
  const loose = await taken('?sslmode=require');
  assert.deepEqual([loose.tls, loose.proof, loose.authority], [true, null, false]);
  assert.ok(loose.missing.some((words) => /no proof that the server is the one you mean/.test(words)), loose.missing.join());
  assert.match((await f.cli('status')).stdout, /by TLS, who answers is NOT PROVED/);
  const bound = await taken('?sslmode=require&channel_binding=require');
  assert.equal(bound.proof, 'channel_binding');
  assert.deepEqual((await rows()).body, [{ id: 7 }]);
  assert.ok(!existsSync(f.app('shop', 'database-authority.pem')));
});
