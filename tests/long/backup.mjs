#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Hundreds of rounds of tests/system/loss.mjs: node tests/long/backup.mjs [ROUNDS] [SEED]. A failure prints its round; the
// same seed gives the same faults in the same order.
import { Box, random, round } from '../system/loss.mjs';

const [rounds, seed] = [Number(process.argv[2] ?? 200), Number(process.argv[3] ?? Date.now() % 1e6)];
const next = random(seed), seen = {};
console.log(`${rounds} rounds, seed ${seed}`);
const box = await Box.start();
let rows = 0, done = 0;
try {
  for (; done < rounds; done++) {
    const r = await round(box, next);
    seen[r.name] = (seen[r.name] ?? 0) + 1;
    rows = r.rows;
    console.log(`${done + 1}: ${r.name}, ${r.ms} ms; ${r.rows} acknowledged, ${r.inNow} in now, ${r.inThen} in the moment`);
  }
} finally {
  await box.stop();
}
console.log(`${done} rounds, ${rows} rows acknowledged, none missing, none doubled, none from later`, seen);
