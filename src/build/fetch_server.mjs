// SPDX-License-Identifier: Apache-2.0
// Started for apps whose build leaves only a fetch handler (dist/server/server.js) and the files for browsers
// (dist/client): Node's HTTP in front of it. Written by Freehold; not part of the app.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const files = path.join(here, 'dist/client');
const module = await import(pathToFileURL(path.join(here, 'dist/server/server.js')));
const handler = module.default?.fetch ? module.default : module;
if (typeof handler.fetch !== 'function') {
  console.error('dist/server/server.js exports no fetch function');
  process.exit(1);
}

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif', '.webp': 'image/webp', '.avif': 'image/avif',
  '.ico': 'image/x-icon', '.woff': 'font/woff', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml', '.webmanifest': 'application/manifest+json', '.map': 'application/json', '.wasm': 'application/wasm',
};

async function fileOf(url) {
  let name;
  try { name = decodeURIComponent(url.pathname); } catch { return null; }
  const file = path.join(files, path.normalize(name));
  if (!file.startsWith(files + path.sep) || name.includes('\0')) return null;
  const found = await stat(file).catch(() => null);
  return found?.isFile() ? { file, size: found.size } : null;
}

function requestOf(message, url, signal) {
  const headers = new Headers();
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i];
    if (!name.startsWith(':')) headers.append(name, message.rawHeaders[i + 1]);
  }
  const hasBody = message.method !== 'GET' && message.method !== 'HEAD';
  return new Request(url, { method: message.method, headers, signal, ...(hasBody && { body: Readable.toWeb(message), duplex: 'half' }) });
}

async function answer(message, reply) {
  const scheme = message.headers['x-forwarded-proto'] ?? 'http';
  const url = new URL(message.url, `${scheme}://${message.headers.host ?? 'localhost'}`);
  const file = message.method === 'GET' || message.method === 'HEAD' ? await fileOf(url) : null;
  if (file) {
    reply.writeHead(200, { 'content-type': types[path.extname(file.file)] ?? 'application/octet-stream', 'content-length': file.size, 'cache-control': 'no-cache' });
    if (message.method === 'HEAD') reply.end();
    else await pipeline(createReadStream(file.file), reply);
    return;
  }
  const left = new AbortController();
  reply.on('close', () => left.abort());
  const response = await handler.fetch(requestOf(message, url, left.signal));
  const headers = [...response.headers].filter(([name]) => name !== 'set-cookie').flat();
  for (const cookie of response.headers.getSetCookie()) headers.push('set-cookie', cookie);
  reply.writeHead(response.status, headers);
  if (response.body && message.method !== 'HEAD') await pipeline(Readable.fromWeb(response.body), reply);
  else reply.end();
}

const server = createServer((message, reply) => {
  answer(message, reply).catch((error) => {
    if (reply.destroyed) return;
    console.error(error);
    if (!reply.headersSent) reply.writeHead(500, { 'content-type': 'text/plain' });
    reply.end('Internal Server Error\n');
  });
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0');
