// SPDX-License-Identifier: Apache-2.0
//
// Not HTTP: answers only once the other side has stopped sending, and then at length.
import net from 'node:net';

net.createServer({ allowHalfOpen: true }, (socket) => {
  let bytes = 0;
  socket.on('data', (chunk) => { bytes += chunk.length; });
  socket.on('end', () => socket.end(`${bytes} ` + 'y'.repeat(1 << 20)));
  socket.on('error', () => {});
}).listen(Number(process.env.PORT), '127.0.0.1');
