// SPDX-License-Identifier: Apache-2.0
//
// The real client, with types generated from schema.sql, against freehold-backend in PostgREST's place. Started by
// tests/system/rest-client.test.mjs, which says where it is.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { createClient } from '@supabase/supabase-js';
import type { Database as Generated } from './database.types.ts';

type Database = Generated & { __InternalSupabase: { PostgrestVersion: '14' } };
const origin = process.env.REST_ORIGIN!;
const secret = process.env.REST_SECRET!;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims: object) {
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
// supabase-js asks below /rest/v1, PostgREST serves at /.
const fetchAt: typeof fetch = (input, init) => fetch(String(input).replace('/rest/v1', ''), init);
const connect = (claims: object) => createClient<Database>(origin, token(claims), { auth: { persistSession: false }, global: { fetch: fetchAt } });
const db = connect({ role: 'anon' });
const ada = connect({ role: 'authenticated', sub: 'ada' });
const bo = connect({ role: 'authenticated', sub: 'bo' });

function ok<T>({ data, error }: { data: T; error: unknown }): NonNullable<T> {
  assert.equal(error, null, JSON.stringify(error));
  assert.ok(data !== null && data !== undefined);
  return data as NonNullable<T>;
}
const ids = (list: { id: number | null }[]) => list.map((row) => row.id);

describe('select', () => {
  test('columns, names of their own, casts, json paths, computed columns', async () => {
    const [row] = ok(await db.from('author').select('id, called:name, born::text, deep:meta->a->b->1->>c, meta->n').eq('id', 1));
    assert.deepEqual(row, { id: 1, called: 'Ada', born: '1815-12-10', deep: 'deep', n: 3 });
    const [book] = ok(await db.from('book').select('title, title_length').eq('id', 1));
    assert.deepEqual(book, { title: 'The cat', title_length: 7 });
  });

  test('embeds: one, many, many-to-many, one-to-one, by constraint and by column', async () => {
    const row = ok(await db.from('book').select('id, author!book_author_id_fkey(name), editor:editor_id(name), publisher(name, country), genre(name), isbn(code)').eq('id', 1).single());
    assert.deepEqual(row, { id: 1, author: { name: 'Ada' }, editor: { name: 'Bo' }, publisher: { name: 'North', country: 'SE' }, genre: [{ name: 'pets' }], isbn: { code: '111' } });
    const author = ok(await db.from('author').select('name, book!book_author_id_fkey(id, genre(id))').eq('id', 3).single());
    assert.deepEqual(author, { name: 'Cy, "the" (one)', book: [{ id: 4, genre: [{ id: 2 }] }] });
    const { error, status } = await db.from('author').select('name, book(id)');
    assert.deepEqual([status, error?.code], [300, 'PGRST201']);
    assert.match(error!.hint!, /'book!book_author_id_fkey'/);
  });

  test('embeds of a table in itself, computed relationships, views', async () => {
    const [left] = ok(await db.from('person').select('name, boss:boss_id(name), colleagues(name)').eq('id', 2));
    assert.deepEqual(left, { name: 'left', boss: { name: 'root' }, colleagues: [{ name: 'right' }] });
    const [root] = ok(await db.from('person').select('name, people:person(name)').eq('id', 1).order('name', { referencedTable: 'people' }));
    assert.deepEqual(root, { name: 'root', people: [{ name: 'left' }, { name: 'right' }] });
    assert.deepEqual(ok(await db.from('shelf').select('id, author(name)').eq('id', 4)), [{ id: 4, author: { name: 'Cy, "the" (one)' } }]);
    assert.deepEqual(ok(await db.from('count_by_author').select('books, author(name)').eq('author_id', 1)), [{ books: 2, author: { name: 'Ada' } }]);
  });

  test('spread of one and of many', async () => {
    assert.deepEqual(ok(await db.from('book').select('title, ...publisher(press:name, country)').eq('id', 2).single()), { title: 'A dog', press: 'South', country: 'IT' });
    const author = ok(await db.from('author').select('name, ...book!book_author_id_fkey(titles:title, id)').eq('id', 1).order('id', { referencedTable: 'book' }).single());
    assert.deepEqual(author, { name: 'Ada', titles: ['The cat', 'A dog'], id: [1, 2] });
  });

  test('inner embeds filter, null embeds ask whether there are any', async () => {
    assert.deepEqual(ids(ok(await db.from('book').select('id, isbn!inner(code)').eq('isbn.code', '333'))), [3]);
    assert.deepEqual(ids(ok(await db.from('book').select('id, isbn()').is('isbn', null).order('id'))), [2, 4]);
    assert.deepEqual(ids(ok(await db.from('book').select('id, isbn(code)').not('isbn', 'is', null).order('id'))), [1, 3]);
    const { data, count } = await db.from('publisher').select('id, book!inner(id)', { count: 'exact' }).eq('book.id', 2);
    assert.deepEqual([data, count], [[{ id: 2, book: [{ id: 2 }] }], 1]);
  });

  test('order by an embed, nulls, limits of embeds', async () => {
    assert.deepEqual(ids(ok(await db.from('book').select('id, author!book_author_id_fkey(name)').order('author(name)', { ascending: false }).order('id'))), [4, 3, 1, 2]);
    assert.deepEqual(ids(ok(await db.from('author').select('id').order('born', { nullsFirst: true }))), [2, 1, 3]);
    assert.deepEqual(ids(ok(await db.from('author').select('id, meta').order('meta->n', { ascending: false, nullsFirst: false }))), [1, 2, 3]);
    const list = ok(await db.from('publisher').select('id, book(id)').order('id').order('id', { referencedTable: 'book', ascending: false }).limit(1, { referencedTable: 'book' }));
    assert.deepEqual(list, [{ id: 1, book: [{ id: 4 }] }, { id: 2, book: [{ id: 2 }] }]);
  });

  test('ranges and counts', async () => {
    const page = await db.from('book').select('id', { count: 'exact' }).order('id').range(1, 2);
    assert.deepEqual([page.status, page.count, ids(ok(page))], [206, 4, [2, 3]]);
    const head = await db.from('book').select('*', { count: 'exact', head: true });
    assert.deepEqual([head.status, head.count, head.data], [200, 4, null]);
    assert.equal((await db.from('book').select('id', { count: 'planned' })).count, 4);
    assert.equal((await db.from('book').select('id', { count: 'estimated' }).limit(1)).count, 4);
    const past = await db.from('book').select('id', { count: 'exact' }).range(90, 99);
    assert.deepEqual([past.status, past.error?.code], [416, 'PGRST103']);
  });

  test('one, perhaps one, csv, without nulls, the plan', async () => {
    const many = await db.from('book').select('id').single();
    assert.deepEqual([many.status, many.error?.code, many.error?.details], [406, 'PGRST116', 'The result contains 4 rows']);
    assert.deepEqual(await db.from('book').select('id').eq('id', 99).maybeSingle().then(({ data, error }) => [data, error]), [null, null]);
    assert.equal(ok(await db.from('genre').select('id,name').order('id').csv()), 'id,name\n1,pets\n2,void');
    assert.deepEqual(ok(await db.from('book').select('id, editor_id').eq('id', 2).stripNulls()), [{ id: 2 }]);
    assert.match(String((await db.from('book').select('id').eq('id', 1).explain()).data), /Index Scan|Seq Scan/);
    const { data: plan } = await db.from('book').select('id').explain({ format: 'json', analyze: true, verbose: true });
    assert.equal((plan as unknown as { Plan: { 'Actual Rows': number } }[])[0].Plan['Actual Rows'], 1);
  });

  test('aggregates', async () => {
    assert.deepEqual(ok(await db.from('book').select('author_id, price.sum(), books:id.count()').order('author_id')), [{ author_id: 1, sum: 20, books: 2 }, { author_id: 2, sum: 150, books: 1 }, { author_id: 3, sum: 7.25, books: 1 }]);
    assert.deepEqual(ok(await db.from('publisher').select('name, book(price.max(), count())').order('id')), [{ name: 'North', book: [{ max: 7.25, count: 2 }] }, { name: 'South', book: [{ max: 15, count: 1 }] }]);
  });

  test('another schema, a partitioned table, what is not there', async () => {
    assert.deepEqual(ok(await ada.schema('private').from('thing').select()), [{ id: 1, word: 'hidden' }]);
    assert.deepEqual(ok(await db.from('visit').select('hits').eq('page', '/')), [{ hits: 4 }]);
    const { error } = await db.from('bok' as 'book').select();
    assert.deepEqual([error?.code, error?.hint], ['PGRST205', "Perhaps you meant the table 'public.book'"]);
    assert.equal((await db.from('book').select('nothing')).error?.code, '42703');
    assert.equal((await db.schema('secret' as 'private').from('thing').select()).error?.code, 'PGRST106');
  });
});

describe('filters', () => {
  const books = () => db.from('book').select('id').order('id');
  const all: Record<string, [() => PromiseLike<{ data: { id: number }[] | null; error: unknown }>, number[]]> = {
    eq: [() => books().eq('title', 'The cat'), [1]],
    neq: [() => books().neq('author_id', 1), [3, 4]],
    gt: [() => books().gt('price', 15), [3]],
    gte: [() => books().gte('price', 15), [2, 3]],
    lt: [() => books().lt('price', 7.25), [1]],
    lte: [() => books().lte('price', 7.25), [1, 4]],
    like: [() => books().like('title', '%cat%'), [1]],
    ilike: [() => books().ilike('title', '%CAT%'), [1, 3]],
    'like all': [() => books().likeAllOf('title', ['%a%', '%d%']), [3]],
    'ilike any': [() => books().ilikeAnyOf('title', ['the%', 'no%']), [1, 4]],
    'regular expression': [() => books().regexMatch('title', '^[TA] ?'), [1, 2]],
    'without case': [() => books().regexIMatch('title', 'CAT'), [1, 3]],
    'is null': [() => books().is('publisher_id', null), [3]],
    'is distinct': [() => books().isDistinct('editor_id', 1), [1, 2]],
    in: [() => books().in('title', ['A dog', 'Nothing', 'a, "b" (c)']), [2, 4]],
    'not in': [() => books().notIn('id', [1, 2]), [3, 4]],
    contains: [() => books().contains('tags', ['b']), [1, 2]],
    'contained by': [() => books().containedBy('tags', ['a', 'b']), [1, 2, 3]],
    overlaps: [() => books().overlaps('tags', ['a', 'c']), [1, 4]],
    'range left': [() => books().rangeLt('span', '[4,9)'), [4]],
    'range right': [() => books().rangeGt('span', '[1,4)'), [2]],
    'range adjacent': [() => books().rangeAdjacent('span', '[9,12)'), [2]],
    'range not left': [() => books().rangeGte('span', '[3,4)'), [2, 4]],
    'range not right': [() => books().rangeLte('span', '[2,5)'), [1, 4]],
    'range holds': [() => books().contains('span', '[3,4)'), [1, 4]],
    'text search': [() => books().textSearch('words', 'cat'), [1, 3]],
    'plain, with a language': [() => books().textSearch('title', 'dogs', { type: 'plain', config: 'english' }), [2, 3]],
    phrase: [() => books().textSearch('title', 'cats and dogs', { type: 'phrase' }), [3]],
    websearch: [() => books().textSearch('words', 'cat -dog', { type: 'websearch' }), [1]],
    match: [() => books().match({ author_id: 1, publisher_id: 2 }), [2]],
    not: [() => books().not('title', 'ilike', '%cat%'), [2, 4]],
    or: [() => books().or('title.eq.Nothing,and(price.gte.15,price.lt.100)'), [2, 4]],
    'or, with lists and not': [() => books().or('id.in.(1,4),not.and(price.lt.100,author_id.lt.9)'), [1, 3, 4]],
    filter: [() => books().filter('tags', 'cs', '{"c"}'), [4]],
    'a json path': [() => db.from('author').select('id').eq('meta->>n', '3'), [1]],
    'an enum': [() => db.from('author').select('id').eq('favourite', 'green'), [2]],
  };
  for (const [name, [ask, expected]] of Object.entries(all)) test(name, async () => assert.deepEqual(ids(ok(await ask())), expected));

  test('on embeds: plain and in trees', async () => {
    const list = ok(await db.from('author').select('id, book!book_author_id_fkey(id)').or('price.gt.100,title.eq.Nothing', { referencedTable: 'book' }).order('id'));
    assert.deepEqual(list, [{ id: 1, book: [] }, { id: 2, book: [{ id: 3 }] }, { id: 3, book: [{ id: 4 }] }]);
  });

  test('what is wrong is said with its place', async () => {
    const { error, status } = await db.from('book').select('id').or('title.foo.x');
    assert.deepEqual([status, error?.code, error?.details], [400, 'PGRST100', 'unexpected "f" expecting "not" or operator (eq, gt, ...)']);
    assert.equal(error!.message, '"failed to parse logic tree ((title.foo.x))" (line 1, column 10)');
  });
});

describe('writing', () => {
  test('insert, with defaults, in bulk, and what comes back', async () => {
    const one = await db.from('author').insert({ name: 'New' }).select('id, name, meta').single();
    assert.deepEqual([one.status, ok(one).name, ok(one).meta], [201, 'New', {}]);
    const many = await db.from('book').insert([{ title: 'x', author_id: 1 }, { title: 'y', author_id: 1, price: 2 }], { defaultToNull: false, count: 'exact' }).select('title, price, author!book_author_id_fkey(name)');
    assert.deepEqual([many.count, ok(many)], [2, [{ title: 'x', price: 9.5, author: { name: 'Ada' } }, { title: 'y', price: 2, author: { name: 'Ada' } }]]);
    const bare = await db.from('genre').insert({ id: 50, name: 'bare' });
    assert.deepEqual([bare.status, bare.data], [201, null]);
    assert.equal((await db.from('genre').delete().eq('id', 50)).status, 204);
    await db.from('book').delete().in('title', ['x', 'y']);
    await db.from('author').delete().eq('name', 'New');
  });

  test('upsert: merging, ignoring, by another key', async () => {
    const merged = await db.from('genre').upsert([{ id: 1, name: 'animals' }, { id: 60, name: 'sixty' }]).select().order('id');
    assert.deepEqual([merged.status, ok(merged)], [201, [{ id: 1, name: 'animals' }, { id: 60, name: 'sixty' }]]);
    assert.equal((await db.from('genre').upsert({ id: 1, name: 'pets' }).select()).status, 200);
    const ignored = await db.from('genre').upsert([{ id: 1, name: 'no' }, { id: 61, name: 'yes' }], { ignoreDuplicates: true }).select();
    assert.deepEqual(ok(ignored), [{ id: 61, name: 'yes' }]);
    const byName = ok(await db.from('author').upsert({ name: 'Bo', favourite: 'blue' }, { onConflict: 'name' }).select('id, favourite').single());
    assert.deepEqual(byName, { id: 2, favourite: 'blue' });
    await db.from('author').update({ favourite: 'green' }).eq('id', 2);
    await db.from('genre').delete().gte('id', 60);
  });

  test('update and delete, counted, bounded, undone', async () => {
    const update = await db.from('stock').update({ left_over: 2 }, { count: 'exact' }).eq('book_id', 1).select();
    assert.deepEqual([update.status, update.count, ok(update)], [200, 1, [{ book_id: 1, left_over: 2 }]]);
    const tooMany = await db.from('book').update({ price: 1 }).gte('id', 1).maxAffected(2);
    assert.deepEqual([tooMany.status, tooMany.error?.code, tooMany.error?.details], [400, 'PGRST124', 'The query affects 4 rows']);
    assert.equal(ok(await db.from('book').select('id').eq('price', 1)).length, 0);
    const undone = ok(await db.from('book').delete().eq('id', 4).select('id').rollback());
    assert.deepEqual(undone, [{ id: 4 }]);
    assert.equal(ok(await db.from('book').select('id').eq('id', 4)).length, 1);
    const notOne = await db.from('book').delete().gte('id', 1).select().single();
    assert.equal(notOne.error?.code, 'PGRST116');
    assert.equal((await db.from('book').select('*', { count: 'exact', head: true })).count, 4);
  });

  test("PostgreSQL's refusals keep their codes", async () => {
    const cases: [PromiseLike<{ status: number; error: { code: string } | null }>, number, string][] = [
      [db.from('genre').insert({ id: 1, name: 'again' }), 409, '23505'],
      [db.from('stock').insert({ book_id: 99, left_over: 1 }), 409, '23503'],
      [db.from('stock').update({ left_over: -1 }).eq('book_id', 1), 400, '23514'],
      [db.from('author').insert({ name: null as unknown as string }), 400, '23502'],
      [db.from('book').insert({ nothing: 1 } as unknown as { title: string; author_id: number }), 400, 'PGRST204'],
      [db.from('book').select('id').eq('id', 'x' as unknown as number), 400, '22P02'],
      [db.from('owned').select(), 401, '42501'],
      [bo.schema('private').from('thing').insert({ id: 2 }), 403, '42501'],
    ];
    for (const [ask, status, code] of cases) {
      const reply = await ask;
      assert.deepEqual([reply.status, reply.error?.code], [status, code]);
    }
  });

  test('row security: each sees their own', async () => {
    const mine = ok(await ada.from('owned').insert({ note: 'of ada' }).select().single());
    assert.equal(mine.owner, 'ada');
    assert.deepEqual(ok(await bo.from('owned').select()), []);
    assert.equal((await bo.from('owned').insert({ owner: 'ada', note: 'forged' })).error?.code, '42501');
    assert.deepEqual(ok(await bo.from('owned').update({ note: 'x' }).eq('id', mine.id).select()), []);
    assert.equal(ok(await ada.from('owned').delete().eq('id', mine.id).select('note').single()).note, 'of ada');
  });

  test('a domain with a form of its own', async () => {
    assert.deepEqual(ok(await db.from('paint').select().order('id')), [{ id: 1, shade: '#0000ff' }, { id: 2, shade: '#ff0000' }]);
    assert.deepEqual(ids(ok(await db.from('paint').select('id').eq('shade', '#ff0000' as unknown as number))), [2]);
    assert.deepEqual(ids(ok(await db.from('paint').select('id').in('shade', ['#0000ff', '#123456'] as unknown as number[]))), [1]);
    assert.deepEqual(ok(await db.from('paint').update({ shade: '#00ff00' as unknown as number }).eq('id', 1).select('shade').rollback()), [{ shade: '#00ff00' }]);
  });
});

describe('functions', () => {
  test('by POST, by GET, with defaults, overloaded, variadic', async () => {
    assert.equal(ok(await db.rpc('add', { a: 2, b: 3 })), 5);
    assert.equal(ok(await db.rpc('add', { a: 2 }, { get: true })), 3);
    assert.equal(ok(await db.rpc('named', { name: 'x' })), 'name x');
    assert.equal(ok(await db.rpc('named', { id: 4 })), 'id 4');
    assert.equal(ok(await db.rpc('joined', { parts: ['a', 'b,c'] })), 'a-b,c');
    const { status, error } = await db.rpc('only_post', undefined, { get: true });
    assert.deepEqual([status, error], [200, null]);
  });

  test('sets of rows: filtered, embedded, counted, as one', async () => {
    const { data, count, status } = await db.rpc('books_under', { top: 100 }, { count: 'exact', get: true }).select('id, author!book_author_id_fkey(name)').gt('price', 6).order('id').limit(1);
    assert.deepEqual([status, count, data], [206, 2, [{ id: 2, author: { name: 'Ada' } }]]);
    assert.deepEqual(ok(await db.rpc('books_under', { top: 6 }).select('title').single()), { title: 'The cat' });
    assert.equal((await db.rpc('books_under', { top: 100 }, { head: true, count: 'exact' })).count, 3);
  });

  test('that are not there: what is near', async () => {
    const { error, status } = await db.rpc('ad' as 'add', { a: 1 });
    assert.deepEqual([status, error?.code], [404, 'PGRST202']);
    assert.match(error!.message, /public\.ad\(a\)/);
    assert.equal((await db.rpc('add', { a: 1, bb: 2 } as unknown as { a: number })).error?.hint, 'Perhaps you meant to call the function public.add(a, b)');
  });

  test('errors of their own', async () => {
    const teapot = await db.rpc('refuse', { what: 'teapot' });
    assert.deepEqual([teapot.status, teapot.error?.message, teapot.error?.code, teapot.error?.details, teapot.error?.hint], [418, 'short and stout', 'PT418', 'no coffee', 'tea']);
    const custom = await db.rpc('refuse', { what: 'custom' });
    assert.deepEqual([custom.status, custom.error?.code, custom.error?.message, custom.error?.details, custom.error?.hint], [402, 'X1', 'mine', 'd', 'h']);
    const plain = await db.rpc('refuse', { what: '' });
    assert.deepEqual([plain.status, plain.error?.code, plain.error?.message], [400, 'P0001', 'plain']);
  });

  test('headers, status and media types of their own, a body as a whole', async () => {
    const call = (path: string, init: RequestInit = {}) => fetch(`${origin}${path}`, init);
    const made = await call('/rpc/with_header', { method: 'POST' });
    assert.deepEqual([made.status, made.headers.get('x-made'), made.headers.get('cache-control')], [206, 'here', 'max-age=9']);
    const page = await call('/rpc/page', { headers: { Accept: 'text/html' } });
    assert.deepEqual([page.headers.get('content-type'), await page.text()], ['text/html', '<h1>4</h1>']);
    const echo = await call('/rpc/echo', { method: 'POST', body: '{"x":[1]}', headers: { 'Content-Type': 'application/json' } });
    assert.equal(await echo.text(), '{"x":[1]}');
  });
});

describe('who asks', () => {
  test('the claims reach the database', async () => {
    const { sub, role } = ok(await ada.rpc('claims')) as { sub: string; role: string };
    assert.deepEqual([sub, role], ['ada', 'authenticated']);
    assert.deepEqual(await (await fetch(`${origin}/rpc/claims`)).json(), { role: 'anon' });
  });

  test('tokens that are no good', async () => {
    const asked = async (text: string) => {
      const reply = await fetch(`${origin}/book?select=id`, { headers: { Authorization: `Bearer ${text}` } });
      return [reply.status, ((await reply.json()) as { code: string }).code, reply.headers.get('www-authenticate')];
    };
    assert.deepEqual(await asked(token({ role: 'anon', exp: 1 })), [401, 'PGRST303', 'Bearer error="invalid_token", error_description="JWT expired"']);
    assert.deepEqual(await asked('x.y'), [401, 'PGRST301', 'Bearer error="invalid_token", error_description="Expected 3 parts in JWT; got 2"']);
    assert.equal((await asked(`${token({ role: 'anon' })}x`))[0], 401);
    assert.equal((await asked(token({ role: 'nobody_at_all' })))[0], 401);
  });
});
