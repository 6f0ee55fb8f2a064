#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Files through the edge, beside a plain nginx that sends the very same file from the same disk: bench/storage.mjs [ROUNDS [SECONDS [ONLY]]]
//   download   a public object, 10 kB and 100 MB: the backend says who may, nginx sends; plain nginx once as it is and once with the headers
//              that the edge's answer has
//   upload     10 kB and 100 MB into a bucket (synced to the disk before the answer), against nginx's own PUT (WebDAV, which does not sync)
// ONLY: of the cases, those whose name has it. Of downloads the processor time of nginx for each is told too: other work on the machine moves it less.
import { chmod, mkdtemp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, until } from '../tests/system/freehold.mjs';
import { freePort } from '../tests/system/port.mjs';
import { background, family, head, inTurns, median, run, table, wrk } from './lib.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 3)], only = process.argv[4] ?? '';
const isRoot = process.getuid() === 0;
head(`storage: medians of ${rounds} rounds of ${seconds} s in turns`);

const f = await Freehold.start();
const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-st-'));
let plain;
try {
  await chmod(dir, 0o755);
  await f.deploy(example('static-site'), 'shop');
  const { service_role_key: key } = JSON.parse(await readFile(f.app('shop', 'backend.json'), 'utf8'));
  const at = `http://127.0.0.1:${f.port}/storage/v1`;
  const curl = async (...args) => (await run('curl', ['-sS', '--fail-with-body', '-H', 'Host: shop.localhost', '-H', `Authorization: Bearer ${key}`, ...args], { maxBuffer: 1 << 20 })).stdout;
  await curl('-H', 'Content-Type: application/json', '-d', '{"name":"open","public":true}', `${at}/bucket`);

  const sizes = { '10 kB': 10_000, '100 MB': 100_000_000 };
  await mkdir(path.join(dir, 'put'), { mode: 0o777 });
  await chmod(path.join(dir, 'put'), 0o777);
  for (const [name, size] of Object.entries(sizes)) {
    await writeFile(path.join(dir, String(size)), randomBytes(size));
    await curl('-H', 'Content-Type: application/x', '--data-binary', `@${path.join(dir, String(size))}`, `${at}/object/open/${size}`);
  }
  const common = ['server', 'date', 'content-type', 'content-length', 'connection', 'accept-ranges', 'last-modified'];
  const headers = (await curl('-D', '-', '-o', '/dev/null', `${at}/object/public/open/10000`)).trim().split('\r\n').slice(1).map((line) => /^([^:]+): (.*)$/.exec(line).slice(1))
    .filter(([name]) => !common.includes(name.toLowerCase())).map(([name, value]) => `add_header ${name} '${value}';`).join(' ');
  const port = await freePort();
  const workers = isRoot ? `user ${/^user (.*);$/m.exec(await readFile(path.join(f.home, 'edge/nginx.conf'), 'utf8'))[1]};` : '';
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');
  await writeFile(path.join(dir, 'nginx.conf'), `${workers} daemon off; worker_processes auto; pid ${dir}/nginx.pid; error_log stderr error; events { worker_connections 4096; }
http { sendfile on; tcp_nopush on; keepalive_requests 100000; client_max_body_size 0; access_log ${dir}/access.log combined buffer=32k flush=1s; ${temps}
server { listen 127.0.0.1:${port} backlog=4096; root ${dir}; location /headers/ { alias ${dir}/; etag off; ${headers} } location /put/ { dav_methods PUT; } } }`);
  plain = background('/usr/sbin/nginx', ['-p', dir, '-c', path.join(dir, 'nginx.conf')]);
  await until('nginx answers', () => new Promise((resolve) => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); resolve(true); }).on('error', () => resolve(false)); }));

  const ticks = async (pids) => (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))))
    .reduce((sum, text) => text.slice(text.lastIndexOf(')') + 2).split(' ').slice(11, 13).reduce((a, b) => a + Number(b), sum), 0);
  const spent = {}; // µs of nginx's workers for a request, by case
  const download = async (name, url, size, headers = {}) => {
    const pids = await family(url.includes(`:${port}/`) ? plain.pid : Number(await readFile(path.join(f.home, 'run/edge/nginx.pid'), 'utf8')));
    const before = await ticks(pids), { rate } = await wrk(url, { headers, seconds, connections: size > 1e6 ? 4 : 64 });
    (spent[name] ??= []).push((10_000 * (await ticks(pids) - before)) / (rate * seconds));
    return rate;
  };
  // One after the other, by one curl: a request each.
  const upload = async (url, size, headers = []) => {
    const count = size > 1e6 ? 3 : 200, started = performance.now();
    const list = Array.from({ length: count }, (_, i) => ['-X', url.includes('/put/') ? 'PUT' : 'POST', '-H', 'Expect:', '--data-binary', `@${path.join(dir, String(size))}`, '-H', 'Content-Type: application/x', '-H', 'x-upsert: true', ...headers, `${url}-${i}`, '-o', '/dev/null', '--next']).flat();
    await run('curl', ['-sS', '--fail', ...list.slice(0, -1)], { maxBuffer: 1 << 20 });
    return count / ((performance.now() - started) / 1000);
  };
  const mine = { Host: 'shop.localhost' };
  const cases = {};
  for (const [name, size] of Object.entries(sizes)) {
    cases[`download ${name}, edge`] = () => download(`download ${name}, edge`, `${at}/object/public/open/${size}`, size, mine);
    cases[`download ${name}, plain nginx`] = () => download(`download ${name}, plain nginx`, `http://127.0.0.1:${port}/${size}`, size);
    if (size < 1e6) cases[`download ${name}, plain nginx, the same headers`] = () => download(`download ${name}, plain nginx, the same headers`, `http://127.0.0.1:${port}/headers/${size}`, size);
    cases[`upload ${name}, edge`] = () => upload(`${at}/object/open/up-${size}`, size, ['-H', 'Host: shop.localhost', '-H', `Authorization: Bearer ${key}`]);
    cases[`upload ${name}, plain nginx`] = () => upload(`http://127.0.0.1:${port}/put/up-${size}`, size);
  }
  const results = await inTurns(rounds, Object.fromEntries(Object.entries(cases).filter(([name]) => name.includes(only))));
  table(['', 'requests/s', 'MB/s', 'of plain nginx', 'of it with the same headers', 'nginx, µs each'], Object.entries(results).map(([name, list]) => {
    const size = name.includes('100 MB') ? 1e8 : 1e4, of = (other) => (other && name.includes('edge') ? `${(100 * median(list.map((one, i) => one / other[i]))).toFixed(0)} %` : '');
    return [name, median(list).toFixed(1), (median(list) * size / 1e6).toFixed(0), of(results[name.replace('edge', 'plain nginx')]), of(results[name.replace('edge', 'plain nginx, the same headers')]), spent[name] ? median(spent[name]).toFixed(1) : ''];
  }));
  const pid = (await f.api('GET', '/v1/apps/shop')).body.processes.find((p) => p.name === 'backend').pid;
  console.log(`the backend's memory at its highest: ${/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]} kB`);
  await stat(dir);
} finally {
  await plain?.stop();
  await f.end();
  await rm(dir, { recursive: true, force: true });
}
