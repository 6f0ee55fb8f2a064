// SPDX-License-Identifier: Apache-2.0
//
// Rows change while clients come and go: those who stay hear each change once and in order, those who come hear all
// from the moment they were told that they do. CHURN_ROWS and CHURN_CLIENTS make it long (tests/long/realtime.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw, sleep, sql, until, userToken } from './lib.mjs';

const rows = Number(process.env.CHURN_ROWS ?? 2000), clients = Number(process.env.CHURN_CLIENTS ?? 60);
const wish = { event: 'INSERT', schema: 'public', table: 'open_notes', filter: 'room=eq.777' };

async function listener(version, jwt) {
  const r = await raw({ version });
  const read = (m) => (version === '1.0.0' ? m : { topic: m[2], event: m[3], payload: m[4] });
  const join = { config: { postgres_changes: [wish] }, access_token: jwt };
  r.send(version === '1.0.0' ? { topic: 'realtime:churn', event: 'phx_join', payload: join, ref: '1', join_ref: '1' } : ['1', '1', 'realtime:churn', 'phx_join', join]);
  await r.next((m) => read(m).event === 'system' && read(m).payload.status === 'ok');
  r.numbers = () => r.got.map(read).filter((m) => m.event === 'postgres_changes').map((m) => Number(m.payload.data.record.body));
  return r;
}

const inOrder = (list) => list.every((n, i) => i === 0 || n === list[i - 1] + 1);

test(`${rows} rows, ${clients} clients that come and go`, async () => {
  const jwt = userToken();
  const staying = await Promise.all([...Array(10).keys()].map((i) => listener(i % 2 ? '1.0.0' : '2.0.0', i % 3 ? jwt : undefined)));
  let written = 0, isDone = false;
  const writer = (async () => {
    while (written < rows) {
      const n = Math.min(50, rows - written);
      await sql(`insert into open_notes (room, body) select 777, i from generate_series(${written}, ${written + n - 1}) i`);
      written += n;
    }
    isDone = true;
  })();
  const comers = (async () => {
    for (let i = 0; i < clients && !isDone; i++) {
      const r = await listener(i % 2 ? '1.0.0' : '2.0.0', jwt);
      const since = written; // what is written from now on must come; a statement of it may be under way
      const until50 = since + 150;
      if (until50 < rows) await until('it hears', () => r.numbers().some((n) => n >= until50 - 50) || isDone, 30000);
      const heard = r.numbers();
      assert.ok(inOrder(heard), `client ${i}: ${heard.slice(0, 20)}`);
      if (heard.length > 0) assert.ok(heard[0] <= since + 50, `client ${i} missed some: told at ${since}, first is ${heard[0]}`);
      r.socket.close();
      if (i % 5 === 0) await sleep(20);
    }
  })();
  await Promise.all([writer, comers]);
  for (const [i, r] of staying.entries()) {
    await until(`client ${i} has all`, () => r.numbers().at(-1) === rows - 1, 60000);
    const heard = r.numbers();
    assert.equal(heard.length, rows, `client ${i}`);
    assert.ok(inOrder(heard) && heard[0] === 0, `client ${i}`);
    r.socket.close();
  }
});
