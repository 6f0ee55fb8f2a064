// SPDX-License-Identifier: Apache-2.0
//
// A CSV file into a table: by the names in its first line, all rows or none, with the line of what does not fit.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example } from './freehold.mjs';

let f, folder;
const ask = (sql) => f.ask('site', sql);
async function put(name, text, table, ...more) {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return f.cli('db', 'site', 'import', file, ...(table ? ['--table', table] : []), ...more);
}

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fh-csv-'));
  f = await Freehold.start();
  await f.deploy(example('static-site'), 'site');
  const made = await f.cli('db', 'site', 'psql', '-c', `
    create table public.items (id serial primary key, name text not null, qty integer, price numeric, made date, note text, total numeric generated always as (qty * price) stored);
    create table public."Order Lines" ("Item Name" text, amount int)`);
  assert.equal(made.code, 0, made.all);
});
after(async () => {
  await f?.end();
  await rm(folder, { recursive: true, force: true });
});

test('columns are matched by name, in any order; numbers go on behind those that came', async () => {
  const done = await put('items.csv', '\ufeffNAME,id,"qty",price,made,note\r\n"Chair, red",7,2,19.5,2026-01-31,""\r\n"two\nlines ""quoted""",9,"",,,\r\n', 'public.items');
  assert.equal(done.code, 0, done.all);
  assert.match(done.stdout, /2 rows are in items/);
  assert.equal(await ask("select name, qty, total, made, note = '' from items where id = 7"), 'Chair, red|2|39.0|2026-01-31|t');
  assert.equal(await ask("select name = E'two\\nlines \"quoted\"', qty is null, note is null from items where id = 9"), 't|t|t');
  assert.equal(await ask("insert into items (name) values ('next') returning id"), '10\nINSERT 0 1');
});

test('semicolons, tabs, names with capitals', async () => {
  const done = await put('lines.csv', 'Item Name;amount\na, b;3\n', 'public."Order Lines"');
  assert.equal(done.code, 0, done.all);
  const tabs = await put('tabs.csv', 'amount\tItem Name\n4\tc;d\n', 'public."Order Lines"', '--json');
  assert.deepEqual(JSON.parse(tabs.stdout), { state: 'done', table: '"Order Lines"', rows: 1, imported: true });
  assert.equal(await ask('select string_agg("Item Name" || amount, \'|\' order by amount) from "Order Lines"'), 'a, b3|c;d4');
});

test('one row that does not fit: its line is named and none is there', async () => {
  const before = await ask('select count(*) from items');
  const rows = Array.from({ length: 5000 }, (_, i) => `thing ${i},${i === 4000 ? 'many' : i}`).join('\n');
  const cases = [
    [`name,qty\n${rows}\n`, /line 4002, column qty: "many".*invalid input syntax for type integer/s],
    ['name,qty\na,1\n,2\n', /line 3.*null value in column "name"/s],
    ['id,name\n50,a\n50,b\n', /line 3.*duplicate key/s],
    ['name,qty\na,1,9\n', /line 2.*extra data/s],
    ['name,colour\na,red\n', /line 1: items has no column "colour" \(it has: id, name, qty/],
    ['name,Name\na,b\n', /is there twice/],
    ['name,total\na,3\n', /computes its column "total" itself/],
    ['name,,qty\na,,1\n', /column 2 has no name/],
    ['name,"qty\na,1\n', /a quote in it is not closed/],
    [Buffer.from([...Buffer.from('name\n'), 0xe4, 0x0a]), /save the file as UTF-8/],
    ['', /is empty/],
  ];
  for (const [text, words] of cases) {
    const result = await put('wrong.csv', text, 'public.items');
    assert.notEqual(result.code, 0, String(text).slice(0, 40));
    assert.match(result.stderr, words);
  }
  assert.match((await put('wrong.csv', 'a\n1\n', 'public.nothing')).stderr, /has no table public\.nothing/);
  assert.match((await put('wrong.csv', 'a\n1\n')).stderr, /say which table/);
  assert.match((await put('wrong.csv', 'a\n1\n', "items'; drop table items; --")).stderr, /no table|invalid name syntax/);
  assert.equal(await ask('select count(*) from items'), before);
});

test('a trial changes nothing; large files go through', async () => {
  const text = `name,qty\n${Array.from({ length: 200000 }, (_, i) => `thing number ${i},${i}`).join('\n')}\n`;
  const tried = await put('large.csv', text, 'public.items', '--check');
  assert.equal(tried.code, 0, tried.all);
  assert.match(tried.stdout, /It would work: 200000 rows for items\. Nothing was changed/);
  assert.equal(await ask("select count(*) from items where name like 'thing number%'"), '0');
  const done = await put('large.csv', text, 'public.items');
  assert.equal(done.code, 0, done.all);
  assert.equal(await ask("select count(*), sum(qty) from items where name like 'thing number%'"), '200000|19999900000');
});
