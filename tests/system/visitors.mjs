// SPDX-License-Identifier: Apache-2.0
//
// Visitors who notice: they load a page, then what it names, over connections that stay open, and complain about everything that no visitor
// should ever see. The pages come from release(): each names its release and its own fingerprinted script and style sheet.
import http from 'node:http';
import zlib from 'node:zlib';
import { spawn } from 'node:child_process';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { folder } from './freehold.mjs';

// Eight characters as bundlers write them, another for each number.
const mark = (n) => `Rl${String(n).padStart(5, '0')}x`;
const filler = Array.from({ length: 60 }, (_, i) => `<p>line ${i}</p>`).join('\n');

// The source of a release. Pages of all of them have one length, so that nothing but their content tells them apart.
export const release = (n) => folder({
  'index.html': `<!doctype html><title>release=${mark(n)}</title><link rel=stylesheet href="/assets/page-${mark(n)}.css">\n${filler}\n<script src="/assets/app-${mark(n)}.js"></script>`,
  'about.html': `<!doctype html><title>release=${mark(n)}</title><link rel=stylesheet href="/assets/page-${mark(n)}.css"><script src="/assets/app-${mark(n)}.js"></script>`,
  'plain.txt': `release=${mark(n)}`,
  [`assets/app-${mark(n)}.js`]: `console.log("${mark(n)}");\n${'// filler\n'.repeat(200)}`,
  [`assets/page-${mark(n)}.css`]: `p::after { content: "${mark(n)}" }`,
});

export const releaseOf = (page) => {
  const found = /release=Rl(\d{5})x/.exec(page);
  return found ? Number(found[1]) : 0;
};

const unpack = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync };

export class Visitors {
  constructor(freehold, app, { connections = 4, seed = 1 } = {}) {
    Object.assign(this, { freehold, app, connections, seed, requests: 0, complaints: [], switches: [], live: [], etags: new Map(), releases: new Map(), kinds: new Map() });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  }

  // A small generator of its own, so that a seed gives the same requests again.
  random() {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0;
    return this.seed / 2 ** 32;
  }

  pick(list) { return list[Math.floor(this.random() * list.length)]; }

  complain(what) { if (this.complaints.length < 20) this.complaints.push(what); }

  async ask(url, headers = {}, method = 'GET') {
    this.requests++;
    const res = await new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: this.freehold.port, method, path: url, agent: this.agent, headers: { host: `${this.app}.localhost`, ...headers } }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(chunks) }));
        answer.on('error', reject);
      });
      req.on('error', reject);
      req.end();
    });
    const coding = res.headers['content-encoding'];
    res.text = (coding && res.bytes.length > 0 ? unpack[coding](res.bytes) : res.bytes).toString();
    return res;
  }

  count(kind) { this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1); }

  // A page, as a browser with or without an older copy asks for it.
  async page() {
    const url = this.pick(['/', '/', '/about', '/index.html']);
    const coding = this.pick([undefined, 'gzip', 'br', 'gzip, br']);
    const known = this.random() < 0.3 ? this.etags.get(url + coding) : undefined;
    const headers = { ...(coding ? { 'accept-encoding': coding } : {}), ...(known ? { 'if-none-match': known.etag } : {}) };
    const began = performance.now();
    const res = await this.ask(url, headers);
    if (known && res.status === 304) {
      this.count('304');
      this.mayBe(known.release, began, `304 for ${url}`);
      return known.release;
    }
    this.count(res.headers['content-encoding'] ?? 'plain');
    const found = releaseOf(res.text);
    if (res.status !== 200 || found === 0) this.complain(`${url}: ${res.status} ${res.text.slice(0, 80)}`);
    if (res.headers['cache-control'] !== 'no-cache') this.complain(`${url}: cache-control ${res.headers['cache-control']}`);
    this.etags.set(url + coding, { etag: res.headers.etag, release: found });
    this.mayBe(found, began, url);
    this.saw(found);
    return found;
  }

  saw(found) {
    this.releases.set(found, (this.releases.get(found) ?? 0) + 1);
    if (found !== this.last) this.switches.push({ release: found, at: performance.now() });
    this.last = found;
  }

  // A switch to a release was asked for, and said to be done: between the two visitors may get either, afterwards no other.
  switching(to) { this.live.push({ release: to, from: performance.now(), until: Infinity }); }

  switched(to) {
    for (const span of this.live) if (span.release !== to && span.until === Infinity) span.until = performance.now();
  }

  mayBe(found, began, what) {
    const now = performance.now();
    if (this.live.length > 0 && !this.live.some((span) => span.release === found && span.from <= now && span.until >= began))
      this.complain(`${what}: release ${found}, which was not live at any moment of the request`);
  }

  // What the page names must be the page's own, whatever is live by now.
  async parts(n) {
    for (const url of [`/assets/app-${mark(n)}.js`, `/assets/page-${mark(n)}.css`]) {
      const method = this.pick(['GET', 'GET', 'GET', 'HEAD', 'range']);
      if (method === 'range') {
        const res = await this.ask(url, { range: 'bytes=0-9' });
        if (res.status !== 206 || res.bytes.length !== 10) this.complain(`${url}: range gave ${res.status}, ${res.bytes.length} bytes`);
        continue;
      }
      const res = await this.ask(url, this.random() < 0.5 ? { 'accept-encoding': 'gzip, br' } : {}, method);
      if (res.status !== 200) this.complain(`${method} ${url}: ${res.status}`);
      if (method === 'GET' && !res.text.includes(mark(n))) this.complain(`${url}: another release's bytes`);
      if (!/immutable/.test(res.headers['cache-control'] ?? '')) this.complain(`${url}: cache-control ${res.headers['cache-control']}`);
    }
  }

  async others() {
    const plain = await this.ask('/plain.txt');
    if (plain.status !== 200 || releaseOf(plain.text) === 0) this.complain(`/plain.txt: ${plain.status}`);
    const head = await this.ask('/', {}, 'HEAD');
    if (head.status !== 200 || head.bytes.length !== 0) this.complain(`HEAD /: ${head.status}`);
    const range = await this.ask('/', { range: 'bytes=0-14' });
    if (range.status !== 206 || range.text !== '<!doctype html>') this.complain(`/ bytes 0-14: ${range.status} ${range.text}`);
    const health = await this.ask('/auth/v1/health');
    if (health.status !== 200) this.complain(`/auth/v1/health: ${health.status}`);
    const missing = await this.ask('/assets/app-Nowhere1.js');
    if (missing.status !== 404) this.complain(`a missing script: ${missing.status}`);
  }

  async visit() {
    while (!this.isOver) {
      try {
        await this.parts(await this.page());
        if (this.random() < 0.2) await this.others();
      } catch (error) {
        this.complain(`${error.code ?? ''} ${error.message}`);
      }
    }
  }

  start() { this.visits = Array.from({ length: this.connections }, () => this.visit()); }

  async stop() {
    this.isOver = true;
    await Promise.all(this.visits);
    this.agent.destroy();
  }
}

