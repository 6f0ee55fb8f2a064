// SPDX-License-Identifier: Apache-2.0
//
// Moving out: what freehold export writes is run with plain git, PostgreSQL and nginx, and gives the same answers.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, readFile, writeFile, chmod, cp, stat } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Freehold, example, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';

let f, folder, out, keys;
const ask = (sql) => f.ask('site', sql);
const call = (url, method, body, token, headers = {}) => f.get('site', url, { method, body,
  headers: { apikey: keys.publishable, authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers } });

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-out-'));
  await chmod(folder, 0o755);
  out = path.join(folder, 'site');
  f = await Freehold.start();
  await f.cli('env', 'site', 'set', 'STRIPE_SECRET=sk_never_to_be_seen');
  await f.deploy(example('static-site'), 'site');
  await f.cli('db', 'site', 'psql', '-c', `create table public.orders (id bigint generated always as identity primary key, who uuid references auth.users, what text, at timestamptz default now());
alter table orders enable row level security; create policy mine on orders for all to authenticated using (who = auth.uid()) with check (who = auth.uid());
insert into storage.buckets (id, name, public) values ('papers', 'papers', false), ('empty', 'empty', false); create policy papers on storage.objects for all to authenticated using (true) with check (true);`);
  keys = (await f.api('GET', '/v1/apps/site')).body.keys;
  const { body } = await call('/auth/v1/signup', 'POST', JSON.stringify({ email: 'ada@example.com', password: 'a long secret' }), keys.publishable);
  for (const what of ['tea', 'ä cup', 'a\ttab']) {
    const made = await call('/rest/v1/orders', 'POST', JSON.stringify({ who: body.user.id, what }), body.access_token);
    assert.equal(made.status, 201, made.text);
  }
  const put = await call('/storage/v1/object/papers/plans/one.txt', 'POST', 'the bytes of a file', body.access_token, { 'content-type': 'text/plain' });
  assert.equal(put.status, 200, put.text);
});
after(async () => {
  await f?.end();
  await rm(folder, { recursive: true, force: true });
});

test('everything is in one folder, and no secret value', async () => {
  const done = await f.cli('export', 'site', '--output', out);
  assert.equal(done.code, 0, done.all);
  for (const name of ['README.md', 'repo.bundle', 'database/database.dump', 'database/database.sql', 'database/roles.sql', 'site/public/index.html', 'nginx.conf', 'compose.yaml', 'env.names'])
    assert.ok((await stat(path.join(out, name))).size > 0, name);
  assert.equal(await readFile(path.join(out, 'storage/papers/plans/one.txt'), 'utf8'), 'the bytes of a file');
  const files = JSON.parse(await readFile(path.join(out, 'storage.json'), 'utf8'));
  assert.deepEqual(files.map((file) => file.path), ['papers/plans/one.txt']);
  assert.ok((await stat(path.join(out, 'storage/empty'))).isDirectory());
  assert.match(await readFile(path.join(out, 'README.md'), 'utf8'), /\n {4}mkdir -p tmp && nginx -p "\$PWD" -c nginx.conf\n/);
  assert.match(await readFile(path.join(out, 'env.names'), 'utf8'), /^STRIPE_SECRET=$/m);
  const found = await promisify(execFile)('grep', ['-rl', 'sk_never_to_be_seen', out]).catch((e) => e);
  assert.equal(found.code, 1);
  const again = await f.cli('export', 'site', '--output', out);
  assert.match(again.stderr, /is there already/);
});

test('git reads the source', async () => {
  execFileSync('git', ['clone', '-q', path.join(out, 'repo.bundle'), path.join(folder, 'source')]);
  assert.deepEqual(await readFile(path.join(folder, 'source/index.html')), await readFile(path.join(example('static-site'), 'index.html')));
});

test('PostgreSQL alone has the data, from the dump and from the text', async () => {
  const question = "select md5(string_agg(o::text, chr(10) order by id)) from (select id, who, what, at at time zone 'UTC' as at from public.orders) o";
  const wanted = await ask(question);
  const ways = [async (b) => b.as(['pg_restore', ...b.connection, '-U', 'supabase_admin', '-d', 'postgres', '--exit-on-error', path.join(folder, 'readable/database.dump')]),
    async (b) => b.file(path.join(folder, 'readable/database.sql'))];
  await cp(path.join(out, 'database'), path.join(folder, 'readable'), { recursive: true });
  execFileSync('chmod', ['-R', 'a+rX', path.join(folder, 'readable')]);
  for (const way of ways) {
    const b = await Bare.start();
    try {
      const roles = await b.as(['psql', '-Xq', ...b.connection, '-U', 'supabase_admin', '-d', 'postgres', '-f', path.join(folder, 'readable/roles.sql')]);
      assert.deepEqual(roles.stderr.split('\n').filter((line) => /ERROR/.test(line) && !/"supabase_admin" already exists/.test(line)), []);
      await way(b);
      assert.equal(await b.psql(question), wanted);
      assert.equal(await b.psql("select count(*) from auth.users where encrypted_password like '$2%'"), '1');
      assert.equal(await b.psql("set role authenticated; select set_config('request.jwt.claims', json_build_object('sub', (select who from public.orders limit 1))::text, false) is null; select count(*) from public.orders").then((t) => t.split('\n').at(-1)), '0');
    } finally {
      await b.stop();
    }
  }
});

test('nginx alone serves the site', async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const conf = path.join(out, 'nginx.conf');
  await writeFile(conf, (await readFile(conf, 'utf8')).replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`));
  execFileSync('chmod', ['-R', 'a+rX', out]); /* root's workers are nobody */
  const nginx = spawn('/usr/sbin/nginx', ['-p', out, '-c', conf, '-g', 'daemon off;'], { stdio: 'ignore' });
  try {
    const get = (url) => new Promise((resolve, reject) => http.get({ host: '127.0.0.1', port, path: url }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; }).on('end', () => resolve({ status: res.statusCode, text }));
    }).on('error', reject));
    await until('nginx answers', () => get('/').catch(() => null));
    for (const url of ['/', '/about.html', '/style.css']) assert.equal((await get(url)).text, (await f.get('site', url)).text, url);
  } finally {
    nginx.kill('SIGQUIT');
    await new Promise((resolve) => nginx.once('exit', resolve));
  }
});
