// SPDX-License-Identifier: Apache-2.0
//
// What the tests of REST under load share: a generator of requests that knows the grammar, and what is done to the server and its database meanwhile.
import assert from 'node:assert/strict';
import http from 'node:http';
import { until } from './freehold.mjs';
import { Standalone, sleep } from './standalone.mjs';

let state = 1n;
const choose = (n) => { state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n); return Number((state >> 33n) % BigInt(n)); };
const pick = (list) => list[choose(list.length)];
const maybe = (text, chance = 2) => (choose(chance) === 0 ? (typeof text === 'function' ? text() : text) : '');

const word = 'opensesame';
const schema = `
create table author (id int primary key, name text, born date); create table book (id int primary key, author_id int references author, title text, tags text[], data jsonb, price numeric);
create table secret (id int, word text); insert into secret values (1, '${word}'); create schema hidden; create table hidden.t (word text); insert into hidden.t values ('${word}');
insert into author select i, 'a' || i, '2000-01-01' from generate_series(1, 20) i; insert into book select i, 1 + i % 20, 'b' || i, '{x,y}', '{"k":[1,{"d":"v"}]}', i from generate_series(1, 200) i;
create view shelf as select b.id, b.title, a.name from book b join author a on a.id = b.author_id;
create function add(a int, b int default 1) returns int stable language sql as 'select a + b'; create function books(q text) returns setof book stable language sql as 'select * from book where title = q';
create function slow() returns void language sql as 'select pg_sleep(60)'; create function tell(word text) returns text stable language sql as 'select $1';
create function nap() returns void stable language sql as 'select pg_sleep(0.05)'; grant select on author, book, shelf to anon; analyze;`;

