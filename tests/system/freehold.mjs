// SPDX-License-Identifier: Apache-2.0
//
// A Freehold of its own for a test: its own home, its own port, started and stopped by the test.
//
//   const f = await Freehold.start();
//   await f.cli('deploy', 'examples/static-site', '--app', 'site');
//   (await f.get('site', '/')).status
//   await f.stop();
//
// FREEHOLD_BIN names the folder of the programs (default: build/src/bin of this checkout).
import { spawn, execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, chmod, readFile, readlink, readdir, mkdir } from 'node:fs/promises';
import { existsSync, openSync, closeSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './port.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const bin = process.env.FREEHOLD_BIN ?? path.join(root, 'build/src/bin');
export const example = (name) => path.join(root, 'examples', name);

// Resolves when check() gives something true; rejects with what was last seen after the deadline.
export async function until(what, check, deadlineMs = 30000) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export class Freehold {
  // env: more for the daemon. home: an existing one, kept when stopped. wrap, wrapCli: a command to run the daemon, the
  // command under. programs: another folder of programs.
  static async start({ env = {}, home, port, tlsPort, wrap = [], wrapCli = [], programs = bin, mode = 0o755 } = {}) {
    const f = new Freehold();
    f.began = Date.now();
    f.ownsHome = home === undefined;
    f.home = home ?? (await mkdtemp(path.join(os.tmpdir(), 'fh-')));
    await chmod(f.home, mode);
    f.port = port ?? (await freePort());
    f.tlsPort = tlsPort ?? (await freePort());
    Object.assign(f, { wrap, wrapCli, programs });
    f.env = { ...process.env, FREEHOLD_HOME: f.home, FREEHOLD_PORT: String(f.port), FREEHOLD_TLS_PORT: String(f.tlsPort), NO_COLOR: '1' };
    await f.startDaemon(env);
    return f;
  }

  get socket() { return path.join(this.home, 'run/control.sock'); }
  get log() { return path.join(this.home, 'freeholdd.log'); }
  app(name, ...rest) { return path.join(this.home, 'apps', name, ...rest); }

  async startDaemon(env = {}) {
    const log = openSync(this.log, 'a');
    const [program, ...args] = [...this.wrap, path.join(this.programs, 'freeholdd')];
    this.daemon = spawn(program, args, { env: { ...this.env, ...env }, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.daemonEnd = new Promise((resolve) => this.daemon.once('exit', (code, signal) => resolve({ code, signal })));
    let ended = false;
    this.daemonEnd.then(() => { ended = true; });
    await until('the daemon answers', async () => {
      if (ended) throw new Error(`freeholdd ended at its start:\n${await readFile(this.log, 'utf8')}`);
      const status = await this.api('GET', '/v1/status').catch(() => null);
      return status?.status === 200 && status.body.edge.state === 'running';
    });
  }

  // kill -9 of the daemon: what runs for it dies with it, what serves goes on.
  async killDaemon() {
    process.kill(this.daemon.pid, 'SIGKILL');
    await this.daemonEnd;
  }

  async stop() {
    if (this.daemon.exitCode === null && this.daemon.signalCode === null) {
      process.kill(this.daemon.pid, 'SIGQUIT');
      await this.daemonEnd;
    }
    this.expectNoFindings();
    if (this.ownsHome && !process.env.FREEHOLD_KEEP) await rm(this.home, { recursive: true, force: true });
  }

  // In a build with the sanitizers: what they found in any process since this one began (src/base/asan_options.c). One that is
  // killed while it looks for leaks leaves an empty file, or a line that a thread of it cannot be read.
  expectNoFindings() {
    const dir = path.resolve(this.programs, '../../findings');
    const found = existsSync(dir) ? readdirSync(dir).map((name) => path.join(dir, name)).filter((file) => statSync(file).mtimeMs >= this.began) : [];
    const texts = found.map((file) => `${file}:\n${readFileSync(file, 'utf8')}`).filter((text) => /ERROR: |runtime error: /.test(text));
    if (texts.length > 0) throw new Error(texts.join('\n'));
  }

  // Destroys what the test made, so that no system users are left, and stops.
  async end() {
    const { body } = await this.api('GET', '/v1/apps');
    const kept = [];
    for (const app of body.apps) {
      const gone = await this.api('DELETE', `/v1/apps/${app.name}`);
      if (gone.status !== 200) kept.push(`${app.name}: ${JSON.stringify(gone.body)}`);
    }
    await this.stop();
    if (kept.length > 0) throw new Error(`not destroyed: ${kept.join(', ')}`);
  }

  cli(...args) {
    const options = typeof args.at(-1) === 'object' ? args.pop() : {};
    return new Promise((resolve) => {
      const [program, ...all] = [...this.wrapCli, path.join(this.programs, 'freehold'), ...args];
      const child = execFile(program, all, { env: { ...this.env, ...options.env }, cwd: options.cwd ?? root, maxBuffer: 64 << 20 },
        (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr, all: stdout + stderr }));
      if (options.input !== undefined) child.stdin.end(options.input);
    });
  }

  // Deploys and expects it to go live.
  async deploy(source, app, ...options) {
    const result = await this.cli('deploy', source, '--app', app, ...options);
    if (result.code !== 0) throw new Error(`deploy ${source} as ${app} ended with ${result.code}:\n${result.all}`);
    return (await this.api('GET', `/v1/apps/${app}`)).body.live;
  }

  api(method, url, body, headers = {}) {
    return new Promise((resolve, reject) => {
      const data = body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const req = http.request({ socketPath: this.socket, method, path: url,
        headers: { ...(data ? { 'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json', 'content-length': Buffer.byteLength(data) } : {}), ...headers } },
        (res) => collect(res).then((text) => resolve({ status: res.statusCode, headers: res.headers, text, body: parse(text) }), reject));
      req.on('error', reject);
      req.end(data);
    });
  }

  // A visitor's request, by the Host header since *.localhost resolves in browsers only.
  get(app, url, { method = 'GET', headers = {}, body, agent } = {}) {
    return this.request(`${app}.localhost`, url, { method, headers, body, agent });
  }

  request(host, url, { method = 'GET', headers = {}, body, agent } = {}) {
    return new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: this.port, method, path: url, agent, headers: { host, ...headers } },
        (res) => collect(res).then((text) => resolve({ status: res.statusCode, headers: res.headers, text, body: parse(text) }), reject));
      req.on('error', reject);
      req.end(body);
    });
  }

  // What an app's database says, as its owner asks it.
  async ask(app, sql) {
    return (await this.cli('db', app, 'psql', '--', '-XAtc', sql)).stdout.trim();
  }

  // One question to Freehold's own tables.
  store(sql) {
    return execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(this.home, 'freehold.db'), sql], { encoding: 'utf8' }).trim();
  }

  async live(app) {
    return readlink(this.app(app, 'live')).then((target) => Number(target.replace('releases/', '')), () => null);
  }

  async served(app) {
    return (await this.get(app, '/.well-known/freehold')).body?.release;
  }

  // Waits until no deployment of the app runs any more; gives the newest.
  async settled(app) {
    return until(`${app} is settled`, async () => {
      const { body } = await this.api('GET', `/v1/apps/${app}/deployments`);
      const newest = body.deployments?.[0];
      return newest && newest.state !== 'running' ? newest : null;
    });
  }

  // Processes whose command line or environment speaks of this home.
  async processes() {
    const found = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const command = line.replaceAll('\0', ' ').trim();
      const isOurs = command.includes(this.home) || environment.split('\0').includes(`FREEHOLD_HOME=${this.home}`);
      if (isOurs && Number(pid) !== process.pid) found.push({ pid: Number(pid), command });
    }
    return found;
  }
}

function collect(res) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    res.on('data', (chunk) => chunks.push(chunk));
    res.on('end', () => resolve(Buffer.concat(chunks).toString()));
    res.on('error', reject);
    res.on('aborted', () => reject(new Error('aborted')));
  });
}

function parse(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

const folders = [];
process.on('exit', () => { for (const dir of folders) rmSync(dir, { recursive: true, force: true }); });

// A scratch folder with these files: {"index.html": "…"}. It goes when the tests end.
export async function folder(files) {
  const { writeFile } = await import('node:fs/promises');
  const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-src-'));
  folders.push(dir);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(dir, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return dir;
}

export const present = existsSync;
