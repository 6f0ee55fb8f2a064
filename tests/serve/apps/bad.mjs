// SPDX-License-Identifier: Apache-2.0
//
// Servers that are broken on purpose: BAD says how. Those that listen first do so for SERVES.
import { spawn } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

const hoard = [];
const ways = {
  'exit-3': () => { console.error('no DATABASE_URL'); process.exit(3); },
  'exit-0': () => {},
  signal: () => process.kill(process.pid, 'SIGSEGV'),
  abort: () => process.abort(),
  mute: () => setInterval(() => {}, 1000),
  memory: () => setInterval(() => { for (let i = 0; i < 8; i++) hoard.push(Buffer.alloc(1 << 20, 1)); }, 5),
  forks: () => { const more = () => { const c = spawn('sleep', ['1000']); c.on('error', () => {}); setImmediate(more); }; more(); },
  disk: () => { const fd = openSync('/data/fill', 'w'), chunk = Buffer.alloc(1 << 20, 1); setInterval(() => { try { writeSync(fd, chunk); } catch {} }, 5); },
  file: () => { const fd = openSync('/data/fill', 'w'), chunk = Buffer.alloc(1 << 20, 1); setInterval(() => writeSync(fd, chunk), 1); },
  spin: () => { for (;;); },
  hangs: () => net.createServer(() => {}).listen(Number(process.env.PORT), '127.0.0.1'),
};
// Says more than any buffer on the way takes at once, and ends as soon as the kernel has it.
if (process.env.BAD === 'last-words') net.createServer((c) => c.once('data', () => c.end(Buffer.alloc(400_000, 'x'), () => process.exit(3)))).listen(Number(process.env.PORT), '127.0.0.1');
else if (process.env.SERVES) http.createServer((q, s) => { s.end('ok'); setImmediate(ways[process.env.BAD]); }).listen(Number(process.env.PORT), '127.0.0.1');
else ways[process.env.BAD]();
