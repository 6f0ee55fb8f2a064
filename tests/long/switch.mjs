#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// tests/long/switch.mjs [--seconds 30] [--switches 20] [--seed 1]
//
// wrk and looking visitors on the edge while an app is promoted and rolled back again and again and another app is created and destroyed.
// Prints what was asked for and lost, and how long it took from the command to the first request that the other release served: by the daemon's own
// clock, by the wall clock around `freehold rollback`, and by the visitors (the first page of the other release since the command was typed).
import { parseArgs } from 'node:util';
import { Freehold, example } from '../system/freehold.mjs';
import { Visitors, release, wrk } from '../system/visitors.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' }, switches: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } } });
const [seconds, switches, seed] = [values.seconds, values.switches, values.seed].map(Number);

const f = await Freehold.start();
try {
  let newest = 0;
  for (let n = 1; n <= 3; n++) newest = await f.deploy(await release(n), 'shop');
  const visitors = new Visitors(f, 'shop', { connections: 4, seed });
  visitors.switching(newest);
  visitors.start();
  const began = performance.now();
  const load = wrk(f, 'shop', seconds);
  const comings = { count: 0, over: false };
  const other = (async () => {
    while (!comings.over) {
      const made = await f.cli('deploy', example('static-site'), '--app', 'other');
      const gone = await f.cli('destroy', 'other', '--confirm', 'other');
      if (made.code !== 0 || gone.code !== 0) visitors.complain(made.all + gone.all);
      comings.count++;
    }
  })();

  const times = { served: [], wall: [], seen: [] };
  let live = newest, deployed = 0;
  for (let i = 0; i < switches; i++) {
    // Every fourth is a deployment of something new, the others go to any release that is there.
    const from = performance.now(), isNew = i % 4 === 3;
    const to = isNew ? newest + 1 : 1 + ((live - 1 + 1 + Math.floor(visitors.random() * (newest - 1))) % newest);
    visitors.switching(to);
    if (isNew) {
      newest = await f.deploy(await release(to), 'shop');
      deployed++;
    } else {
      const out = await f.cli('rollback', 'shop', String(to), '--json', '--yes');
      const wall = performance.now() - from;
      if (out.code !== 0) throw new Error(out.all);
      times.wall.push(wall);
      times.served.push(JSON.parse(out.stdout).first_served_ms);
    }
    visitors.switched(to);
    live = to;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, (((i + 1) * seconds * 900) / switches) - (performance.now() - began))));
    const seen = visitors.switches.find((s) => s.release === to && s.at > from);
    if (!isNew && seen) times.seen.push(seen.at - from);
  }
  const loaded = performance.now() - began;
  const counted = await load;
  comings.over = true;
  await other;
  await visitors.stop();

  console.log(`seed ${seed}; ${seconds} s of wrk; ${switches} switches (${deployed} deployments, ${switches - deployed} rollbacks and back) in ${(loaded / 1000).toFixed(0)} s; another app made and destroyed ${comings.count} times`);
  console.log(`wrk: ${counted.requests} requests (${counted.rate}/s, p99 ${(counted.p99_us / 1000).toFixed(1)} ms): ${counted.pages} pages, ${counted.parts} assets; wrong ${counted.bad}, not 200 ${counted.status}, connections refused or reset ${counted.connect + counted.read + counted.write}, timed out ${counted.timeout}`);
  console.log(`visitors: ${visitors.requests} requests, ${[...visitors.kinds].map(([kind, n]) => `${kind} ${n}`).join(', ')}; complaints ${visitors.complaints.length}`);
  for (const complaint of visitors.complaints) console.log(`  ${complaint}`);
  console.log('\nfrom the command to the other release, ms      min   median      p90      max');
  const at = (list, share) => list[Math.min(list.length - 1, Math.floor(list.length * share))].toFixed(1).padStart(8);
  for (const [name, list] of [['first_served_ms of the API', times.served], ['wall time of freehold rollback', times.wall], ['first page a visitor got of it', times.seen]]) {
    list.sort((a, b) => a - b);
    console.log(`${name.padEnd(42)}${at(list, 0)} ${at(list, 0.5)} ${at(list, 0.9)} ${at(list, 1)}`);
  }
  process.exitCode = visitors.complaints.length + counted.bad + counted.status + counted.connect + counted.read + counted.write + counted.timeout > 0 ? 1 : 0;
} finally {
  await f.end();
}
