// SPDX-License-Identifier: Apache-2.0
//
// A newer edition of a PostgreSQL that was fetched: said, fetched beside, each app changes over and back. There is one edition
// to be had at a time, so what was fetched first is made to say that it is an earlier one. It fetches 60 MB four times, so it
// takes some minutes: node --test tests/long/postgres-update.mjs
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Freehold, folder, until } from '../system/freehold.mjs';
import { jobStands } from '../system/crash.mjs';

let f;
const majors = (...rest) => path.join(f.home, 'postgres', ...rest);
const fetched = async () => (await f.api('GET', '/v1/postgres')).body.fetched;
const cli = async (...words) => { const r = await f.cli(...words); assert.equal(r.code, 0, r.all); return r.stdout; };
const ask = (app, sql) => cli('db', app, 'psql', '--', '-XAtc', sql).then((text) => text.trim());
const program = (app) => readlinkSync(`/proc/${readFileSync(f.app(app, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]}/exe`);
const edition = (app) => /postgres\/(17\.\d+)\//.exec(program(app))[1];
const wereAway = (said) => { for (const app of ['one', 'two']) assert.match(said, new RegExp(`^${app}: PostgreSQL was away for`, 'm')); };
const warnings = async () => (await f.api('GET', '/v1/status')).body.warnings;

before(async () => {
  f = await Freehold.start();
  for (const app of ['one', 'two']) await cli('deploy', await folder({ 'index.html': '<!doctype html><title>17</title>',
    'supabase/migrations/20260101000000_start.sql': 'create extension vector; create table public.n (at vector(3)); alter table public.n enable row level security; insert into public.n values (\'[1,2,3]\')' }), '--app', app, '--postgres', '17');
});
after(async () => { await f?.end(); });

test('what was fetched is known, package by package, and is the newest', async () => {
  const [one] = await fetched();
  assert.match(one.packages['postgresql-17'], /^17\./);
  assert.ok(one.packages.libssl3t64 && one.packages.libc6, 'the libraries that it runs with too');
  assert.deepEqual([one.name, one.number, one.before, one.newer], ['17', 1, null, []]);
  assert.deepEqual(one.uses.map((u) => [u.app, u.part, u.number, u.is_behind]).sort(), [['one', 'postgres', 1, false], ['two', 'postgres', 1, false]]);
  assert.match(await cli('postgres', 'update'), /There is no newer edition/);
  assert.equal((await fetched())[0].number, 1);
});

test('a newer one is said, by the command, status and doctor', async () => {
  const list = majors('17.1/packages');
  writeFileSync(list, readFileSync(list, 'utf8').replace(/^postgresql-17 .*$/m, 'postgresql-17 17.0-1'));
  assert.match(await cli('postgres', 'look'), /newer +postgresql-17 17\.\S+ \(here: 17\.0-1\)/);
  assert.ok((await warnings()).some((w) => /newer edition of the PostgreSQL 17 .* here 17\.0-1; 1 package\): freehold postgres update/.test(w)), String(await warnings()));
  assert.match((await f.cli('doctor')).stdout, /newer edition of the PostgreSQL 17/);
});

test('it is fetched beside; an app changes over when it is told to, the other at its own time', async () => {
  await cli('postgres', 'update', '--later');
  assert.equal(readlinkSync(majors('17')), '17.2');
  assert.deepEqual([edition('one'), edition('two')], ['17.1', '17.1'], 'what runs goes on as it is');
  assert.equal((await warnings()).filter((w) => /still runs an earlier edition/.test(w)).length, 2);
  const said = await cli('db', 'one', 'renew');
  assert.match(said, /one: PostgreSQL was away for \d+ ms/);
  console.log(`# ${said.trim().split('\n').at(-1)}`);
  assert.deepEqual([edition('one'), edition('two')], ['17.2', '17.1']);
  assert.equal(await ask('one', 'select at from public.n'), '[1,2,3]');
  await cli('stop', 'two');
  await cli('start', 'two');
  assert.equal(edition('two'), '17.2');
  assert.deepEqual((await warnings()).filter((w) => /edition/.test(w)), []);
  assert.match(await cli('db', 'one', 'renew'), /runs the current edition already/);
});

test('back, one app after the other, and forth again', async () => {
  wereAway(await cli('postgres', 'back'));
  assert.deepEqual([edition('one'), edition('two')], ['17.1', '17.1']);
  assert.equal(await ask('two', 'select at from public.n'), '[1,2,3]');
  await cli('postgres', 'back');
  assert.deepEqual([edition('one'), edition('two')], ['17.2', '17.2']);
});

test('killed while PostgreSQL is away, the app has it again, of the edition that counts', async () => {
  await cli('postgres', 'back', '--later');
  await f.killDaemon();
  await f.startDaemon({ FREEHOLD_PAUSE_AT: 'renew:stopped' });
  const begun = await f.api('POST', '/v1/apps/one/db/renew', {});
  assert.equal(begun.status, 202, begun.text);
  await jobStands(f, 'renew:stopped');
  assert.ok(!existsSync(f.app('one', 'postgres/data/postmaster.pid')));
  await f.killDaemon();
  await f.startDaemon();
  const job = await until('it is over', async () => { const { body } = await f.api('GET', `/v1/jobs/${begun.body.id}`); return body.state !== 'running' && body; }, 60000);
  assert.equal(job.state, 'done');
  assert.equal(await ask('one', 'select at from public.n'), '[1,2,3]');
  assert.deepEqual([edition('one'), edition('two')], ['17.1', '17.2']);
  await cli('postgres', 'back');
  assert.deepEqual([edition('one'), edition('two')], ['17.2', '17.2']);
});

test('one that does not start is taken back', async () => {
  await cli('postgres', 'back', '--later');
  writeFileSync(majors('17.1/usr/lib/postgresql/17/bin/postgres'), '#!/bin/false\n');
  const refused = await f.cli('db', 'one', 'renew');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /did not start; the one before runs again/);
  assert.equal(readlinkSync(majors('17')), '17.2');
  assert.deepEqual([edition('one'), edition('two')], ['17.2', '17.2']);
  assert.equal(await ask('one', 'select at from public.n'), '[1,2,3]');
});

test('what nothing uses goes with the next update', async () => {
  const list = majors('17.2/packages');
  writeFileSync(list, readFileSync(list, 'utf8').replace(/^libc6 .*$/m, 'libc6 2.0-1'));
  await cli('postgres', 'update');
  assert.equal(edition('two'), '17.3');
  await until('the first is gone', () => !existsSync(majors('17.1')));
  assert.ok(existsSync(majors('17.2')), 'the way back');
});

// Its programs name the folder by the path it had, so that leads there still.
test('what an earlier Freehold fetched, without a number and a list, becomes one of them', async () => {
  for (const name of ['17', '17.before', '17.newest', '17.2', '17.3/packages']) rmSync(majors(name), { recursive: true });
  renameSync(majors('17.3'), majors('17'));
  symlinkSync('17', majors('17.3'));
  assert.equal((await fetched())[0].is_known, false);
  wereAway(await cli('postgres', 'update'));
  assert.deepEqual([edition('one'), edition('two')], ['17.4', '17.4']);
  assert.deepEqual([readlinkSync(majors('17')), readlinkSync(majors('17.before'))], ['17.4', '17.2']);
  assert.ok(!existsSync(majors('17.1')), 'nothing runs from it any more');
  await cli('postgres', 'back');
  assert.deepEqual([edition('one'), edition('two')], ['17.2', '17.2']);
  assert.equal(await ask('one', 'select at from public.n'), '[1,2,3]');
});
