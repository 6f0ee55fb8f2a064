#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// tests/long/switch-servers.mjs [--seconds 60] [--switches 30]
//
// Mixed load on an app with a server of its own while it is deployed, put back and forth: to servers that are kept warm, and to such that have to boot.
// Prints what was asked for and lost, what was done twice, and how long a switch took.
import { parseArgs } from 'node:util';
import { Freehold } from '../system/freehold.mjs';
import { Mixed, release } from '../system/mixed.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, switches: { type: 'string', default: '30' } } });
const seconds = Number(values.seconds), switches = Number(values.switches);
const f = await Freehold.start();
let isBad = true;
try {
  for (let n = 1; n <= 3; n++) await f.deploy(await release(n), 'mixed');
  const load = new Mixed(f, 'mixed');
  load.start();
  const began = performance.now(), times = { warm: [], cold: [] };
  let live = 3, newest = 3;
  for (let i = 0; i < switches; i++) {
    const until = began + (i * seconds * 1000) / switches;
    while (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    if (i % 10 === 9) {
      live = newest = await f.deploy(await release(newest + 1), 'mixed');
      continue;
    }
    const to = live === newest ? newest - 1 : newest, isCold = i % 3 === 2;
    if (isCold) await f.api('POST', `/v1/apps/mixed/parts/web.${to}/stop`);
    const { status, body } = await f.api('POST', '/v1/apps/mixed/rollback', { release: to });
    if (status !== 200) throw new Error(JSON.stringify(body));
    times[isCold ? 'cold' : 'warm'].push(body.first_served_ms);
    live = to;
  }
  await load.end();
  const { get, post, stream, socket } = load.counts;
  console.log(`${switches} switches in ${((performance.now() - began) / 1000).toFixed(0)} s: ${get} pages, ${post} forms in six pieces, ${stream} streams of 2 s, ${socket} WebSockets of 1 s`);
  console.log(`failed ${load.complaints.length}, forms done twice ${load.doubled}, forms lost ${load.lost}`);
  for (const complaint of load.complaints) console.log(`  ${complaint}`);
  for (const [kind, list] of Object.entries(times)) {
    list.sort((a, b) => a - b);
    const at = (q) => list[Math.min(list.length - 1, Math.floor(q * list.length))]?.toFixed(0);
    console.log(`${kind}: ${list.length} switches, from the command to the first answer, ms: min ${at(0)}, median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}`);
  }
  isBad = load.complaints.length > 0 || load.doubled > 0 || load.lost > 0;
} finally {
  await f.end();
}
process.exit(isBad ? 1 : 0);
