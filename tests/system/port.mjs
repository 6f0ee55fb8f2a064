// SPDX-License-Identifier: Apache-2.0
//
// Ports of loopback that nobody else of these tests gets, though nobody listens on them yet: below those that the kernel gives by
// itself (ip_local_port_range, 32768 and more), a hundred for each process, which has them as long as it listens under their name.
import net from 'node:net';

const FIRST = 10000, EACH = 100, PARTS = 100;
let part, used = 0;

const listens = (...where) => new Promise((resolve) => {
  const server = net.createServer();
  server.once('error', () => resolve(null)).listen(...where, () => resolve(server));
});

async function claim() {
  for (let i = 0; i < PARTS; i++) {
    const number = (process.pid + i) % PARTS, server = await listens(`\0freehold-test-ports-${number}`);
    if (server) return server.unref(), number;
  }
  throw new Error(`the ports ${FIRST} to ${FIRST + EACH * PARTS - 1} are all in use by other tests`);
}

// Never the same twice in one process.
export async function freePort() {
  part ??= claim();
  const first = FIRST + EACH * (await part);
  while (used < EACH) {
    const port = first + used++, server = await listens(port, '127.0.0.1');
    if (!server) continue;
    await new Promise((resolve) => { server.close(resolve); });
    return port;
  }
  throw new Error(`this test has had all of the ports ${first} to ${first + EACH - 1}`);
}