// The grammar, with what does not belong there now and then.
const names = ['id', 'id', 'id', 'id', 'id', 'name', 'name', 'title', 'title', 'author_id', 'author_id', 'tags', 'data', 'price', 'data->k', 'data->k->0', 'data->>k', 'secret', 'hidden', 'nothing', '*', 'word'];
const tables = ['author', 'author', 'author', 'book', 'book', 'book', 'book', 'book', 'shelf', 'shelf', 'rpc/add?a=1', 'rpc/books?q=b7', 'secret', 'hidden.t', 'rpc/add', 'rpc/books', 'rpc/tell', 'nothing', 'pg_shadow', '"secret"', 'secret;--', 'book"', ''];
const nasty = ["'", '"', "');select word from secret;--", '" from secret--', '$1', '\\', '%00', '%', '(', ')', ',', '.', '::text', "E'\\''", '\u{1F600}', 'null', '{', '}', '[', '*', '--', '/*', '-1', '99999999999999999999', 'x'.repeat(300)];
const ops = ['eq', 'eq', 'eq', 'gt', 'lt', 'in', 'is', 'eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch', 'in', 'is', 'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'adj', 'fts', 'plfts(english)', 'fts(simple)', 'eq(any)', 'like(all)', 'not.eq', 'not.in', 'bogus', 'wfts(secret)'];
const value = () => pick([() => String(choose(30)), () => String(choose(30)), () => String(choose(30)), () => '7', () => 'b' + choose(30), () => `(${choose(9)},${choose(9)})`, () => '{x,y}', () => 'true', () => 'null', () => pick(nasty), () => pick(nasty) + pick(nasty), () => `"${pick(nasty)}"`])();
const name = () => maybe(() => pick(nasty), 60) || pick(names);
const filter = (depth = 0) => (depth < 4 && choose(6) === 0 ? `${pick(['and', 'or', 'not.and', 'not.or'])}=(${logic(depth)})` : `${maybe('author.', 6)}${name()}=${pick(ops)}.${value()}`);
const logic = (depth) => Array.from({ length: 1 + choose(3) }, () => (depth < 4 && choose(3) === 0 ? `${pick(['and', 'or', 'not.and'])}(${logic(depth + 1)})` : `${name()}.${pick(ops)}.${value()}`)).join(',');
const item = (depth) => pick([() => name(), () => name(), () => name(), () => `${pick(['x', 'y', '"q q"'])}:${name()}`, () => `${name()}::${pick(['text', 'int', 'regclass', 'secret', 'json', 'nothing'])}`, () => (depth < 3 ? `${maybe('...', 4)}${maybe('z:')}${pick(['author', 'book', 'secret', 'nothing', 'shelf'])}${maybe(pick(['!inner', '!left', '!author_id', '!book_author_id_fkey', '!secret']))}(${select(depth + 1)})` : '*'), () => `${name()}.${pick(['sum', 'count', 'max', 'avg'])}()`])();
const select = (depth = 0) => Array.from({ length: 1 + choose(4) }, () => item(depth)).join(',');
const query = () => [maybe(() => `select=${select()}`, 3), ...Array.from({ length: choose(3) }, () => filter()), maybe(() => `order=${name()}${pick(['', '.desc', '.asc.nullsfirst', '.secret'])}`, 3), maybe(() => `limit=${pick(['0', '5', '-1', 'x', '1000'])}`, 3), maybe(() => `offset=${value()}`, 6), maybe(() => `columns=${name()}`, 8), maybe(() => `on_conflict=${name()}`, 8), maybe(() => `a=${value()}&b=${value()}`, 6), maybe(() => `q=${value()}`, 6), maybe(() => `word=${value()}`, 6)].filter(Boolean).map((part) => (choose(3) ? encodeURI(part) : encodeURIComponent(part).replaceAll('%3D', '='))).join('&');
const withQuery = (target) => `${target}${target.includes('?') ? '&' : '?'}${query()}`;
// Every part of it right, so that much of what is asked runs in PostgreSQL too.
const number = () => `id=${pick(['eq', 'neq', 'gt', 'gte', 'lt', 'not.lte', 'isdistinct'])}.${choose(40)}`;
const sound = () => pick([
  () => `/book?select=${pick(['*', 'id,title', 'x:title,price::text', 'id,data->k->1->>d', 'id,author(name)', 'title,...author(writer:name)', 'author!inner(name,book(id))', 'author_id,price.sum()', '...author(name,count())'])}&${number()}${maybe('&limit=7')}${maybe('&offset=2', 4)}`,
  () => `/author?select=*,book(${pick(['id', 'title,tags', '*'])})&book.order=id.desc&book.limit=${choose(4)}&${pick(['and', 'or', 'not.or'])}=(id.eq.${choose(20)},name.${pick(['eq', 'like', 'imatch'])}.a${choose(9)},not.and(id.gt.3,id.lt.${choose(20)}))&order=${pick(['id', 'name.desc.nullslast', 'born'])}`,
  () => `/shelf?title=in.(${value().replaceAll(/[(),"\\]/g, '')},b1,"b2")&order=id`, () => `/rpc/add?a=${choose(9)}${maybe('&b=2')}`, () => `/rpc/books?q=b${choose(30)}&select=id,author(name)`, () => `/rpc/tell?word=${encodeURIComponent(pick(nasty) + pick(nasty))}`, () => `/book?title=eq.${encodeURIComponent(pick(nasty) + pick(nasty))}&tags=cs.{x}`,
])();
const body = () => pick([() => '', () => '{}', () => `{"id":${choose(9)},"title":"x"}`, () => `[{"id":1},{"id":2}]`, () => `[{"id":1},{"title":2}]`, () => `{"${pick(nasty).replaceAll(/["\\]/g, '')}":1}`, () => '[', () => pick(nasty), () => '['.repeat(choose(3000)), () => 'id,title\n1,x', () => 'a=1&b=2', () => '{"a":1,"b":2}'])();
const header = () => Object.fromEntries([
  ['Prefer', maybe(() => pick(['count=exact', 'count=planned', 'return=representation', 'return=headers-only', 'resolution=merge-duplicates', 'missing=default', 'tx=rollback', 'handling=strict, bogus=1', 'max-affected=1', 'timezone=Nowhere', `timezone='${pick(nasty)}`, 'params=single-object']))],
  ['Accept', maybe(() => pick(['*/*', 'text/csv', 'application/vnd.pgrst.object+json', 'application/geo+json', '*/*;q=0', 'a/b', 'application/openapi+json', ',;,', 'application/json;nulls=stripped']))],
  ['Range', maybe(() => pick(['0-4', '5-', '-5', '9-1', 'x', '99999999999999999999-']), 4)], ['Content-Type', maybe(() => pick(['application/json', 'text/csv', 'application/x-www-form-urlencoded', 'text/plain', 'a/b']), 3)],
  ['Accept-Profile', maybe(() => pick(['public', 'hidden', 'pg_catalog']), 10)], ['Authorization', maybe(() => pick(['Bearer', 'Bearer x.y.z', 'Basic x', 'Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoicG9zdGdyZXMifQ.']), 12)],
].filter(([, text]) => text !== ''));


// As a role that may not read `secret`: the word in it never comes back, the tables stay what they were, no 5xx but what PostgreSQL's own SQLSTATE maps to.
async function runRandom(s, { seed, requests }) {
  state = BigInt(seed) * 0x9e3779b97f4a7c15n + 1n;
  const [statuses, fives] = [new Map(), new Map()]; // fives: code -> the methods and tables that got it
  const one = async () => {
    const isSound = choose(3) === 0;
    const [method, target, options] = [pick(['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']), isSound ? sound() : withQuery(`/${pick(tables)}`), { headers: isSound ? {} : header(), content: '' }];
    if (!['GET', 'HEAD'].includes(method)) options.content = body();
    const what = `${method} ${target} ${JSON.stringify(options)}`;
    const res = await s.ask(method, target, options).catch((error) => { throw new Error(`${what}: ${error.message}`); });
    if (res === null) return;
    statuses.set(res.status, (statuses.get(res.status) ?? 0) + 1);
    if (res.body.includes(word)) throw new Error(`the secret came back: ${what}\n${res.body}`);
    if (res.status < 500) return;
    const code = (/"code":"([^"]*)/.exec(res.body) ?? [])[1];
    fives.set(code, (fives.get(code) ?? new Set()).add(`${method} ${target.split('?')[0]}`));
    if (!/"code":"(XX|5|25|40|0A|21|PGRST127)/.test(res.body) && method !== 'HEAD') throw new Error(`${res.status} ${what}\n${res.body}`);
  };
  let left = requests;
  await Promise.all(Array.from({ length: 8 }, async () => { while (left-- > 0 && s.server.ended === null) await one(); }));
  assert.equal(s.server.ended, null, 'the process lives');
  assert.equal(await s.psql('select (select count(*) from book), (select count(*) from author), (select count(*) from secret)'), '200|20|1');
  return { statuses, fives };
}