// wrk on the pages and what they name; every body is looked at. What it counted comes back as numbers.
const script = `
local paths = {}
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) bad_count, page_count, part_count, sample = 0, 0, 0, "none" end
function request()
  local path = table.remove(paths)
  return wrk.format("GET", path or "/")
end
local function complain(status, body) bad_count = bad_count + 1 sample = status .. " " .. string.sub(body, 1, 60) end
function response(status, headers, body)
  local found = string.match(body, "<title>release=(Rl%d+x)")
  if status ~= 200 then return complain(status, body) end
  if found then
    page_count = page_count + 1
    for name in string.gmatch(body, "/assets/[%w.-]+") do
      if not string.find(name, found, 1, true) then complain(status, body) end
      if #paths < 64 then table.insert(paths, name) end
    end
  elseif string.find(body, "Rl%d+x") then part_count = part_count + 1
  else complain(status, body) end
end
function done(summary, latency, requests)
  local b, p, q, s = 0, 0, 0, "none"
  for _, t in ipairs(threads) do b = b + t:get("bad_count") p = p + t:get("page_count") q = q + t:get("part_count") if t:get("sample") ~= "none" then s = t:get("sample") end end
  local e = summary.errors
  io.write(string.format("RESULT requests=%d pages=%d parts=%d bad=%d connect=%d read=%d write=%d timeout=%d status=%d rate=%d p99_us=%d\\n", summary.requests, p, q, b, e.connect, e.read, e.write, e.timeout, e.status, summary.requests / summary.duration * 1e6, latency:percentile(99)))
  io.write("SAMPLE " .. s .. "\\n")
end
`;

export async function wrk(freehold, app, seconds, connections = 16) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-wrk-'));
  const file = path.join(dir, 'visit.lua');
  await writeFile(file, script);
  const out = await new Promise((resolve, reject) => {
    const child = spawn('wrk', ['-t2', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '-s', file, '-H', `Host: ${app}.localhost`, `http://127.0.0.1:${freehold.port}/`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => { text += chunk; });
    child.on('error', reject);
    child.on('exit', () => resolve(text));
  });
  await rm(dir, { recursive: true, force: true });
  const numbers = Object.fromEntries([.../(?:RESULT )(.*)/.exec(out)[1].matchAll(/(\w+)=(\d+)/g)].map(([, name, value]) => [name, Number(value)]));
  numbers.sample = /SAMPLE (.*)/.exec(out)[1];
  return numbers;
}
