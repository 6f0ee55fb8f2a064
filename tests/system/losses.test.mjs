// SPDX-License-Identifier: Apache-2.0
//
// A migration that takes rows away stops the deployment before anything has changed, until that is accepted. What is gone is
// seen on the copy that the migrations are tried on, so that a new name is no loss and a block hides none.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Freehold } from './freehold.mjs';
import { psql, source } from './crash.mjs';

let f, last;
const deploy = async (sql, ...words) => {
  const next = await source({ earlier: last.migrations, sql });
  const done = await f.cli('deploy', next.dir, '--app', 'shop', ...words);
  if (done.code === 0) last = next;
  return done;
};
const goes = async (sql, ...words) => { const done = await deploy(sql, ...words); assert.equal(done.code, 0, done.all); return done.all; };
const stops = async (sql, ...words) => {
  const live = await f.live('shop');
  const done = await deploy(sql, ...words);
  assert.notEqual(done.code, 0, done.all);
  assert.match(done.all, /--accept\s+schema-loss[^]*Nothing\s+was\s+changed/);
  assert.equal(await f.live('shop'), live);
  return done.all;
};
const columns = (table) => psql(f, 'shop', `select attname from pg_attribute where attrelid = 'public.${table}'::regclass and attnum > 0 and not attisdropped order by attnum`);
const count = async (table) => Number((await psql(f, 'shop', `select count(*) from public.${table}`))[0]);
const made = (name, rest) => `create table public.${name} (${rest}); alter table public.${name} enable row level security;`;

before(async () => {
  f = await Freehold.start();
  last = await source({ sql: `${made('notes', 'id int primary key, body text, mood text')} ${made('empty', 'id int')}` });
  await f.deploy(last.dir, 'shop');
  await psql(f, 'shop', "insert into public.notes values (1, 'one', null), (2, 'two', null)");
});
after(() => f?.end());

test('what has no rows or no values has nothing to lose, and a new name is no loss', async () => {
  assert.match(await goes('drop table public.empty'), /drops the table empty; there are no rows/);
  assert.match(await goes('alter table public.notes drop column mood'), /drops the column mood of notes; there are no rows/);
  assert.doesNotMatch(await goes('alter table public.notes rename to pages; alter table public.pages rename column body to words'), /This deployment (drops|empties)/);
  assert.deepEqual(await columns('pages'), ['id', 'words']);
});

test('a column with values stops it, in a block too; the one that is named may go', async () => {
  assert.match(await stops("do $$ begin execute 'alter table public.pages drop column ' || 'words'; end $$"), /drops the column words of pages, which has rows/);
  assert.deepEqual(await columns('pages'), ['id', 'words']);
  await stops('alter table public.pages drop column words', '--accept', 'schema-loss:public.pages.id');
});

test('a table made anew with its rows goes through; emptied or dropped it does not', async () => {
  await goes(`${made('pages_2', 'id int primary key, words text, at date')} insert into pages_2 select id, words from pages; drop table pages; alter table pages_2 rename to pages`);
  assert.equal(await count('pages'), 2);
  assert.match(await stops('truncate public.pages'), /empties the table pages/);
  assert.match(await stops('drop table public.pages'), /drops the table pages/);
  assert.equal(await count('pages'), 2);
  assert.match(await goes('drop table public.pages', '--accept', 'schema-loss:public.pages'), /drops the table pages, which has rows/);
  assert.match((await psql(f, 'shop', "select to_regclass('public.pages') is null"))[0], /t/);
});
