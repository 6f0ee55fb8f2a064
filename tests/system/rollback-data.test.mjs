// SPDX-License-Identifier: Apache-2.0
//
// Rollback and the database: whether an older release can live with the newer schema is said, and with --with-data its data
// comes back too, after what would be lost was shown.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Freehold, until } from './freehold.mjs';
import { psql, source } from './crash.mjs';

let f, first, second;
const page = async () => /<title>(\d+)/.exec((await f.get('shop', '/')).text)?.[1];
const cli = async (...words) => { const r = await f.cli(...words); assert.equal(r.code, 0, `${words.join(' ')}: ${r.all}`); return r.stdout; };
const ids = async () => (await psql(f, 'shop', 'select id from public.orders order by id')).map(Number);
const hasTable = async (name) => (await psql(f, 'shop', `select to_regclass('public.${name}') is not null`))[0] === 't';

before(async () => {
  f = await Freehold.start();
  first = await source({ sql: 'create table public.orders (id int primary key); alter table public.orders enable row level security; create table public.old_prices (id int); alter table public.old_prices enable row level security; insert into old_prices values (1);' });
  await f.deploy(first.dir, 'shop');
  await until('a backup', async () => (await f.api('GET', '/v1/apps/shop/db/backups')).body.places[0].backups.length > 0, 60000);
  await psql(f, 'shop', 'insert into public.orders values (1), (2)');
});
after(() => f?.end());

test('migrations that only add are said to do no harm', async () => {
  second = await source({ earlier: first.migrations });
  assert.equal(await f.deploy(second.dir, 'shop'), 2);
  await psql(f, 'shop', 'insert into public.orders values (3)');
  const said = await cli('rollback', 'shop', '1', '--yes');
  assert.match(said, /keeps the 3 migrations that came after release 1.*They only add to it/s);
  assert.equal(await page(), first.versions[0]);
  assert.doesNotMatch(await cli('rollback', 'shop', '2', '--yes'), /migrations that came after/);
});

test('one that takes something away is named, with the way back', async () => {
  const third = await source({ earlier: second.migrations, sql: 'drop table public.old_prices;' });
  const losing = await f.cli('deploy', third.dir, '--app', 'shop', '--accept', 'schema-loss:public.old_prices');
  assert.equal(losing.code, 0, losing.all);
  assert.match(losing.all, /Of the migrations one drops the table old_prices\..*restore --point before-3 --inspect/s);
  assert.equal(await page(), third.versions[0]);
  await psql(f, 'shop', 'insert into public.orders values (4)');
  const said = await cli('rollback', 'shop', '2', '--yes');
  assert.match(said, /may not work with them: since then one .*old_prices.*rollback shop 2 --with-data/s);
  assert.equal(await hasTable('old_prices'), false);
  await cli('rollback', 'shop', '3', '--yes');
});

test('with its data: shown first, nothing changed where nobody agrees, then both come back', async () => {
  const before = { orders: await ids(), page: await page() };
  assert.deepEqual(before.orders, [1, 2, 3, 4]);
  const refused = await f.cli('rollback', 'shop', '2', '--with-data');
  assert.equal(refused.code, 4, refused.all);
  assert.match(refused.stdout, /public\.orders +3 +4 /);
  assert.match(refused.stdout, /would be lost/);
  assert.match(refused.stderr, /nothing was changed.*--yes/s);
  assert.deepEqual({ orders: await ids(), page: await page() }, before);

  const said = await cli('rollback', 'shop', '2', '--with-data', '--yes');
  assert.match(said, /shop is back at release 2 .*with its data\.\n/);
  assert.doesNotMatch(said, /The database/);
  await until('release 2 is served', async () => (await page()) === second.versions[0]);
  assert.deepEqual(await ids(), [1, 2, 3]);
  assert.equal(await hasTable('old_prices'), true, 'what the migration took away is there again');

  // The data's way back is undone by itself.
  await cli('db', 'shop', 'restore', '--undo');
  assert.deepEqual(await ids(), [1, 2, 3, 4]);
});

test('the data of a release that is live already', async () => {
  const said = await cli('rollback', 'shop', '2', '--with-data', '--yes');
  assert.match(said, /Release 2 was live already; its data is back/);
  assert.deepEqual(await ids(), [1, 2, 3]);
  assert.equal(await page(), second.versions[0]);
  await cli('db', 'shop', 'restore', '--undo');
  assert.deepEqual(await ids(), [1, 2, 3, 4]);
});

test('without a number, and to a release that is not there', async () => {
  const missing = await f.cli('rollback', 'shop', '--with-data', '--yes');
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /needs the number of a release/);
  const unknown = await f.cli('rollback', 'shop', '99', '--with-data', '--yes');
  assert.notEqual(unknown.code, 0);
  assert.deepEqual(await ids(), [1, 2, 3, 4]);
});
