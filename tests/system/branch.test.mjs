// SPDX-License-Identifier: Apache-2.0
//
// Branches of an app's database: whole, without rows, a sample; made while the app writes; renewed, over, removed; killed
// at each step.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { Freehold, until } from './freehold.mjs';
import { jobStands, psql, source } from './crash.mjs';

let f;
const idle = () => until('no job runs', async () => f.store("select count(*) from job where state = 'running'") === '0', 90000);
const run = (...words) => f.cli('db', 'shop', 'branch', ...words);
const good = async (...words) => { const r = await run(...words); assert.equal(r.code, 0, `${words.join(' ')}: ${r.all}`); return r; };
const inside = async (name, sql) => (await good('psql', name, '-c', sql, '--', '-XAtq')).stdout.trim();
const branches = async () => (await f.api('GET', '/v1/apps/shop/db/branches')).body.branches;
const running = (name) => until(`${name} runs`, async () => (await branches()).some((b) => b.name === name && b.state === 'running'));
const folders = () => readdirSync(f.app('shop', 'postgres')).filter((n) => /^(branch|making|gone)-/.test(n)).sort();
const postmaster = (name) => Number(readFileSync(f.app('shop', `postgres/branch-${name}/data/postmaster.pid`), 'utf8').split('\n')[0]);

before(async () => {
  f = await Freehold.start();
  await f.deploy((await source()).dir, 'shop');
  await psql(f, 'shop', `create table public.people (id bigint generated always as identity primary key, friend bigint references public.people);
    create table public.orders (id int primary key, person bigint not null references public.people);
    insert into public.people (friend) select case when i > 1 then i - 1 end from generate_series(1, 3000) i;
    insert into public.orders select i, i % 3000 + 1 from generate_series(1, 5000) i;
    alter table public.people owner to postgres; alter table public.orders owner to postgres;
    insert into freehold_auth.mails (kind, recipient, subject, html, plain, next_attempt_at) values ('recovery', 'a@example.org', 's', 'h', 'p', now() + interval '1 day');
    create table public.pairs (a int, b int); alter table public.pairs owner to postgres;
    set role postgres; select cron.schedule('often', '1 second', 'insert into public.pairs values (-1, -1)')`);
});
after(() => f?.end());

test('a whole one is made while the app writes, in seconds, and is a database of its own', async () => {
  let writes = true, written = 0;
  const writer = (async () => { while (writes) { written++; await psql(f, 'shop', `begin; insert into public.pairs values (${written}, 1); insert into public.pairs values (${written}, 2); commit`); } })();
  const began = Date.now();
  const made = await good('create', 'try-1').finally(() => { writes = false; });
  assert.ok(Date.now() - began < 60000, `it took ${Date.now() - began} ms`);
  await writer;
  assert.match(made.stdout, /^Branch try-1 of shop is there \(full\), .* MB, in /m);
  assert.match(made.stdout, /host=\S+\/run\/shop\/branch\.try-1$/m);
  assert.ok(written > 3);
  assert.equal(await inside('try-1', 'select count(*) from public.pairs where a > 0 group by a having count(*) <> 2'), '', 'whole transactions only');
  assert.equal(await inside('try-1', 'select count(*) from public.orders'), '5000');
  await good('psql', 'try-1', '-c', 'drop table public.orders');
  assert.deepEqual(await psql(f, 'shop', 'select count(*) from public.orders'), ['5000']);
  assert.notEqual((await run('psql', 'try-1', '--read-only', '-c', 'drop table public.people')).code, 0);
});

