// SPDX-License-Identifier: Apache-2.0
//
// The day of moving: a copy that can be tried while the old app is written to, the last copy while it stands still, and back. Nothing
// that the old place acknowledged is missing; whatever fails, the old place can be written to again.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { Freehold, example, until } from './freehold.mjs';
import { Bare } from './import/bare.mjs';

let f, b;
const ask = (sql) => f.ask('site', sql);
const move = (...words) => f.cli('move', 'site', ...words);
const journal = async () => (await f.api('GET', '/v1/apps/site/db/import')).body;

// Commits numbered rows as PostgREST does, each in a transaction that says READ WRITE, until it is refused or told to end.
class Writer {
  constructor(number) {
    Object.assign(this, { next: number * 1e6, acknowledged: [], refused: '', running: true });
    const child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', b.url()], { stdio: 'pipe' });
    let said = '';
    const send = () => {
      if (!this.running) return child.stdin.end();
      child.stdin.write(`begin transaction read write; insert into public.moved values (${++this.next}); commit; select ${this.next};\n`);
    };
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk) => {
      said += chunk;
      for (let end; (end = said.indexOf('\n')) >= 0; said = said.slice(end + 1)) { this.acknowledged.push(Number(said.slice(0, end))); setTimeout(send, 1); }
    });
    child.stderr.on('data', (chunk) => { this.refused += chunk; });
    this.ended = new Promise((resolve) => child.on('exit', resolve));
    send();
  }
  async end() { this.running = false; await this.ended; return this; }
}
const writes = async () => { const w = new Writer(9e3 + Math.floor(Math.random() * 1e3)); await until('it writes or is refused', () => w.acknowledged.length > 0 || w.refused); await w.end(); return !w.refused; };

before(async () => {
  b = await Bare.project();
  await b.psql('alter role postgres superuser; create table public.moved (id bigint primary key); alter table public.moved owner to postgres');
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
});
after(async () => {
  await f?.end();
  await b?.stop();
});

test('a copy to try, while the old place goes on', async () => {
  assert.match((await move()).stdout, /Nothing of site is being moved/);
  assert.match((await move('--finish')).stderr, /site is not being moved/);
  const writer = new Writer(1);
  const done = await move('-', { input: `${b.url()}\n` });
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /freehold move site --finish/);
  assert.equal(await ask('select count(*) from notes'), '3000');
  const soFar = writer.acknowledged.length;
  await until('the old place is still written to', () => writer.acknowledged.length > soFar);
  await writer.end();
  assert.equal(writer.refused, '');
  assert.doesNotMatch(done.all + await readFile(f.app('site', 'import/journal.json'), 'utf8') + JSON.stringify(await journal()), /let-me-in/);
});

test('the last copy, while it is written to: no row is lost, the old place refuses', async () => {
  const writers = [2, 3, 4].map((n) => new Writer(n));
  await until('they write', () => writers.every((w) => w.acknowledged.length > 5));
  const done = await move('--finish');
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /has moved.*stood still for \d/s);
  for (const w of writers) {
    await w.ended;
    assert.match(w.refused, /this app is being moved to another server/);
    assert.equal(await ask(`select count(*) from moved where id between ${w.acknowledged[0]} and ${w.acknowledged.at(-1)}`), String(w.acknowledged.length));
  }
  assert.equal(await ask('select count(*) from moved'), await b.psql('select count(*) from moved'), 'and none is here that is not there');
  assert.equal(await ask("select count(*) from pg_trigger where tgname = 'freehold_move'"), '0');
  assert.equal(await writes(), false);
  const state = await journal();
  assert.ok(state.held && state.report.held > 10 && state.report.held_ms > 0, JSON.stringify(state));
  assert.match((await move('--finish')).stderr, /was moved already/);
});

test('back: the old place can be written to', async () => {
  const back = await move('--back');
  assert.equal(back.code, 0, back.all);
  assert.equal(await writes(), true);
  assert.equal(await b.psql("select count(*) from pg_namespace where nspname = 'freehold_move'"), '0');
  assert.match((await move()).stdout, /was taken back/);
  assert.equal((await journal()).options.url, undefined);
});

test('a last copy that fails, or is killed, lets the old place go on', async () => {
  assert.equal((await move(b.url(), '--replace')).code, 0);
  await b.psql('create role accounting; grant select on public.notes to accounting');
  const failed = await move('--finish');
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /role "accounting" does not exist[^]*Again: freehold move site --finish/);
  assert.equal(await writes(), true);
  await b.psql('drop owned by accounting; drop role accounting');
  // Had the old place been out of reach then, only the journal would know that it is to be let go.
  const file = f.app('site', 'import/journal.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), held: true }));
  const other = await f.cli('db', 'site', 'import', b.url(), '--replace');
  assert.match(other.stderr, /may still refuse writes.*freehold move site --back/);
  assert.match((await move()).stdout, /may still refuse writes/);
  for (const kill of ['daemon', 'worker']) {
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: 'hold:held' });
    const from = (await readFile(f.log, 'utf8')).length;
    const child = move('--finish');
    await until('the source is held', async () => (await readFile(f.log, 'utf8')).slice(from).includes('paused at hold:held'));
    assert.equal(await writes(), false);
    if (kill === 'worker') {
      const [worker] = (await f.processes()).filter((p) => p.command.includes('--import site'));
      process.kill(worker.pid, 'SIGKILL');
    } else {
      await f.killDaemon();
      await f.startDaemon();
    }
    await child;
    await until('the old place can be written to', writes);
    assert.equal((await journal()).state, 'interrupted');
  }
  await f.killDaemon();
  await f.startDaemon();
  const done = await move('--finish');
  assert.equal(done.code, 0, done.all);
  assert.equal(await ask('select count(*) from moved'), await b.psql('select count(*) from moved'));
});

test('what the former databases still had to archive holds up nothing', async () => {
  await until('nothing waits for the backups', async () => (await readdir(f.app('site', 'postgres/archive/1.queue')).catch(() => [])).length === 0, 30000);
  assert.doesNotMatch(await readFile(f.log, 'utf8'), /do not match stanza/);
});