export const random = { schema, run: runRandom };

// Load that knows the right answer; returns how often each status came.
const right = JSON.stringify([{ id: 7, title: 'b7' }]);
async function underLoad(s, work) {
  const seen = new Map();
  let isLoading = true;
  const clients = Array.from({ length: 8 }, async (_, i) => {
    while (isLoading) {
      const res = await s.ask('GET', i % 4 === 3 ? '/changing?limit=1' : '/book?select=id,title&id=eq.7');
      seen.set(res.status, (seen.get(res.status) ?? 0) + 1);
      if (res.status === 200 && i % 4 !== 3) assert.equal(res.body, right);
      if (res.status === 200 && i % 4 === 3) assert.equal(JSON.parse(res.body)[0].id, 1);
    }
  });
  const failed = Promise.all(clients);
  try {
    await Promise.race([work(), failed]);
  } finally {
    isLoading = false;
  }
  await failed;
  return seen;
}

// Columns come, go and are renamed in a table that is read with all its columns; its types change; a view is replaced; tables come and go.
const schemaChanges = (s, times) => underLoad(s, async () => {
  for (let i = 0; i < times; i++) {
    await s.psql(`create table extra${i} (a int); alter table book add column extra${i} int; alter table changing add column c${i} int; notify pgrst`);
    await sleep(100);
    await s.psql(`alter table changing rename column c${i} to d${i}; alter table changing alter column size type ${i % 2 ? 'int' : 'bigint'}`);
    await sleep(100);
    await s.psql(`alter table book drop column extra${i}; alter table changing drop column d${i}; drop table extra${i}; create or replace view shelf as select b.id, b.title, a.name from book b join author a on a.id = b.author_id; notify pgrst`);
  }
});

const restart = (s, { awayMs, afterMs }) => underLoad(s, async () => {
  await s.killPostgres();
  await sleep(awayMs);
  await s.startPostgres();
  await sleep(afterMs);
});

// A successor binds beside and takes the name over; the former drains. Half of the clients keep their connections.
async function replace({ times, settings }) {
  const s = await Standalone.start({ schema, settings, isUnix: true });
  const [statuses, errors, agents] = [new Map(), [], [new http.Agent({ keepAlive: true }), new http.Agent({ keepAlive: false })]];
  let [isLoading, requests] = [true, 0];
  try {
    await until('the first one serves', async () => (await s.ask('GET', '/book?limit=1')).status === 200);
    const clients = Array.from({ length: 8 }, async (_, i) => {
      while (isLoading) {
        const res = await s.ask('GET', i % 4 === 0 ? '/rpc/nap' : '/book?select=id,title&id=eq.7', { agent: agents[i % 2] }).catch((error) => { errors.push(error.code ?? error.message); });
        requests++;
        if (res?.status >= 500) errors.push(`${res.status} ${res.body}`);
        if (res !== undefined) statuses.set(res.status, (statuses.get(res.status) ?? 0) + 1);
        if (res?.status === 200 && i % 4 !== 0) assert.equal(res.body, right);
      }
    });
    for (let i = 0; i < times; i++) {
      const former = s.server;
      s.server = await s.startServer();
      former.child.kill('SIGTERM');
      assert.equal(await former.exit, 0);
    }
    isLoading = false;
    await Promise.all(clients);
    return { statuses, errors, requests };
  } finally {
    isLoading = false;
    for (const agent of agents) agent.destroy();
    await s.stop();
  }
}

export const dropInLoad = { schemaChanges, restart, replace, schema: `create table changing (id int, size int); insert into changing values (1, 2); grant select on changing to anon;
create view large as select i as id, repeat('x', 1000) as word from generate_series(1, 60000) i; grant select on large to anon;
create view faulty as select i as id, repeat('x', 1000) as word, 1 / (40000 - i) as x from generate_series(1, 60000) i; grant select on faulty to anon;` };