test('it archives nothing, has no network and runs no jobs', async () => {
  for (const [setting, value] of [['archive_mode', 'off'], ['listen_addresses', ''], ['fsync', 'on'], ['archive_command', '(disabled)']])
    assert.equal(await inside('try-1', `show ${setting}`), value, setting);
  // Not even its superuser has a way round it: what the daemon says is stronger.
  const socket = (await good('url', 'try-1')).stdout.trim().replace(/.*host=/, '');
  const { uid, gid } = statSync(f.app('shop', 'postgres/data'));
  const pid = postmaster('try-1');
  execFileSync('psql', ['-XAtq', '-h', socket, '-U', 'supabase_admin', '-d', 'postgres', '-c', 'alter system set archive_mode = on'], { uid, gid, cwd: '/', stdio: 'pipe' });
  process.kill(pid, 'SIGKILL');
  await until('it runs again', async () => { await running('try-1'); return existsSync(f.app('shop', 'postgres/branch-try-1/data/postmaster.pid')) && postmaster('try-1') !== pid; });
  await until('it answers', async () => (await run('psql', 'try-1', '-c', 'select 1')).code === 0);
  assert.equal(await inside('try-1', 'show archive_mode'), 'off');
  assert.notEqual(readlinkSync(`/proc/${postmaster('try-1')}/ns/net`), readlinkSync('/proc/self/ns/net'));
  assert.equal(readFileSync(`/proc/${postmaster('try-1')}/net/dev`, 'utf8').trim().split('\n').filter((l) => /^\s*(?!lo:)\w+:/.test(l)).length, 0);
  // The job goes on in the app, and not in the branch.
  const ran = async () => Number((await psql(f, 'shop', 'select count(*) from public.pairs where a = -1'))[0]);
  const then = await ran(), there = await inside('try-1', 'select count(*) from public.pairs where a = -1');
  await until('the job ran twice more', async () => await ran() >= then + 2);
  assert.equal(await inside('try-1', 'select count(*) from public.pairs where a = -1'), there);
  assert.equal(await inside('try-1', 'select is_paused from freehold_jobs.state'), 't');
  const waits = "select count(*) from freehold_auth.mails where state = 'waiting'";
  assert.deepEqual(await psql(f, 'shop', waits), ['1']);
  execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-U', 'supabase_admin', '-d', 'postgres', '-c', `do $$begin if exists (select from freehold_auth.mails) then raise 'a mail waits'; end if; end$$`], { uid, gid, cwd: '/', stdio: 'pipe' });
});

test('a sample, one without rows, a list; renewed and deleted', async () => {
  assert.match((await good('create', 'some', '--sample', '5%', '--days', '0')).stdout, /\(5% of each table\)[^]*rows of \d+ tables/);
  const orders = Number(await inside('some', 'select count(*) from public.orders'));
  assert.ok(orders > 100 && orders < 700, `${orders}`);
  assert.equal(await inside('some', 'select count(*) from public.orders o left join public.people p on p.id = o.person where p.id is null'), '0');
  await good('create', 'bare', '--schema-only');
  assert.equal(await inside('bare', 'select count(*) from public.orders'), '0');
  const list = await branches();
  assert.deepEqual(list.map((b) => [b.name, b.kind, b.sample, b.days, b.state]),
    [['bare', 'schema', null, 30, 'running'], ['some', 'sample', '5%', 0, 'running'], ['try-1', 'full', null, 30, 'running']]);
  assert.ok(list.every((b) => b.bytes > 10e6 && b.age_ms < 120000));
  assert.match((await good('list')).stdout, /^some +5% of each table +\S.*deleted +running$/m);
  const events = (await good('reset', 'try-1', '--json')).stdout.trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual(events.filter((e) => e.event === 'step' && e.state === 'done').map((e) => e.step), ['room', 'copy', 'quiet', 'put', 'start']);
  assert.equal(events.at(-1).job.result.kind, 'full');
  assert.equal(await inside('try-1', 'select count(*) from public.orders'), '5000');
  assert.match((await good('reset', 'some', '--sample', '10')).stdout, /10 rows a table/);
  assert.match((await good('delete', 'some')).stdout, /^Branch some of shop is gone, and its .* MB/m);
  assert.deepEqual(folders(), ['branch-bare', 'branch-try-1']);
});

