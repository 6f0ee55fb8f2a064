#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How long from an export to a live app, beside `npm ci && npm run build` of the same export by hand: bench/deploy.mjs [ROUNDS]
import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example } from '../tests/system/freehold.mjs';
import { head, inTurns, median, run, table } from './lib.mjs';

const rounds = Number(process.argv[2] ?? 3), name = 'tool-library';
head(`deploy: examples/${name}, medians of ${rounds} rounds in turns`);

const scratch = await mkdtemp(path.join(os.tmpdir(), 'fh-raw-'));
async function raw(cache) {
  const dir = path.join(scratch, 'app');
  await rm(dir, { recursive: true, force: true });
  await cp(example(name), dir, { recursive: true, filter: (file) => !file.includes('node_modules') });
  const env = { ...process.env, npm_config_cache: cache, npm_config_audit: 'false', npm_config_fund: 'false', VITE_SUPABASE_URL: 'http://localhost', VITE_SUPABASE_PUBLISHABLE_KEY: 'key', VITE_SUPABASE_ANON_KEY: 'key' };
  const began = performance.now();
  await run('npm', ['ci'], { cwd: dir, env, maxBuffer: 64 << 20 });
  const installed = performance.now();
  await run('npm', ['run', 'build'], { cwd: dir, env, maxBuffer: 64 << 20 });
  return { install: installed - began, build: performance.now() - installed, whole: performance.now() - began };
}

async function deploy(f) {
  const began = performance.now();
  await f.deploy(example(name), 'shop');
  const whole = performance.now() - began;
  const { steps } = (await f.api('GET', `/v1/apps/shop/deployments/${(await f.settled('shop')).number}`)).body;
  return { whole, ...Object.fromEntries(steps.map((step) => [step.name, step.duration_ms ?? 0])) };
}

let f;
const cold = path.join(scratch, 'cold'), warm = path.join(scratch, 'warm');
try {
  const found = await inTurns(rounds, {
    'npm, empty cache': async () => { await rm(cold, { recursive: true, force: true }); return raw(cold); },
    'Freehold, empty cache, new app': async () => { if (f) await f.end(); f = await Freehold.start(); return deploy(f); },
    'npm, filled cache': async (i) => { if (i === 0) await cp(cold, warm, { recursive: true }); return raw(warm); },
    'Freehold, same lockfile again': () => deploy(f),
  });
  const seconds = (list, key) => (median(list.map((one) => one[key] ?? 0)) / 1000).toFixed(1);
  table(['', 'install, s', 'build, s', 'whole, s', 'range, s'], Object.entries(found).map(([what, list]) => [what, seconds(list, 'install'), seconds(list, 'build'), seconds(list, 'whole'),
    `${(Math.min(...list.map((x) => x.whole)) / 1000).toFixed(1)} to ${(Math.max(...list.map((x) => x.whole)) / 1000).toFixed(1)}`]));
  const ratio = (a, b) => median(found[a].map((one, i) => one.whole / found[b][i].whole)).toFixed(2);
  console.log(`new app against npm with an empty cache: ${ratio('Freehold, empty cache, new app', 'npm, empty cache')}; same lockfile again against npm with a filled cache: ${ratio('Freehold, same lockfile again', 'npm, filled cache')}\n`);
  const steps = Object.keys(found['Freehold, same lockfile again'][0]).filter((step) => step !== 'whole');
  table(['step', 'new app, ms', 'again, ms'], steps.map((step) => [step, ...['Freehold, empty cache, new app', 'Freehold, same lockfile again'].map((what) => median(found[what].map((one) => one[step])))]));
} finally {
  if (f) await f.end();
  await rm(scratch, { recursive: true, force: true });
}
