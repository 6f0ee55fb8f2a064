// SPDX-License-Identifier: Apache-2.0
// In Deno's place, one function's process (src/build/functions/runtime.mjs says what it tells pid 1). HANGS: so many of its starts come
// to nothing. HANGS_AT "load": after it has said who it is, as when the function's own code waits for ever.
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

appendFileSync('/data/starts', '+');
const isHanging = readFileSync('/data/starts', 'utf8').length <= Number(process.env.HANGS ?? 0);
const [port, control, token] = process.env.FREEHOLD_WORKER.split(' ');
if (isHanging && process.env.HANGS_AT !== 'load') setInterval(() => {}, 1000);
else {
  const line = net.connect(Number(control), '127.0.0.1', () => {
    line.write(`${token}\n`);
    if (!isHanging) http.createServer((req, res) => res.end('served')).listen(Number(port), '127.0.0.1', () => line.write('listening\n'));
  });
}
