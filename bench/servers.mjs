#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// An app with a server of its own: bench/servers.mjs [ROUNDS [SECONDS]]
//   hello     a Node program of a line: through Freehold's edge (nginx, a sandbox, pid 1 that forwards), the very same program behind a plain
//             nginx with and without kept connections, and asked directly
//   beside    the p99 of that app while another one is built all the time, against its p99 while nothing is (aim: within 1.2 times)
// The build that runs beside is of examples/tool-library: npm's packages, Vite.
import { mkdtemp, rm, chmod } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, folder, until } from '../tests/system/freehold.mjs';
import { freePort } from '../tests/system/port.mjs';
import { background, head, inTurns, median, plainNginx, table, wrk } from './lib.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 4)];
head(`servers: a Node hello, 64 connections, medians of ${rounds} rounds of ${seconds} s in turns`);

const program = `require('node:http').createServer((q, s) => s.end('hello, visitor')).listen(process.env.PORT, '127.0.0.1');`;
const source = await folder({ 'package.json': JSON.stringify({ name: 'hello', private: true, scripts: { start: 'node server.js' } }), 'server.js': program });

const f = await Freehold.start();
const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-servers-'));
await chmod(dir, 0o755);
const others = [];
try {
  await f.deploy(source, 'hello');
  const [node, kept, fresh] = [await freePort(), await freePort(), await freePort()];
  others.push(background('node', [path.join(source, 'server.js')], { ...process.env, NODE_ENV: 'production', PORT: String(node) }));
  for (const [port, isKept] of [[kept, true], [fresh, false]]) others.push(await plainNginx(dir, port, node, isKept));
  const answers = (port) => fetch(`http://127.0.0.1:${port}/`).then((reply) => reply.text(), () => '');
  for (const port of [node, kept, fresh]) await until(`${port} answers`, async () => (await answers(port)).startsWith('hello'));

  const ask = (port, headers = {}) => () => wrk(`http://127.0.0.1:${port}/`, { headers, seconds });
  const edge = ask(f.port, { Host: 'hello.localhost' });
  const found = await inTurns(rounds, {
    "through Freehold's edge": edge,
    'behind plain nginx, connections kept': ask(kept),
    'behind plain nginx, a new one each': ask(fresh),
    'Node alone': ask(node),
  });
  const of = (name, what) => median(found[name].map((it) => it[what]));
  const ratio = (a, b) => median(found[a].map((it, i) => it.rate / found[b][i].rate)).toFixed(2);
  const [first, ...rest] = Object.keys(found);
  table(['', 'requests/s', 'p99, ms', "the edge's rate against it"], Object.keys(found).map((name) => [name, of(name, 'rate').toFixed(0), of(name, 'p99').toFixed(1), rest.includes(name) ? ratio(first, name) : '']));

  // Few connections, as a live app has: what is asked is how long a visitor waits, not how many there can be.
  const visit = async () => wrk(`http://127.0.0.1:${f.port}/`, { headers: { Host: 'hello.localhost' }, seconds, connections: 4 });
  await f.deploy(example('tool-library'), 'builder');
  let builds = 0;
  const building = async () => {
    const began = f.cli('deploy', example('tool-library'), '--app', 'builder').then((result) => { if (result.code === 0) builds++; else console.error(result.all); });
    const inBuild = async () => (await f.api('GET', '/v1/apps/builder/deployments')).body.deployments[0];
    await until('it builds', async () => { const it = await inBuild(); return it.state === 'running' && ['install', 'check', 'build'].includes(it.step); }, 60000);
    const measured = await visit();
    await began;
    return measured;
  };
  const beside = await inTurns(rounds, { 'nothing is built': visit, 'another app is built': building });
  const p99 = (name) => median(beside[name].map((it) => it.p99));
  const times = median(beside['another app is built'].map((it, i) => it.p99 / beside['nothing is built'][i].p99));
  table(['4 connections, while', 'requests/s', 'p99, ms', 'p99 against nothing'], Object.keys(beside).map((name, i) => [name, median(beside[name].map((it) => it.rate)).toFixed(0), p99(name).toFixed(2), i > 0 ? times.toFixed(2) : '']));
  console.log(`${builds} builds of examples/tool-library\n`);
} finally {
  for (const other of others) await other.stop();
  await f.end();
  await rm(dir, { recursive: true, force: true });
}
