// SPDX-License-Identifier: Apache-2.0
//
// Every kind of request that an app's server gets, at once and all the time, while its releases are switched: pages over kept connections, forms whose
// bodies come slowly, server-sent events, WebSockets. What no visitor should ever see is kept as a complaint.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { folder } from './freehold.mjs';

// A server without a library. Each form's number goes to /data, where a second time would be seen.
export const release = (n) => folder({
  'package.json': JSON.stringify({ name: 'mixed', private: true, scripts: { start: 'node server.js' } }),
  'server.js': `
    const http = require('node:http'), fs = require('node:fs'), crypto = require('node:crypto');
    const server = http.createServer((q, r) => {
      if (q.url === '/stream') {
        r.writeHead(200, { 'content-type': 'text/event-stream' });
        let i = 0;
        const timer = setInterval(() => { r.write('data: ' + i + '\\n\\n'); if (++i === 20) { clearInterval(timer); r.end(); } }, 100);
        r.on('close', () => clearInterval(timer));
        return;
      }
      const hash = crypto.createHash('sha1'); let bytes = 0;
      q.on('data', (d) => { hash.update(d); bytes += d.length; });
      q.on('end', () => {
        if (q.method === 'POST') fs.appendFileSync('/data/forms', q.headers['x-form'] + ' ${n}\\n');
        r.writeHead(200, { 'content-type': 'text/plain' });
        r.end('release ${n} ' + q.method + ' ' + bytes + ' ' + hash.digest('hex') + ' ' + 'x'.repeat(2000));
      });
    });
    server.on('upgrade', (q, socket) => {
      const key = crypto.createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
      socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + key + '\\r\\n\\r\\n');
      socket.on('data', (d) => socket.write(Buffer.from([0x81, 2, 0x6f, 0x6b])));
      socket.on('error', () => {});
    });
    server.listen(process.env.PORT);`,
});

export class Mixed {
  constructor(f, app) {
    Object.assign(this, { f, app, complaints: [], counts: { get: 0, post: 0, stream: 0, socket: 0 }, sent: new Set(), isOver: false });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  }

  complain(what) { if (this.complaints.length < 50) this.complaints.push(what); }

  ask(method, url, { headers = {}, body = [], agent = this.agent } = {}) {
    return new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: this.f.port, method, path: url, agent, headers: { host: `${this.app}.localhost`, ...headers } }, (res) => {
        let text = '';
        res.on('data', (d) => { text += d; });
        res.on('end', () => resolve({ status: res.statusCode, text }));
        res.on('error', reject);
        res.on('aborted', () => reject(new Error('cut off')));
      });
      req.on('error', reject);
      (async () => {
        for (const part of body) {
          req.write(part);
          await new Promise((next) => setTimeout(next, 15));
        }
        req.end();
      })();
    });
  }

  async loop(kind, one) {
    while (!this.isOver) {
      try {
        await one();
        this.counts[kind]++;
      } catch (error) {
        this.complain(`${kind}: ${error.message}`);
      }
    }
  }

  async page() {
    const { status, text } = await this.ask('GET', '/');
    if (status !== 200 || !text.startsWith('release ')) throw new Error(`${status} ${text.slice(0, 80)}`);
  }

  // A body in pieces: it belongs to the release that its first byte reached.
  async form() {
    const id = randomUUID(), body = Array.from({ length: 6 }, () => Buffer.alloc(3000, 'f'));
    this.sent.add(id);
    const { status, text } = await this.ask('POST', '/form', { headers: { 'x-form': id, 'content-length': 18000 }, body });
    if (status !== 200 || !text.includes(' POST 18000 ')) throw new Error(`${status} ${text.slice(0, 80)}`);
  }

  // Two seconds of events, over a connection of its own.
  async stream() {
    const { status, text } = await this.ask('GET', '/stream', { agent: false });
    if (status !== 200 || !text.includes('data: 19')) throw new Error(`${status}, ended after ${text.length} bytes`);
  }

  socket() {
    return new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: this.f.port, path: '/socket', agent: false,
        headers: { host: `${this.app}.localhost`, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' } });
      let answers = 0, isDone = false;
      req.on('upgrade', (res, socket) => {
        const timer = setInterval(() => socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61])), 50);
        socket.on('data', () => { if (++answers === 20) { isDone = true; clearInterval(timer); socket.destroy(); resolve(); } });
        socket.on('close', () => { clearInterval(timer); if (!isDone) reject(new Error(`closed after ${answers} answers`)); });
        socket.on('error', () => {});
      });
      req.on('response', (res) => reject(new Error(`answered ${res.statusCode}`)));
      req.on('error', reject);
      req.end();
    });
  }

  start() {
    this.tasks = [['get', () => this.page()], ['get', () => this.page()], ['post', () => this.form()], ['post', () => this.form()],
      ['stream', () => this.stream()], ['socket', () => this.socket()]].map(([kind, one]) => this.loop(kind, one));
  }

  // Ends the load and looks at what the forms did.
  async end() {
    this.isOver = true;
    await Promise.all(this.tasks);
    this.agent.destroy();
    const lines = (await readFile(this.f.app(this.app, 'data/forms'), 'utf8')).trim().split('\n').map((line) => line.split(' ')[0]);
    this.doubled = lines.length - new Set(lines).size;
    this.lost = [...this.sent].filter((id) => !lines.includes(id)).length;
  }
}
