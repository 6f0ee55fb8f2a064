// SPDX-License-Identifier: Apache-2.0
//
// One freehold-serve for a test, without a daemon.
//
//   const s = await Served.start('hello.mjs', { env: { LISTEN: '::1' } });
//   (await s.get('/')).text
//   await s.ended('SIGTERM')           its last state.json
//
// Run as root it drops to a user that nobody has; run as anyone else it is that user. With {group: true} it runs in
// cgroups as the supervisor would make them (root, cgroup v1 only).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin, until } from '../system/freehold.mjs';

export { until };
export const isRoot = process.getuid() === 0;
const user = 64321;
const apps = path.join(path.dirname(fileURLToPath(import.meta.url)), 'apps');
const cgroups = { memory: '/sys/fs/cgroup/memory', pids: '/sys/fs/cgroup/pids' };
export const hasGroups = isRoot && existsSync(cgroups.memory + '/memory.limit_in_bytes') && existsSync(cgroups.pids);

export class Served {
  // app: a file of tests/serve/apps, or a whole argv. keep: leave the folder to the caller.
  static prepare(app, { env = {}, config = {}, dir } = {}) {
    const s = new Served();
    s.dir = dir ?? mkdtempSync(path.join(os.tmpdir(), 'fhs-'));
    chmodSync(s.dir, 0o755);
    for (const name of ['run', 'data']) {
      mkdirSync(path.join(s.dir, name), { recursive: true });
      if (isRoot) chownSync(path.join(s.dir, name), user, user);
    }
    s.socket = path.join(s.dir, 'run/web.sock');
    s.config = {
      argv: Array.isArray(app) ? app : ['node', app], cwd: '/app', env: { ...env, TEST_MARK: s.dir },
      mounts: [{ from: apps, to: '/app', mode: 'read' }, { from: path.join(s.dir, 'data'), to: '/data', mode: 'write' }],
      hosts: { '127.0.0.1': ['shop.localhost'] }, socket: s.socket, state: path.join(s.dir, 'run/state.json'),
      port: 3000, boot_ms: 20000, linger_ms: 50, drain_ms: 5000, kill_ms: 1000, ...config,
    };
    s.file = path.join(s.dir, 'run/serve.json');
    writeFileSync(s.file, JSON.stringify(s.config));
    return s;
  }

  static async start(app, options = {}) {
    const s = Served.prepare(app, options);
    s.run(options);
    if (options.until !== null) await s.is(options.until ?? 'serving');
    return s;
  }

  // wrap: a command to run it under.
  run({ group = false, wrap = [] } = {}) {
    const log = openSync(path.join(this.dir, 'log'), 'a', 0o600);
    if (isRoot) chownSync(path.join(this.dir, 'log'), user, user);
    const env = { PATH: process.env.PATH };
    let command = [path.join(bin, 'freehold-serve'), '--config', this.file];
    if (isRoot) command = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--inh-caps=-all', ...command];
    if (group) command = this.enterGroups(env, command);
    command = [...wrap, ...command];
    for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS']) if (process.env[name]) env[name] = process.env[name];
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log], env });
    closeSync(log);
    this.exited = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve(signal ?? code)));
  }

  enterGroups(env, command) {
    const { memory_bytes, processes } = this.config.limits;
    this.groups = Object.values(cgroups).map((dir) => `${dir}/freehold-test-${path.basename(this.dir)}`);
    this.groups.forEach((dir) => mkdirSync(dir));
    if (memory_bytes) writeFileSync(this.groups[0] + '/memory.limit_in_bytes', String(memory_bytes));
    if (processes) writeFileSync(this.groups[1] + '/pids.max', String(processes));
    env.FREEHOLD_GROUP = `1:${this.groups[0]}:1:${this.groups[1]}`;
    const enter = 'for g in "$1" "$2"; do echo $$ > "$g/cgroup.procs"; done; shift 2; exec "$@"';
    return ['bash', '-c', enter, 'enter', ...this.groups, ...command];
  }

  get state() {
    try { return JSON.parse(readFileSync(this.config.state, 'utf8')); } catch { return {}; }
  }

  get log() { try { return readFileSync(path.join(this.dir, 'log'), 'utf8'); } catch { return ''; } }

  async is(word, deadlineMs = 25000) {
    try {
      return await until(word, () => {
        const { state } = this;
        if (state.state === 'ended' && word !== 'ended') throw new Error(`ended: ${state.text}\n${this.log}`);
        return state.state === word && state.pid === this.child.pid && state;
      }, deadlineMs);
    } catch (error) {
      throw new Error(`${error.message}\n${JSON.stringify(this.state)}\n${this.log}`);
    }
  }

  // Ends it (or waits until it ends by itself) and gives its last state; nothing of it may be left.
  async ended(signal) {
    if (signal) this.child.kill(signal);
    this.status = await this.exited;
    return this.state;
  }

  // The numbers of all processes that began with ours.
  family() {
    const parents = new Map();
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try { parents.set(Number(pid), Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])); } catch {}
    }
    const isOurs = (pid) => pid === this.child.pid || (parents.has(pid) && isOurs(parents.get(pid)));
    return [...parents.keys()].filter(isOurs);
  }

  // What is there of it, whoever its parent is by now.
  left() {
    const has = (pid, file) => { try { return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(this.dir); } catch { return false; } };
    return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && (has(pid, 'cmdline') || has(pid, 'environ')));
  }

  request(url, { method = 'GET', headers = {}, body, agent = false } = {}) {
    return new Promise((resolve, reject) => {
      const r = http.request({ socketPath: this.socket, path: url, method, headers, agent }, (reply) => {
        const chunks = [];
        reply.on('data', (chunk) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({ status: reply.statusCode, headers: reply.headers, bytes, text: bytes.toString() });
        });
      });
      r.on('error', reject);
      if (body?.pipe) body.pipe(r);
      else r.end(body);
    });
  }

  get(url) { return this.request(url); }

  async stop() {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await this.exited;
    }
    assert.doesNotMatch(this.log, /Sanitizer|runtime error/);
    for (const dir of this.groups ?? []) await until(`${dir} is empty`, () => { try { rmdirSync(dir); return true; } catch { return false; } });
    await until('nothing of it is left', () => this.left().length === 0);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
