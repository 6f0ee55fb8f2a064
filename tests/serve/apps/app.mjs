// SPDX-License-Identifier: Apache-2.0
//
// A server that can do what real ones do. LISTEN: its address; WRONG_PORT: listens there instead.
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

let posts = 0;

function collect(stream, done) {
  const hash = createHash('sha256');
  let bytes = 0;
  stream.on('data', (chunk) => { hash.update(chunk); bytes += chunk.length; });
  stream.on('end', () => done(bytes, hash.digest('hex')));
}

const routes = {
  '/': (q, s) => s.end(`pid ${process.pid} port ${process.env.PORT}`),
  '/env': (q, s) => s.end(JSON.stringify(process.env)),
  '/hosts': (q, s) => s.end(readFileSync('/etc/hosts') + '--\n' + readFileSync('/etc/resolv.conf')),
  '/sum': (q, s) => collect(q, (bytes, hash) => s.end(JSON.stringify({ bytes, hash }))),
  '/big': (q, s, url) => {
    let left = Number(url.searchParams.get('bytes'));
    const chunk = Buffer.alloc(1 << 16, 'x');
    const more = () => {
      while (left > 0) {
        const part = chunk.subarray(0, Math.min(left, chunk.length));
        left -= part.length;
        if (!s.write(part)) return s.once('drain', more);
      }
      s.end();
    };
    more();
  },
  '/slow': (q, s, url) => {
    appendFileSync('/data/slow', 'began\n');
    collect(q, () => setTimeout(() => { posts++; appendFileSync('/data/slow', 'done\n'); s.end(`done ${posts}`); }, Number(url.searchParams.get('ms'))));
  },
  '/events': (q, s) => {
    s.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => s.write(`data: ${Date.now()}\n\n`), 20);
    q.on('close', () => clearInterval(timer));
  },
  '/hold': (q, s) => { s.writeHead(200); s.write('held'); },
  '/link': (q, s, url) => {
    const c = net.connect(Number(url.searchParams.get('port')), url.searchParams.get('host') ?? '127.0.0.1');
    const chunks = [];
    c.on('connect', () => c.end('ping'));
    c.on('data', (chunk) => chunks.push(chunk));
    c.on('error', (error) => s.end(`error ${error.code}`));
    c.on('end', () => s.end(Buffer.concat(chunks)));
  },
  // Not listening first: who is in the backlog of one that dies is lost with it, whatever we do.
  '/die': (q, s) => { server.close(); s.end(); setTimeout(() => process.exit(7), 200); },
};

const server = http.createServer((q, s) => {
  const url = new URL(q.url, 'http://app');
  (routes[url.pathname] ?? ((_, r) => { r.statusCode = 404; r.end(); }))(q, s, url);
});
server.on('upgrade', (q, socket, head) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  if (head.length) socket.write(head);
  socket.pipe(socket);
});
if (process.env.TICKS) {
  let ticks = 0;
  setInterval(() => writeFileSync('/data/ticks', String(++ticks)), 10);
}
if (process.env.DEAF) process.on('SIGTERM', () => {});
server.listen(Number(process.env.WRONG_PORT ?? process.env.PORT), process.env.LISTEN ?? '127.0.0.1');
