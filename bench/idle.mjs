#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What Freehold holds in memory while nobody asks for anything: PSS, in which shared pages count once.
import { setTimeout as pause } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, example } from '../tests/system/freehold.mjs';
import { family, head, pssKiB, table } from './lib.mjs';

head('idle: PSS of what runs, 15 s after the last request');
const f = await Freehold.start();
try {
  const apps = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['tool-library', 'static-site'];
  for (const name of apps) await f.deploy(example(name), name);
  await pause(15000);
  const nginx = Number(await readFile(path.join(f.home, 'run/edge/nginx.pid'), 'utf8'));
  const rows = [];
  const add = async (what, pids) => {
    const sizes = await Promise.all(pids.map(pssKiB));
    const sum = sizes.reduce((a, b) => a + b, 0);
    rows.push([what, pids.length, (sum / 1024).toFixed(1)]);
    return sum;
  };
  let sum = await add('freeholdd', [f.daemon.pid]);
  sum += await add('edge (nginx)', await family(nginx));
  const parts = [];
  for (const name of apps)
    for (const part of (await f.api('GET', `/v1/apps/${name}`)).body.processes) parts.push(await add(`${name}: ${part.name}`, await family(part.pid)));
  sum += parts.reduce((a, b) => a + b, 0);
  rows.push(['together', '', (sum / 1024).toFixed(1)]);
  rows.push(['each further app', '', ((parts.reduce((a, b) => a + b, 0) / apps.length) / 1024).toFixed(1)]);
  table(['', 'processes', 'PSS, MiB'], rows);
} finally {
  await f.end();
}
