// SPDX-License-Identifier: Apache-2.0
//
// Moving in: a database laid out as a Supabase project's, from a dump, from text, from its address, of PostgreSQL 15. The app works
// against it and people sign in with their old passwords. What is broken, unknown or cut off changes nothing.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, readFile, writeFile, mkdir, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, root, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';

let f, b, folder, dump;
const ask = (sql) => f.ask('site', sql);
const keys = async () => (await f.api('GET', '/v1/apps/site')).body.keys;
const report = async () => (await f.api('GET', '/v1/apps/site/db/import')).body;
const post = async (url, body, headers = {}) => f.get('site', url, { method: 'POST', body: JSON.stringify(body),
  headers: { apikey: (await keys()).publishable, 'content-type': 'application/json', ...headers } });
const signIn = (n) => post('/auth/v1/token?grant_type=password', { email: `person${n}@example.com`, password: `secret of ${n}` });
const untouched = async () => assert.equal(await ask('select string_agg(mine, \',\') from public.before_it'), 'still here');

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-import-'));
  b = await Bare.project();
  dump = path.join(folder, 'project.dump');
  await b.dump(dump, '-Fc');
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  await f.cli('db', 'site', 'psql', '-c', "create table public.before_it (mine text); insert into before_it values ('still here')");
});
after(async () => {
  await f?.end();
  await b?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('rows of the app\'s own are not set aside unless that is meant; a trial changes nothing', async () => {
  await until('PostgreSQL has counted', async () => (await ask("select n_live_tup from pg_stat_user_tables where relname = 'before_it'")) === '1');
  const refused = await f.cli('db', 'site', 'import', dump);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /rows of its own: .*before_it.*--replace/);
  const tried = await f.cli('db', 'site', 'import', dump, '--check');
  assert.equal(tried.code, 0, tried.all);
  assert.match(tried.stdout, /public\.notes +3000 +3000 +equal/);
  assert.match(tried.stdout, /Tables that are here now and not in what would come[^\n]*\n {2}public\.before_it\n/);
  assert.match(tried.stdout, /Nothing was changed/);
  await untouched();
});

test('what is cut off, unknown or owned by nobody is said, and nothing is half done', async () => {
  const whole = await readFile(dump);
  const cut = path.join(folder, 'cut.dump'), noise = path.join(folder, 'noise'), sql = path.join(folder, 'wrong.sql'), half = path.join(folder, 'half.sql'), passwd = path.join(folder, 'passwd');
  await writeFile(passwd, 'root:x:0:0:root:/root:/bin/bash\n');
  await writeFile(cut, whole.subarray(0, Math.floor(whole.length * 0.6)));
  await writeFile(noise, Buffer.from([0, 1, 2, 3, 255, 254, 7]));
  await writeFile(sql, 'create table public.a (x int);\ncreate extension if not exists nosuch with schema extensions;\n');
  await writeFile(half, 'CREATE TABLE public.a (x int);\nCOPY public.a (x) FROM stdin;\n1\n2\n');
  const cases = [[cut, /the dump is cut off/], [noise, /neither a dump of pg_dump/], [sql, /extension "nosuch" is not available/], [passwd, /passwd: the statement up to line 1: syntax error at or near "root": this is not SQL/], [half, /cut off in the middle of the rows of public\.a/]];
  for (const [file, words] of cases) {
    const result = await f.cli('db', 'site', 'import', file, '--replace');
    assert.notEqual(result.code, 0, file);
    assert.match(result.stderr, words);
    assert.match(result.stderr, /Nothing was changed/);
    await untouched();
  }
  assert.deepEqual(await readdir(f.app('site', 'clones')), []);
  const nobody = await f.cli('db', 'site', 'import', 'postgresql://postgres:wrong@127.0.0.1:' + b.port + '/postgres', '--replace');
  assert.match(nobody.stderr, /password authentication failed/);
  assert.doesNotMatch(nobody.all + await readFile(f.app('site', 'import/journal.json'), 'utf8'), /postgres:wrong/);
});

test('roles that are not here are named, and made when asked', async () => {
  await b.psql('create role accounting; grant create, usage on schema public to accounting; alter table public."Order Lines" owner to accounting; grant select on public.notes to accounting');
  const owned = path.join(folder, 'owned.dump');
  await b.dump(owned, '-Fc');
  const first = await f.cli('db', 'site', 'import', owned, '--replace');
  assert.notEqual(first.code, 0);
  assert.match(first.stderr, /role "accounting" does not exist.*--make-roles/s);
  await untouched();
  const second = await f.cli('db', 'site', 'import', '--resume', '--make-roles', '--check');
  assert.equal(second.code, 0, second.all);
  assert.deepEqual((await report()).report.made_roles, ['accounting']);
  assert.deepEqual((await report()).report.owners_mapped, ['accounting']);
  await untouched();
  await b.psql('reassign owned by accounting to postgres; drop owned by accounting; drop role accounting');
});

test('a dump is imported: tables, users with their passwords, policies, triggers, jobs', async () => {
  const done = await f.cli('db', 'site', 'import', dump, '--replace');
  assert.equal(done.code, 0, done.all);
  const r = (await report()).report;
  for (const t of r.tables) assert.equal(t.contents, 'equal', t.name);
  assert.equal(r.tables.find((t) => t.name === 'public.notes').rows, 3000);
  assert.equal(r.tables.find((t) => t.name === 'auth.users').columns_left_out, 'of_tomorrow');
  assert.deepEqual(r.secrets_left, ['stripe', '(without a name)']);
  assert.match(done.stdout, /could not come, since their key is in no dump.*\n +stripe\n/);
  assert.equal(await ask('select count(*) from vault.secrets'), '0');
  const signed = await signIn(3);
  assert.equal(signed.status, 200, signed.text);
  const headers = { apikey: (await keys()).publishable, authorization: `Bearer ${signed.body.access_token}` };
  const mine = await f.get('site', '/rest/v1/notes?select=id,body,profiles(name)&order=id&limit=2', { headers });
  assert.equal(mine.status, 200, mine.text);
  assert.deepEqual(mine.body[0].profiles, { name: 'Person 3' });
  const nobody = await f.get('site', '/rest/v1/notes?select=id', { headers: { apikey: (await keys()).publishable } });
  assert.deepEqual(nobody.body, []);
  assert.equal((await signIn(4)).status, 200);
  const wrong = await post('/auth/v1/token?grant_type=password', { email: 'person4@example.com', password: 'secret of 5' });
  assert.equal(wrong.status, 400);
  const joined = await post('/auth/v1/signup', { email: 'new@example.com', password: 'another secret', data: { name: 'New' } });
  assert.equal(joined.status, 200, joined.text);
  assert.equal(await ask("select name from profiles p join auth.users u using (id) where email = 'new@example.com'"), 'New');
  const added = await post('/rest/v1/notes?select=id', { owner: signed.body.user.id, body: 'one more' }, { ...headers, prefer: 'return=representation' });
  assert.equal(added.status, 201, added.text);
  assert.equal(added.body[0].id, 3001);
  assert.equal(await ask("select count(*) from pg_policies where schemaname = 'storage' and policyname like 'Avatars%'"), '2');
  assert.equal(await ask("select count(*) from pg_publication_tables where pubname = 'supabase_realtime' and tablename = 'notes'"), '1');
  assert.equal(await ask('select count(*) from reports.by_day'), '300');
  assert.equal(await ask("select string_agg(jobname, ',' order by jobname) from cron.job"), 'nightly,tidy');
  assert.equal(await ask('select nextval(\'auth.refresh_tokens_id_seq\') > 1'), 't');
  const same = await b.psql("select md5(string_agg(n::text, chr(10) order by id)) from (select id, owner, body, extra, tags, amount, day, raw, ratio, at at time zone 'UTC' as at from public.notes) n");
  assert.equal(await ask("select md5(string_agg(n::text, chr(10) order by id)) from (select id, owner, body, extra, tags, amount, day, raw, ratio, at at time zone 'UTC' as at from public.notes where id <= 3000) n"), same);
});

test('migrations that the source had applied are not run again', async () => {
  assert.equal(await ask("select string_agg(version, ',' order by version) from supabase_migrations.schema_migrations"), '20250101000000,20250202000000');
  await f.deploy(example('static-site'), 'site');
  assert.equal((await signIn(3)).status, 200);
});

test('back to the database as it was, and forward again', async () => {
  const back = await f.cli('db', 'site', 'import', '--undo');
  assert.equal(back.code, 0, back.all);
  await untouched();
  assert.equal((await f.cli('db', 'site', 'import', '--undo')).code, 0);
  assert.equal((await signIn(3)).status, 200);
});

test('from a running source, by its address typed unseen; old addresses rewritten', async () => {
  await b.psql('alter role postgres superuser'); /* the host gives its owner the right to read all that is his */
  const done = await f.cli('db', 'site', 'import', '-', '--replace', '--rewrite-urls', { input: `${b.url()}\n` });
  assert.equal(done.code, 0, done.all);
  assert.doesNotMatch(done.all + await readFile(f.app('site', 'import/journal.json'), 'utf8'), /let-me-in/);
  const here = `http://site.localhost:${f.port}`;
  assert.equal(await ask(`select count(*) from profiles where avatar_url like '${here}/storage/v1/object/public/%'`), '12');
  assert.match(await ask("select command from cron.job where jobname = 'nightly'"), new RegExp(`${here}/functions/v1/nightly`));
  assert.equal(await ask("select extra ->> 'link' from notes where id = 7"), `${here}/x`);
  assert.deepEqual((await report()).report.secrets, ['stripe', '(without a name)']);
  assert.equal(await ask("select string_agg(concat_ws(',', id, name, description, decrypted_secret), '|' order by id) from vault.decrypted_secrets"),
    'd0000000-0000-4000-8000-000000000001,stripe,for payments,sk_live_of_old|d0000000-0000-4000-8000-000000000002,,without a name: ä');
  assert.equal(await ask("select count(*) from vault.secrets where secret like '%c2tf%'"), '0');
  const old = (await report()).report.old_urls;
  assert.ok(old.some((o) => o.where === 'function public.old_place()' && !o.rewritten), JSON.stringify(old));
  assert.equal((await signIn(12)).status, 200);
});

test('as text and compressed; a folder of SQL files', async () => {
  const text = path.join(folder, 'project.sql'), packed = path.join(folder, 'project.dump.zst');
  await b.dump(text);
  execFileSync('zstd', ['-qf', dump, '-o', packed]);
  for (const file of [text, packed]) {
    const done = await f.cli('db', 'site', 'import', file, '--replace');
    assert.equal(done.code, 0, done.all);
    assert.equal((await signIn(2)).status, 200);
    assert.equal(await ask('select count(*) from notes'), '3000');
    assert.equal(await ask("select count(*) from cron.job"), '2');
    assert.match(JSON.stringify((await report()).report.secrets_left), file === text ? /2 of them/ : /stripe/);
  }
  const many = path.join(folder, 'many');
  await mkdir(many);
  await writeFile(path.join(many, '1.sql'), 'CREATE TABLE public.things (id int primary key, word text);\nalter table things enable row level security;\ncreate policy p on things for select using (true);');
  await writeFile(path.join(many, '2.sql'), "insert into things values (1, 'one'), (2, 'two');\n\\! touch " + folder + '/escaped\n');
  const done = await f.cli('db', 'site', 'import', many, '--replace');
  assert.equal(done.code, 0, done.all);
  const rows = await f.get('site', '/rest/v1/things?select=word&order=id', { headers: { apikey: (await keys()).publishable } });
  assert.deepEqual(rows.body, [{ word: 'one' }, { word: 'two' }], rows.text);
  assert.ok(!(await readdir(folder)).includes('escaped'));
});

test('killed in the middle of the switch, the new database is live and the former one set aside', async () => {
  const one = (await f.cli('db', 'site', 'psql', '-c', "create table public.before_it (mine text); insert into before_it values ('still here')"));
  assert.equal(one.code, 0, one.all);
  for (const [point, isNew] of [['restore:filled', false], ['switch:stopped', false], ['switch:exchanged', true]]) {
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: point });
    const child = f.cli('db', 'site', 'import', dump, '--replace');
    await until(`paused at ${point}`, async () => (await readFile(f.log, 'utf8')).includes(`paused at ${point}`));
    await f.killDaemon();
    await f.startDaemon();
    await child;
    await until('PostgreSQL runs', async () => (await ask('select 1')) === '1');
    if (isNew) assert.equal(await ask('select count(*) from notes'), '3000');
    else await untouched();
    assert.equal((await report()).state, isNew ? 'done' : 'interrupted');
  }
  // Killed while it goes back, what was set aside is not lost: it is aside still, or live.
  for (const [point, isBack] of [['switch:stopped', false], ['switch:exchanged', true]]) {
    const pauses = async () => (await readFile(f.log, 'utf8')).split(`paused at ${point}`).length;
    const earlier = await pauses();
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: point });
    const child = f.cli('db', 'site', 'import', '--undo');
    await until(`paused at ${point}`, async () => (await pauses()) > earlier);
    await f.killDaemon();
    await f.startDaemon();
    await child;
    await until('PostgreSQL runs', async () => (await ask('select 1')) === '1');
    if (isBack) await untouched();
    else assert.equal(await ask('select count(*) from notes'), '3000');
  }
  assert.equal((await f.cli('db', 'site', 'import', '--undo')).code, 0);
  assert.equal(await ask('select count(*) from notes'), '3000');
  assert.equal((await f.cli('db', 'site', 'import', '--undo')).code, 0);
  await untouched();
});
