// SPDX-License-Identifier: Apache-2.0
//
// A database that is kept elsewhere: a PostgreSQL of the machine's own packages on a port of 127.0.0.1, with passwords, whose
// owner may make roles and databases and is no superuser, as hosts give it.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { mkdtemp, rm, mkdir, writeFile, readdir, readFile } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';
import { freePort } from './port.mjs';

const PASSWORD = 'never-to-be-seen/9';
const FIRST = `create table public.notes (id bigint generated always as identity primary key, owner uuid not null default auth.uid() references auth.users (id), body text not null);
alter table public.notes enable row level security;
create policy "their own" on public.notes for all to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
create function public.note_made() returns trigger language plpgsql security definer set search_path = '' as $$
begin insert into public.made (email) values (new.email); return new; end $$;
create table public.made (email text);
alter table public.made enable row level security;
create trigger on_user after insert on auth.users for each row execute function public.note_made();
alter publication supabase_realtime add table public.notes;
insert into storage.buckets (id, name, public) values ('pictures', 'pictures', false);
create policy "pictures" on storage.objects for select to authenticated using (bucket_id = 'pictures');`;

let f, bare, folder, site, keys, users = {};
const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
const url = (database = 'shop', password = PASSWORD, user = 'keeper', port = bare.port) =>
  `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
const rest = (token, query, options = {}) => f.get('shop', `/rest/v1/${query}`, { ...options, body: options.body && JSON.stringify(options.body),
  headers: { apikey: keys.anon, authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers } });
const migrate = (name, sql) => writeFile(path.join(site, 'supabase/migrations', name), sql);
const page = (words) => writeFile(path.join(site, 'index.html'), `<!doctype html><title>${words}</title><p>${words}</p>`);
const there = (sql) => bare.psql(sql, { database: 'shop' });

async function signUp(email) {
  const answer = await f.get('shop', '/auth/v1/signup', { method: 'POST', body: JSON.stringify({ email, password: 'a-long-password' }),
    headers: { apikey: keys.anon, 'content-type': 'application/json' } });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.access_token;
}

// As much of a WebSocket as one channel needs.
class Live {
  heard = [];
  static async open() {
    const live = new Live();
    const req = http.request({ host: '127.0.0.1', port: f.port, path: `/realtime/v1/websocket?apikey=${keys.anon}&vsn=1.0.0`,
      headers: { host: 'shop.localhost', connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' } });
    live.socket = await new Promise((resolve, reject) => req.on('upgrade', (_, socket) => resolve(socket)).on('response', (r) => reject(new Error(r.statusCode))).on('error', reject).end());
    let rest = Buffer.alloc(0);
    live.socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        const at = (rest[1] & 127) === 126 ? 4 : 2, size = at === 4 ? rest.length >= 4 && rest.readUInt16BE(2) : rest[1] & 127;
        if (rest.length < 2 || size === false || rest.length < at + size) return;
        if ((rest[0] & 15) === 1) live.heard.push(JSON.parse(rest.subarray(at, at + size)));
        rest = rest.subarray(at + size);
      }
    });
    return live;
  }

  send(event, payload) {
    const body = Buffer.from(JSON.stringify({ topic: 'realtime:room', event, ref: '1', join_ref: '1', payload }));
    this.socket.write(Buffer.concat([Buffer.from([129, 254, body.length >> 8, body.length & 255, 0, 0, 0, 0]), body]));
  }

  hears(what, is) { return until(`${what}: ${JSON.stringify(this.heard)}`, () => this.heard.find(is)); }
  close() { this.socket.destroy(); }
}

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-external-'));
  site = path.join(folder, 'site');
  await mkdir(path.join(site, 'supabase/migrations'), { recursive: true });
  await page('first');
  await migrate('20260101000000_first.sql', FIRST);
  bare = await Bare.start({ bin: `/usr/lib/postgresql/${version}/bin`, superuser: 'boss' });
  await bare.psql(`create role keeper login createrole createdb password '${PASSWORD}'`);
  await bare.psql("create role guest login password 'guest'");
  await bare.psql('create database shop owner keeper');
  await bare.psql('create database guests owner guest');
  f = await Freehold.start();
});
after(async () => {
  await f?.end();
  await bare?.stop();
  await rm(folder, { recursive: true, force: true });
});

// What a server of that version says before anybody asks it anything.
async function oldServer(answer) {
  const server = net.createServer((socket) => socket.once('data', () => {
    const message = (type, ...parts) => {
      const body = Buffer.concat(parts), head = Buffer.alloc(5);
      head.write(type), head.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    const read = (data) => {
      if (data.readInt32BE(4) === 80877103) return socket.write('N'), socket.once('data', read); // TLS? no
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), message('S', Buffer.from(`server_version\0${answer}\0`)), message('Z', Buffer.from('I'))]));
    };
    socket.write('N');
    socket.once('data', read);
  }).on('error', () => {}));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('what cannot be is told before anything is sent, and leaves no app behind', async () => {
  const refused = async (address, code, words) => {
    const tried = await f.cli('deploy', site, '--app', 'shop', '--database', address);
    assert.equal(tried.code, code, tried.all);
    assert.match(tried.stderr, words);
    assert.ok(!tried.all.includes(PASSWORD) && !tried.all.includes('9wrong'), tried.all);
  };
  const old = await oldServer('13.18');
  try {
    await refused(url('shop', '9wrong'), 6, /keeper: the user or the password is not accepted; take the address anew/);
    await refused(url('shop', PASSWORD, 'keeper', await freePort()), 8, /cannot be reached: .*refused.* Check host and port/s);
    await refused(url('nothing'), 3, /there is no database of that name/);
    await refused(url('guests', 'guest', 'guest'), 6, /may not create roles.*alter role guest createrole/s);
    await refused(url('shop', PASSWORD, 'keeper', old.address().port), 5, /is PostgreSQL 13\.18; Freehold works with 14 to 18\. Upgrade it/);
    await refused(`${url()}?sslmode=require`, 6, /has no TLS.*sslmode=disable/s);
    await refused(`${url()}?sslcert=/etc/passwd`, 2, /may not set sslcert/);
    await refused('postgresql://u:p@ep-x-pooler.example.neon.tech/d', 5, /pooler.*direct address/s);
    await refused('mysql://u:p@example.com/d', 2, /begins with postgresql:/);
  } finally {
    old.close();
  }
  await bare.psql('create database supa owner keeper');
  await bare.psql('create schema auth', { database: 'supa' });
  await refused(url('supa'), 5, /a Supabase project.*Move it instead/s);
  assert.deepEqual((await f.api('GET', '/v1/apps')).body.apps, []);
  assert.equal(await there("select count(*) from pg_roles where rolname in ('anon', 'freehold_owner')"), '0');
});

test('an app goes live on it: sign-up, and rows under row security', async () => {
  const done = await f.cli('deploy', site, '--app', 'shop', '--database', '-', { input: `${url()}\n` });
  assert.equal(done.code, 0, done.all);
  assert.ok(!done.all.includes(PASSWORD), done.all);
  assert.match(done.stdout, /Its database is elsewhere: 127\.0\.0\.1:\d+\/shop as keeper, PostgreSQL/);
  assert.match(done.stdout, /1 migration ran on a copy/);
  assert.match(done.stdout, /Freehold takes no\s+backup of it/);
  assert.match(done.stdout, /Live changes .* are not served/);
  assert.ok(!existsSync(f.app('shop', 'postgres/data')), 'a cluster of its own was made');
  ({ keys } = (await f.api('GET', '/v1/apps/shop')).body);
  keys.service = JSON.parse(await readFile(f.app('shop', 'backend.json'))).service_role_key;
  for (const name of ['ada', 'grace']) users[name] = await signUp(`${name}@example.com`);
  for (const name of ['ada', 'grace']) {
    const wrote = await rest(users[name], 'notes', { method: 'POST', body: { body: `of ${name}` }, headers: { prefer: 'return=representation' } });
    assert.equal(wrote.status, 201, wrote.text);
  }
  assert.deepEqual((await rest(users.ada, 'notes?select=body')).body, [{ body: 'of ada' }]);
  assert.deepEqual((await rest(keys.anon, 'notes?select=body')).body, []);
  assert.deepEqual((await rest(users.ada, 'made')).body, []);
  assert.deepEqual((await rest(keys.service, 'notes?select=body&order=id')).body, [{ body: 'of ada' }, { body: 'of grace' }]);
  assert.equal((await rest(users.ada, 'notes?body=eq.of%20grace', { method: 'DELETE' })).status, 204);
  assert.equal(await there('select count(*) from notes'), '2');
  assert.equal(await there('select string_agg(email, \' \' order by email) from made'), 'ada@example.com grace@example.com');
  assert.equal(await there("select string_agg(version, ' ') from supabase_migrations.schema_migrations"), '20260101000000');
  const put = await f.get('shop', '/storage/v1/object/pictures/a.txt', { method: 'POST', body: 'a picture',
    headers: { apikey: keys.service, authorization: `Bearer ${keys.service}`, 'content-type': 'text/plain' } });
  assert.equal(put.status, 200, put.text);
  const got = await f.get('shop', '/storage/v1/object/authenticated/pictures/a.txt', { headers: { apikey: keys.anon, authorization: `Bearer ${users.ada}` } });
  assert.equal(got.text, 'a picture');
});

test('a new migration is tried on a copy, applied and seen by the backend; a wrong one stops before it', async () => {
  await page('second');
  await migrate('20260102000000_wrong.sql', 'alter table public.nothing add column x int;');
  const wrong = await f.cli('deploy', site, '--app', 'shop');
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.all, /rehearse/);
  await migrate('20260102000000_wrong.sql', 'alter table public.notes add column stars int not null default 5;');
  const done = await f.cli('deploy', site, '--app', 'shop');
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /restore-point: done/);
  assert.deepEqual((await rest(users.ada, 'notes?select=body,stars')).body, [{ body: 'of ada', stars: 5 }]);
  const back = await f.cli('rollback', 'shop', '--yes');
  assert.equal(back.code, 0, back.all);
  assert.match((await f.get('shop', '/')).text, /first/);
  assert.equal((await rest(users.ada, 'notes?select=stars')).status, 200);
});

test('status says what is not promised, and what is about a cluster says what to do instead', async () => {
  const status = await f.cli('status');
  assert.match(status.stdout, /database elsewhere: 127\.0\.0\.1:\d+\/shop as keeper/);
  assert.match(status.stdout, /not promised: no backups/);
  assert.match(status.stdout, /If this server is lost, releases, settings and the files of storage are lost/);
  assert.doesNotMatch(status.stdout, /no backup yet|postgres {2}/);
  const app = (await f.api('GET', '/v1/apps/shop')).body;
  assert.ok(app.external.missing.length >= 4 && app.processes.every((p) => p.name !== 'postgres'), JSON.stringify(app));
  assert.ok(!JSON.stringify(app).includes(encodeURIComponent(PASSWORD)) && !JSON.stringify(app).includes(PASSWORD));
  for (const [words, said] of [[['backup'], /no backups are taken.*db shop dump/s], [['backups'], /no backups are taken/], [['drill'], /no backup to prove/],
    [['restore', '--to', 'now', '--yes'], /nothing can be restored.*where it is kept/s], [['branch', 'create', 'try'], /there are no branches/],
    [['pool'], /there is no pool/], [['settings'], /not Freehold's to make/], [['import', url()], /stop it first, so that no row is missed/]]) {
    const tried = await f.cli('db', 'shop', ...words);
    assert.notEqual(tried.code, 0, `${words}: ${tried.all}`);
    assert.match(tried.all, said, words.join(' '));
  }
  const asked = JSON.parse((await f.cli('db', 'shop', 'external', '--json')).stdout);
  assert.deepEqual(Object.keys(asked).sort(), ['at', 'authority', 'changes', 'missing', 'proof', 'sslmode', 'tls', 'version']);
});

test('psql, size, slow and dump go there, and tell nobody the password', async () => {
  const psql = await f.cli('db', 'shop', 'psql', '-c', "select current_user || ' ' || count(*) from notes", { env: { PGHOST: '/nowhere' } });
  assert.match(psql.stdout, /freehold_owner 2/, psql.all);
  const size = JSON.parse((await f.cli('db', 'shop', 'size', '--json')).stdout);
  assert.ok(size.tables.some((t) => t.name === 'public.notes') && size.wal_bytes === null, JSON.stringify(size));
  const file = path.join(folder, 'shop.dump');
  assert.equal((await f.cli('db', 'shop', 'dump', file)).code, 0);
  assert.ok(existsSync(file));
  const slow = await f.cli('db', 'shop', 'slow');
  assert.match(slow.all, /pg_stat_statements/);
  for (const name of await readdir(f.app('shop', 'logs'))) assert.ok(!(await readFile(f.app('shop', 'logs', name), 'utf8')).includes(PASSWORD), name);
  assert.ok(!(await readFile(f.log, 'utf8')).includes(PASSWORD));
});

test('whoever subscribes to changes is told that there are none, and broadcasts go on', async () => {
  const live = await Live.open();
  live.send('phx_join', { config: { broadcast: { self: true }, presence: {}, postgres_changes: [{ event: '*', schema: 'public', table: 'notes' }] }, access_token: users.ada });
  const told = await live.hears('postgres_changes is answered', (m) => m.event === 'system' && m.payload.extension === 'postgres_changes');
  assert.equal(told.payload.status, 'error');
  assert.match(told.payload.message, /not served here/);
  live.send('broadcast', { type: 'broadcast', event: 'hello', payload: { n: 1 } });
  assert.deepEqual((await live.hears('the broadcast', (m) => m.event === 'broadcast')).payload.payload, { n: 1 });
  live.close();
});

test('another password of the same database is taken while it is live; another database is not', async () => {
  await bare.psql("alter role keeper password 'another-one'");
  const before = (await f.api('GET', '/v1/apps/shop')).body.processes.find((p) => p.name === 'backend').pid;
  const other = await f.cli('db', 'shop', 'external', url('postgres', 'another-one'));
  assert.notEqual(other.code, 0, other.all);
  const same = await f.cli('db', 'shop', 'external', url('shop', 'another-one'));
  assert.equal(same.code, 0, same.all);
  assert.notEqual((await f.api('GET', '/v1/apps/shop')).body.processes.find((p) => p.name === 'backend').pid, before);
  assert.equal((await rest(users.ada, 'notes?select=body')).status, 200);
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  assert.equal((await f.cli('start', 'shop')).code, 0);
  assert.deepEqual((await rest(users.ada, 'notes?select=body')).body, [{ body: 'of ada' }]);
  const own = await f.cli('deploy', site, '--app', 'shop');
  assert.equal(own.code, 0, own.all);
});

const IDLE = ['idle_session_timeout', 'idle_in_transaction_session_timeout'], pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
test('a host that ends idle sessions ends none of Freehold\'s: requests, a notice of a new table and broadcasts go on', async () => {
  for (const name of IDLE) await bare.psql(`alter database shop set ${name} = '300ms'`);
  const ours = "from pg_stat_activity where usename like 'fh\\_shop\\_%' and usename not like '%\\_changes'";
  const open = async () => (await bare.psql(`select pid ${ours}`)).split('\n');
  await bare.psql(`select count(pg_terminate_backend(pid, 5000)) ${ours}`);
  const live = await Live.open();
  live.send('phx_join', { config: { broadcast: { self: true }, presence: {} }, access_token: users.ada });
  await live.hears('joined', (m) => m.event === 'phx_reply' && m.payload.status === 'ok');
  await until('the backend listens again', async () => (await rest(users.ada, 'notes?limit=1')).status === 200
    && (await bare.psql(`select count(*) ${ours} and query like 'LISTEN%'`)) !== '0');
  const before = await open();
  for (let i = 0; i < 4; i++) {
    await pause(700);
    assert.equal((await rest(users.ada, 'notes', { method: 'POST', body: { body: `idle ${i}` } })).status, 201);
    assert.equal((await rest(users.ada, 'notes?body=like.idle*')).body.length, i + 1);
  }
  const after = await open();
  assert.deepEqual(before.filter((pid) => !after.includes(pid)), [], 'all of them are the same sessions');
  await there('create table public.later (id int primary key); grant select on public.later to authenticated');
  await there("notify pgrst, 'reload schema'");
  await until('the table is seen', async () => (await rest(users.ada, 'later')).status === 200);
  live.send('broadcast', { type: 'broadcast', event: 'said', payload: { n: 1 } });
  await live.hears('what was said', (m) => m.event === 'broadcast' && m.payload.payload.n === 1);
  live.close();
  await there('drop table public.later');
  assert.equal((await rest(users.ada, 'notes?body=like.idle*', { method: 'DELETE' })).status, 204);
});

test('changes are served where a replication slot can be made', async () => {
  const reader = await there("select rolname from pg_roles where rolname like 'fh\\_shop\\_%\\_changes'");
  assert.ok((await f.api('GET', '/v1/apps/shop')).body.external.changes.includes(`alter role "${reader}" replication`));
  await bare.psql(`alter role "${reader}" replication`);
  const done = await f.cli('deploy', site, '--app', 'shop');
  assert.doesNotMatch(done.stdout, /Live changes/, done.all);
  assert.equal((await f.api('GET', '/v1/apps/shop')).body.external.changes, null);
  const live = await Live.open();
  live.send('phx_join', { config: { broadcast: {}, presence: {}, postgres_changes: [{ event: 'INSERT', schema: 'public', table: 'notes' }] }, access_token: users.ada });
  await live.hears('changes are subscribed to', (m) => m.event === 'system' && m.payload.extension === 'postgres_changes' && m.payload.status === 'ok');
  await pause(700); // longer than a session may be idle here
  assert.equal((await rest(users.ada, 'notes', { method: 'POST', body: { body: 'heard' } })).status, 201);
  const heard = await live.hears('the change', (m) => m.event === 'postgres_changes');
  assert.equal(heard.payload.data.record.body, 'heard');
  live.close();
  assert.equal((await rest(users.ada, 'notes?body=eq.heard', { method: 'DELETE' })).status, 204);
  await bare.psql(`alter role "${reader}" noreplication`); // before PostgreSQL 16 only a superuser changes one that has it
  for (const name of IDLE) await bare.psql(`alter database shop reset ${name}`);
});

test('destroy leaves the data, and closes the way in', async () => {
  const login = await there("select string_agg(rolname, ' ') from pg_roles where rolname like 'fh\\_%' and rolcanlogin");
  assert.match(login, /^fh_shop_[a-z0-9]{6}/);
  const gone = await f.cli('destroy', 'shop', '--confirm', 'shop');
  assert.equal(gone.code, 0, gone.all);
  assert.match(gone.stdout, /Its database stays, with all that is in it: 127\.0\.0\.1:\d+\/shop as keeper/);
  assert.equal(await there('select count(*) from notes'), '2');
  assert.equal(await there('select count(*) from auth.users'), '2');
  assert.equal(await there("select count(*) from pg_roles where rolname like 'fh\\_%' and rolcanlogin"), '0');
  const again = await f.cli('deploy', site, '--app', 'shop', '--database', url('shop', 'another-one'));
  assert.equal(again.code, 0, again.all);
  ({ keys } = (await f.api('GET', '/v1/apps/shop')).body);
  const back = await f.get('shop', '/auth/v1/token?grant_type=password', { method: 'POST', headers: { apikey: keys.anon, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'a-long-password' }) });
  assert.deepEqual((await rest(back.body.access_token, 'notes?select=body')).body, [{ body: 'of ada' }]);
});

test('an import gives it a database of its own, with all that was there', async () => {
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  const moved = await f.cli('db', 'shop', 'import', url('shop', 'another-one'));
  assert.equal(moved.code, 0, moved.all);
  assert.ok(existsSync(f.app('shop', 'postgres/data/PG_VERSION')));
  assert.equal((await f.cli('start', 'shop')).code, 0);
  const back = await f.get('shop', '/auth/v1/token?grant_type=password', { method: 'POST', headers: { apikey: keys.anon, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: 'a-long-password' }) });
  assert.equal(back.status, 200, back.text);
  const wrote = await rest(back.body.access_token, 'notes', { method: 'POST', body: { body: 'at home' } });
  assert.equal(wrote.status, 201, wrote.text);
  assert.deepEqual((await rest(back.body.access_token, 'notes?select=body&order=id')).body, [{ body: 'of ada' }, { body: 'at home' }]);
  assert.equal(await there('select count(*) from notes'), '2');
  const app = (await f.api('GET', '/v1/apps/shop')).body;
  assert.ok(app.external === undefined && app.processes.some((p) => p.name === 'postgres'), JSON.stringify(app));
  const again = await f.cli('db', 'shop', 'external', url('shop', 'another-one'));
  assert.match(again.stderr, /has a database of its own here, with its rows/);
});
