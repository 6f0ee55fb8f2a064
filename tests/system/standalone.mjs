// SPDX-License-Identifier: Apache-2.0
//
// freehold-backend in PostgREST's place for a test, over a PostgreSQL of its own:
//
//   const s = await Standalone.start({ schema: 'create table …', settings: { PGRST_DB_POOL: '2' } });
//   (await s.ask('GET', '/book?id=eq.7')).status
//   await s.stop();
//
// The roles are auth (who connects) and anon.
import { spawn, execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bin, until } from './freehold.mjs';
import { freePort } from './port.mjs';

const run = promisify(execFile);
const version = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a)[0];
const pgbin = (name) => `/usr/lib/postgresql/${version}/bin/${name}`;
const as = (program, args) => (process.getuid() === 0 ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]] : [program, args]);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nameOf = (socket) => stat(socket).then((found) => found.ino, () => null);

export class Standalone {
  // program: another server that takes PostgREST's settings.
  static async start({ schema, settings = {}, isUnix = false, program = path.join(bin, 'freehold-backend') }) {
    const s = new Standalone();
    s.dir = await mkdtemp(path.join(os.tmpdir(), 'fh-rest-'));
    await chmod(s.dir, 0o777);
    Object.assign(s, { isUnix, settings, program, servers: [] });
    [s.port, s.admin] = [await freePort(), await freePort()];
    s.agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    try {
      await run(...as(pgbin('initdb'), ['-D', `${s.dir}/data`, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8']));
      await s.startPostgres();
      await s.psql(`create role auth noinherit login; create role anon; grant anon to auth; ${schema}`);
      s.server = await s.startServer();
    } catch (error) {
      await s.stop();
      throw error;
    }
    return s;
  }

  get socket() { return path.join(this.dir, 'api.sock'); }
  ctl(...args) { return run(...as(pgbin('pg_ctl'), ['-D', `${this.dir}/data`, '-w', '-l', `${this.dir}/log`, ...args])); }
  startPostgres() { return this.ctl('-o', `-k ${this.dir} -h '' -c fsync=off -c max_connections=60 -c shared_buffers=16MB`, 'start'); }
  async killPostgres() {
    const pid = Number((await readFile(`${this.dir}/data/postmaster.pid`, 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGQUIT');
    await until('PostgreSQL has ended', () => readFile(`/proc/${pid}/stat`, 'utf8').then((text) => / Z /.test(text), () => true));
  }
  async psql(sql) { return (await run(...as('psql', ['-h', this.dir, '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', sql]))).stdout.trim(); }

  // One more beside those that run: with a unix socket it takes the name over. admin false: it has no admin port.
  async startServer({ admin = !this.isUnix } = {}) {
    const where = this.isUnix ? { PGRST_SERVER_UNIX_SOCKET: this.socket } : { PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: String(this.port) };
    const env = { PGRST_DB_URI: `postgresql://auth@/postgres?host=${this.dir}`, PGRST_DB_ANON_ROLE: 'anon', PGRST_JWT_SECRET: 'x'.repeat(40), PGRST_LOG_LEVEL: 'crit', PGRST_ADMIN_SERVER_HOST: '127.0.0.1', ...where,
      ...(admin ? { PGRST_ADMIN_SERVER_PORT: String(this.admin) } : {}), ...this.settings, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '' };
    const before = await nameOf(this.socket);
    const child = spawn(this.program, [], { stdio: ['ignore', 'inherit', 'inherit'], env });
    const server = { pid: child.pid, child, ended: null };
    server.exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve((server.ended = signal ?? code))));
    this.servers.push(server);
    await until('the server is ready', async () => {
      if (server.ended !== null) throw new Error(`${this.program} ended: ${server.ended}`);
      if (admin) return (await fetch(`http://127.0.0.1:${this.admin}/ready`).catch(() => null))?.status === 200;
      return (await nameOf(this.socket)) !== before; // the name is the new one's
    });
    return server;
  }

  // { status, headers, body }; null when Node itself refuses the target.
  ask(method, target, { headers = {}, content = '', signal, agent = this.agent } = {}) {
    return new Promise((resolve, reject) => {
      let req;
      const where = this.isUnix ? { socketPath: this.socket } : { port: this.port, host: '127.0.0.1' };
      try {
        req = http.request({ ...where, method, path: target, headers: { ...headers, 'Content-Length': Buffer.byteLength(content) }, agent, signal });
      } catch (error) {
        if (/unescaped|Invalid character/.test(error.message)) return resolve(null);
        throw error;
      }
      req.on('error', reject).on('response', (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d)).on('error', reject).on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts).toString() }));
      }).end(content);
    });
  }

  // A reader of its own: it reads `bytes` and then no more, until it is told to.
  read(target, bytes) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1');
      let seen = 0;
      socket.on('error', reject).on('data', (d) => { seen += d.length; if (seen < bytes) return; socket.pause().removeAllListeners('data').removeAllListeners('error'); socket.on('error', () => {}); resolve(socket); });
      socket.write(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
    });
  }

  async pssKiB() { return Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${this.server.pid}/smaps_rollup`, 'utf8'))[1]); }
  active(like) { return this.psql(`select count(*) from pg_stat_activity where query like '%${like}%' and state = 'active' and pid <> pg_backend_pid()`); }

  async stop() {
    this.agent.destroy();
    for (const server of this.servers) if (server.ended === null) server.child.kill('SIGTERM');
    await Promise.all(this.servers.map((server) => Promise.race([server.exit, new Promise((resolve) => setTimeout(resolve, 10_000).unref())])));
    for (const server of this.servers) if (server.ended === null) server.child.kill('SIGKILL');
    await this.ctl('-m', 'immediate', 'stop').catch(() => {});
    await rm(this.dir, { recursive: true, force: true });
  }
}