test('it outlives the daemon, stops and starts with its app, and goes when its days are over', async () => {
  const pid = postmaster('try-1');
  await f.killDaemon();
  await f.startDaemon();
  await running('try-1');
  assert.equal(postmaster('try-1'), pid, 'the same process');
  await f.cli('stop', 'shop');
  assert.ok((await branches()).every((b) => b.state === 'stopped'));
  assert.match((await run('create', 'more')).stderr, /freehold start shop/);
  await f.cli('start', 'shop');
  await running('try-1');
  await running('bare');
  await good('reset', 'bare', '--days', '0');
  f.store("insert into home_setting values ('clock_offset_ms', 31 * 86400000)");
  await until('the days of try-1 are over', async () => folders().join() === 'branch-bare', 60000);
  f.store("delete from home_setting where name = 'clock_offset_ms'");
});

test('what cannot be is refused in words', async () => {
  await idle();
  for (const [words, said] of [[['create', 'bare'], /has a branch bare already/], [['create', 'Try'], /no name for a branch/], [['create', 'x'.repeat(21)], /no name for a branch/],
    [['create', 'a', '--sample', '0%'], /is no sample/], [['create', 'a', '--sample', '101%'], /is no sample/], [['create', 'a', '--sample', '1.5'], /is no sample/],
    [['create', 'a', '--sample', '5%', '--schema-only'], /one of/], [['create', 'a', '--days', 'x'], /--days is/], [['create', 'a', '--days', '99999'], /1 to 3650/],
    [['delete', 'none'], /no branch none/], [['reset', 'none'], /no branch none/], [['psql', 'none'], /no branch none/], [['crate', 'a'], /did you mean create/], [['create'], /it is: freehold db shop branch create NAME/]]) {
    const r = await run(...words);
    assert.notEqual(r.code, 0, words.join(' '));
    assert.match(r.stderr, said);
  }
});

// CRASH_ALL=1: every point; else those where something is half done.
const points = [['create', 'quiet:branch', false], ['reset', 'put:renamed', true], ['delete', 'remove:renamed', true],
  ...(process.env.CRASH_ALL ? [['create', 'room:branch', false], ['create', 'copy:branch', false], ['create', 'put:branch', false], ['create', 'put:renamed', true], ['create', 'start:branch', true],
    ['reset', 'copy:branch', false], ['reset', 'put:stopped', false], ['reset', 'start:branch', true], ['delete', 'stop:branch', true], ['delete', 'remove:branch', true]] : [])];
for (const [verb, point, isDone] of points)
  test(`killed at ${point} of ${verb}, there is the one state or the other and nothing between`, async () => {
    await idle();
    if (verb !== 'create') { await run('create', 'cut'); await good('psql', 'cut', '-c', 'create table public.mine ()'); }
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: point });
    await until('PostgreSQL runs', async () => (await f.api('GET', '/v1/apps/shop')).body.processes.every((p) => p.state === 'running'), 40000);
    await idle();
    const begun = verb === 'delete' ? await f.api('DELETE', '/v1/apps/shop/db/branches/cut')
      : await f.api('POST', `/v1/apps/shop/db/branches${verb === 'reset' ? '/cut/reset' : ''}`, verb === 'reset' ? {} : { name: 'cut' });
    assert.equal(begun.status, 202, begun.text);
    await jobStands(f, point);
    await f.killDaemon();
    await f.startDaemon();
    await idle();
    assert.equal(f.store(`select state from job where id = ${begun.body.id}`), isDone ? 'done' : 'interrupted');
    const isThere = verb === 'reset' || (verb === 'create' && isDone);
    assert.deepEqual(folders(), isThere ? ['branch-bare', 'branch-cut'] : ['branch-bare']);
    await until('nothing half made runs', async () => !(await f.processes()).some((p) => /postgres\/(making|gone)-/.test(p.command)), 10000);
    if (isThere) {
      await running('cut');
      assert.equal(await inside('cut', "select to_regclass('public.mine') is not null"), verb === 'reset' && !isDone ? 't' : 'f', 'the one state or the other');
      await good('delete', 'cut');
    }
  });

test('it is destroyed with its app', async () => {
  await idle();
  const pid = postmaster('bare');
  assert.equal((await f.cli('destroy', 'shop', '--confirm', 'shop')).code, 0);
  assert.equal(existsSync(f.app('shop')), false);
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.deepEqual((await f.processes()).filter((p) => /postgres/.test(p.command)), []);
});
