// SPDX-License-Identifier: Apache-2.0
//
// Rows change while clients come and go: those who stay hear each change once and in order; those who come hear all from the
// moment they were told that they do until they leave, once and in order. CHURN_SEED, CHURN_ROWS and CHURN_CLIENTS make it long
// (tests/long/realtime-churn.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw, sleep, sql, until, userToken } from './lib.mjs';

const rows = Number(process.env.CHURN_ROWS ?? 2000), clients = Number(process.env.CHURN_CLIENTS ?? 60), seed = Number(process.env.CHURN_SEED ?? 1);
const AT_ONCE = Math.min(20, clients), STAYING = 10;
const wish = { event: '*', schema: 'public', table: 'open_notes', filter: 'room=eq.777' };

let state = (BigInt(seed) * 0x9e3779b97f4a7c15n) | 1n;
const choose = (n) => { state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n); return Number((state >> 33n) % BigInt(n)); };

async function listener(version, jwt) {
  const r = await raw({ version });
  const read = (m) => (version === '1.0.0' ? m : { topic: m[2], event: m[3], payload: m[4] });
  const join = { config: { postgres_changes: [wish] }, access_token: jwt };
  r.send(version === '1.0.0' ? { topic: 'realtime:churn', event: 'phx_join', payload: join, ref: '1', join_ref: '1' } : ['1', '1', 'realtime:churn', 'phx_join', join]);
  await until('it is told that it hears', () => r.got.map(read).find((m) => m.event === 'system' && m.payload.status === 'ok'), 60000);
  r.numbers = () => r.got.map(read).filter((m) => m.event === 'postgres_changes').map((m) => Number(m.payload.data.record.body));
  // As every client does; one that is silent for a minute is closed.
  const beat = setInterval(() => r.send(version === '1.0.0' ? { topic: 'phoenix', event: 'heartbeat', payload: {}, ref: '3' } : [null, '3', 'phoenix', 'heartbeat', {}]), 20000);
  r.ended = null;
  void r.closed.then((e) => { clearInterval(beat); r.ended = `${e.code} ${e.reason}`; });
  r.leave = async (politely) => {
    if (politely) r.send(version === '1.0.0' ? { topic: 'realtime:churn', event: 'phx_leave', payload: {}, ref: '2', join_ref: '1' } : ['1', '2', 'realtime:churn', 'phx_leave', {}]);
    r.socket.close();
    await r.closed;
  };
  return r;
}

const inOrder = (list) => list.every((n, i) => i === 0 || n === list[i - 1] + 1);

// Change number n: a new row, or the newest one again; in transactions of one to fifty.
const change = (n) => (n > 0 && choose(3) === 0 ? `update open_notes set body = '${n}' where id = (select max(id) from open_notes where room = 777);` : `insert into open_notes (room, body) values (777, '${n}');`);

test(`seed ${seed}: ${rows} changes, ${clients} clients that come and go`, async () => {
  const jwt = userToken();
  const any = () => listener(choose(2) ? '1.0.0' : '2.0.0', choose(3) ? jwt : undefined);
  const staying = await Promise.all(Array.from({ length: STAYING }, any));
  let written = 0, begun = 0, isDone = false, stayed = 0;
  const writer = (async () => {
    while (written < rows) {
      const count = Math.min(1 + choose(50), rows - written);
      begun = written + count; // the transaction may be under way when a client is told that it hears
      await sql(`begin; ${Array.from({ length: count }, (_, i) => change(written + i)).join(' ')} commit`);
      written = begun;
    }
    isDone = true;
  })();
  let left = clients;
  const come = async () => {
    for (let i = --left; i >= 0; i = --left) {
      const r = await any();
      const since = begun, stays = 20 + choose(200); // all from `since` on must come
      await until(`client ${i} has heard enough`, () => (r.numbers().at(-1) ?? -1) >= Math.min(since + stays, rows - 1) || (isDone && since >= rows), 60000);
      const heard = r.numbers();
      assert.ok(inOrder(heard), `client ${i} heard out of order or twice: ${heard.filter((n, at) => at > 0 && n !== heard[at - 1] + 1).slice(0, 20)}`);
      if (since < rows) assert.ok(heard[0] <= since, `client ${i} missed some: it was told at ${since}, its first is ${heard[0]}`);
      stayed += heard.length;
      await r.leave(choose(2) === 0);
      if (choose(5) === 0) await sleep(20);
    }
  };
  await Promise.all([writer, ...Array.from({ length: AT_ONCE }, come)]);
  for (const [i, r] of staying.entries()) {
    await until('it has all, or never will', () => r.numbers().at(-1) === rows - 1 || r.ended !== null, 60000).catch(() => {});
    const heard = r.numbers();
    assert.equal(heard.at(-1), rows - 1, `client ${i} heard ${heard.length}; its connection: ${r.ended ?? 'open'}`);
    assert.equal(heard.length, rows, `client ${i}`);
    assert.ok(inOrder(heard) && heard[0] === 0, `client ${i}`);
    await r.leave(true);
  }
  console.log(`churn: seed ${seed}, ${rows} changes, ${STAYING} clients heard all of them, ${clients} came and went and heard ${stayed}: none lost, none twice, all in order`);
});
