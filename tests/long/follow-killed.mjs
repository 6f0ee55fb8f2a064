// SPDX-License-Identifier: Apache-2.0
//
// A move whose source is followed, killed (freeholdd and all that runs for it) at every stage: nothing is left at the source for long, the
// old place can be written to again, and the move goes on. Two minutes. With MAJOR=17 the app's database is of that one.
//
//     node --test tests/long/follow-killed.mjs
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Freehold, example, until } from '../system/freehold.mjs';
import { Writer, made, startSource, writable } from '../system/import/followed.mjs';

let f, b;
const ask = (sql) => f.ask('site', sql);
const move = (...words) => f.cli('move', 'site', ...words);
const journal = async () => (await f.api('GET', '/v1/apps/site/db/import')).body;

before(async () => {
  b = await startSource();
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site', ...(process.env.MAJOR ? ['--postgres', process.env.MAJOR] : []));
});
after(async () => {
  await f?.end();
  await b?.stop();
});

test('a kill of all of it, wherever, leaves nothing at the source for long, and loses nothing', async () => {
  const writer = new Writer(b, 8);
  const killAt = async (point, ...words) => {
    await f.killDaemon();
    await f.startDaemon({ FREEHOLD_PAUSE_AT: point });
    const from = (await readFile(f.log, 'utf8')).length;
    const child = words.length > 0 ? move(...words) : null;
    await until(point, async () => (await readFile(f.log, 'utf8')).slice(from).includes(`paused at ${point}`));
    await f.killDaemon();
    await f.startDaemon();
    await child;
  };
  for (const point of ['follow:published', 'follow:copied']) {
    await killAt(point, b.url(), '--replace');
    await until(`nothing is left after ${point}`, async () => (await made(b)) === '0');
  }
  assert.equal((await move(b.url(), '--replace')).code, 0);
  await killAt('follow:running');
  await until('it follows again', async () => (await journal()).following?.active);
  for (const point of ['follow:near', 'hold:held', 'follow:compared']) {
    await killAt(point, '--finish');
    await until(`the old place can be written to after ${point}`, () => writable(b));
    await until(`it follows again after ${point}`, async () => (await journal()).following?.active && (await journal()).following.state === 'following');
  }
  await writer.end();
  const last = new Writer(b, 9);
  await until('it writes', () => last.rows.size > 5);
  const done = await move('--finish');
  await last.ended;
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /followed/);
  const sql = 'select count(*), sum(hashtext(moved::text)::numeric) from public.moved';
  assert.equal(await ask(sql), await b.psql(sql));
  assert.equal(await made(b), '0');
  assert.equal((await move('--back')).code, 0);
  assert.equal((await move(b.url(), '--replace')).code, 0);
  await killAt('follow:parting', '--finish');
  await until('nothing is left', async () => (await made(b)) === '0');
  await until('the old place can be written to', () => writable(b));
  assert.equal((await move('--finish')).code, 0);
  assert.equal(await ask(sql), await b.psql(sql));
});
