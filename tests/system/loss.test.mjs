// SPDX-License-Identifier: Apache-2.0
//
// A few rounds of loss.mjs: nothing that was acknowledged is lost, whatever goes wrong.
import test from 'node:test';
import { Box, random, round } from './loss.mjs';

test('rows that were acknowledged are in the backups', async (t) => {
  const box = await Box.start();
  const next = random(7);
  try {
    for (let i = 0; i < 3; i++) t.diagnostic(JSON.stringify(await round(box, next)));
  } finally {
    await box.stop();
  }
});
