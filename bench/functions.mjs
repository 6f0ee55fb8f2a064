#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Edge functions: bench/functions.mjs [ROUNDS [SECONDS [COLD]]]
//   cold      from a call to its answer when no process of that function runs (COLD times, medians): one that imports nothing, one that makes a
//             supabase-js client from esm.sh; beside `deno run` of the same files, from its start to its answer
//   warm      the first one's rate and p99 with 32 connections: through the edge, open and with a token that is checked, beside `deno serve` behind a plain
//             nginx that opens a connection for each request, and alone
//   memory    PSS of the sandbox with no function running, and of each function's process
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, folder, until } from '../tests/system/freehold.mjs';
import { freePort } from '../tests/system/port.mjs';
import { background, head, inTurns, median, plainNginx, table, wrk } from './lib.mjs';

const [rounds, seconds, cold] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 4), Number(process.argv[4] ?? 15)];
head(`functions: medians of ${rounds} rounds of ${seconds} s in turns, 32 connections; ${cold} cold starts`);

const bare = `Deno.serve(() => new Response('hello, visitor'));`;
const client = `import { createClient } from "https://esm.sh/@supabase/supabase-js@2.45.0";
const supabase = createClient(Deno.env.get('SUPABASE_URL') ?? 'http://127.0.0.1', Deno.env.get('SUPABASE_ANON_KEY') ?? 'none');
Deno.serve(() => new Response(typeof supabase.from === 'function' ? 'hello, visitor' : 'no client'));`;
const source = await folder({
  'index.html': '<!doctype html>functions', 'supabase/config.toml': '[functions.bare]\nverify_jwt = false\n[functions.client]\nverify_jwt = false\n',
  'supabase/functions/bare/index.ts': bare, 'supabase/functions/client/index.ts': client, 'supabase/functions/checked/index.ts': bare,
});

const pss = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
const commands = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
  try { return { pid, line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }; } catch { return { pid, line: '' }; }
});

const f = await Freehold.start();
let alone, nginx, dir;
try {
  await f.deploy(source, 'shop');
  const release = f.app('shop', 'releases/1/functions');
  const tools = path.join(f.home, 'cache/tools/deno-2/node_modules/@deno');
  const deno = path.join(tools, readdirSync(tools)[0], 'deno');
  const token = (await f.api('GET', '/v1/apps/shop')).body.keys.anon;
  const call = async (name) => {
    const began = performance.now();
    const reply = await f.get('shop', `/functions/v1/${name}`, { headers: { authorization: `Bearer ${token}` } });
    if (reply.text !== 'hello, visitor') throw new Error(`${name}: ${reply.status} ${reply.text}`);
    return performance.now() - began;
  };
  const mine = () => commands().filter(({ line }) => line.includes('/app/freehold/runtime.mjs') && line.includes('/app/src/'));
  const gone = (name) => until(`${name} has ended`, () => !mine().some(({ line }) => line.includes(`/functions/${name}/`)));

  // The same file, the same packages, started by hand.
  const byHand = async (name) => {
    const port = await freePort(), began = performance.now();
    const config = name === 'bare' ? ['--no-config'] : [`--config=${release}/gen/${name}/deno.json`, `--lock=${release}/gen/${name}/deno.lock`, '--frozen'];
    const child = background(deno, ['run', '--quiet', '--cached-only', ...config, '--allow-net', '--allow-env', `${release}/src/supabase/functions/${name}/index.ts`],
      { PATH: process.env.PATH, HOME: '/tmp', NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: `${release}/deno`, DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` });
    let isEnded = false;
    child.ended.then(() => { isEnded = true; });
    for (;;) {
      const text = await fetch(`http://127.0.0.1:${port}/`).then((reply) => reply.text(), () => null);
      if (text === 'hello, visitor') break;
      if (isEnded) throw new Error(`deno run ${name} ended`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const took = performance.now() - began;
    await child.stop('SIGKILL');
    return took;
  };
  const sandbox = commands().filter(({ line }) => line.includes('freehold-serve') && line.includes('/functions/') || line.includes('/freehold-serve --inside')).map(({ pid }) => pid);
  const empty = sandbox.reduce((sum, pid) => sum + pss(pid), 0);
  const times = { bare: { edge: [], alone: [] }, client: { edge: [], alone: [] } };
  for (let i = 0; i < cold; i++) {
    for (const name of ['bare', 'client']) {
      times[name].alone.push(await byHand(name));
      await f.cli('env', 'shop', '--functions', 'set', `ROUND=${i}${name}`);
      await gone(name);
      times[name].edge.push(await call(name));
    }
  }
  table(['cold, ms to the first answer', 'Freehold', 'deno run', 'ratio'], ['bare', 'client'].map((name) => {
    const [edge, hand] = [median(times[name].edge), median(times[name].alone)];
    return [name === 'bare' ? 'imports nothing' : 'a supabase-js client', edge.toFixed(0), hand.toFixed(0), (edge / hand).toFixed(2)];
  }));

  for (const name of ['bare', 'client', 'checked']) await call(name);
  const port = await freePort();
  alone = background(deno, ['run', '--quiet', '--no-config', '--allow-net', '--allow-env', `${release}/src/supabase/functions/bare/index.ts`],
    { PATH: process.env.PATH, HOME: '/tmp', DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`, DENO_NO_UPDATE_CHECK: '1' });
  await until('deno answers', () => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false));
  dir = await mkdtemp(path.join(os.tmpdir(), 'fh-functions-'));
  await chmod(dir, 0o755);
  const before = await freePort();
  nginx = await plainNginx(dir, before, port, false);
  await until('nginx answers', () => fetch(`http://127.0.0.1:${before}/`).then((reply) => reply.ok, () => false));
  const ask = (at, headers) => () => wrk(`http://127.0.0.1:${at}`, { headers, seconds, connections: 32 });
  const found = await inTurns(rounds, {
    'through the edge, open': ask(`${f.port}/functions/v1/bare`, { Host: 'shop.localhost' }),
    'through the edge, token checked': ask(`${f.port}/functions/v1/checked`, { Host: 'shop.localhost', Authorization: `Bearer ${token}` }),
    'deno serve behind plain nginx, a connection each': ask(`${before}/`, {}),
    'deno serve alone': ask(`${port}/`, {}),
  });
  const ratio = (all, name) => median(all.map((r, i) => r.rate / found[name][i].rate)).toFixed(2);
  table(['warm', 'requests/s', 'p99, ms', 'of deno behind nginx', 'of deno alone'], Object.entries(found).map(([name, all]) => [name, median(all.map((r) => r.rate)).toFixed(0), median(all.map((r) => r.p99)).toFixed(2),
    ratio(all, 'deno serve behind plain nginx, a connection each'), ratio(all, 'deno serve alone')]));

  table(['memory', 'PSS, MiB'], [['the sandbox, no function running', empty.toFixed(1)],
    ...mine().map(({ pid, line }) => [`the process of ${/functions\/(\w+)\//.exec(line)[1]}`, pss(pid).toFixed(1)])]);
} finally {
  await nginx?.stop('SIGTERM');
  await alone?.stop('SIGKILL');
  if (dir) await rm(dir, { recursive: true, force: true });
  await f.end();
}
