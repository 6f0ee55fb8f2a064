// SPDX-License-Identifier: Apache-2.0
//
// A bare PostgreSQL beside Freehold, for what comes from elsewhere or goes there: made by initdb, on a port of 127.0.0.1 with passwords.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { appendFile, mkdtemp, rm, chmod, chown, copyFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { root, until } from '../freehold.mjs';
import { freePort } from '../port.mjs';

const run = promisify(execFile);
const isRoot = process.getuid() === 0;
const NOBODY = 65534;

export class Bare {
  // bin: PostgreSQL's folder of programs, of the newest one installed where it is not said. superuser: a role. settings: {name: value}. certificate: a folder of makeCertificate. within: a
  // command to run it under, where `address` is to be listened at. hba: further lines. What it logs is in `log`.
  static async start({ bin = execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim(), superuser = 'supabase_admin', walLevel = 'logical', settings = {}, certificate, within = [], address = '127.0.0.1', port, hba = '' } = {}) {
    const b = new Bare();
    Object.assign(b, { bin, superuser, within, address });
    b.dir = await mkdtemp(path.join(os.tmpdir(), 'fh-bare-'));
    await chmod(b.dir, 0o755);
    if (isRoot) await chown(b.dir, NOBODY, NOBODY);
    await b.as(['initdb', '-D', `${b.dir}/data`, '-U', superuser, '--auth-local=trust', '--auth-host=scram-sha-256', '--encoding=UTF8',
      '--locale=C.UTF-8', '--no-sync']);
    b.port = port ?? await freePort();
    if (hba) await appendFile(`${b.dir}/data/pg_hba.conf`, hba);
    if (certificate) await b.certify(certificate);
    b.settings = { port: b.port, listen_addresses: address, fsync: 'off', wal_level: walLevel, ...(certificate ? { ssl: 'on' } : {}), ...settings };
    await b.run();
    return b;
  }

  // One with a Supabase project's schemas, people and rows (project.sql).
  static async project(options) {
    const b = await Bare.start(options);
    await b.file(path.join(root, 'tests/system/import/project.sql'));
    return b;
  }

  get log() { return `${this.dir}/log`; }

  async run() {
    const options = Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [program, args] = this.dropped(path.join(this.bin, 'postgres'), ['-D', `${this.dir}/data`, '-k', this.dir, ...options]);
    const log = openSync(this.log, 'a');
    const [first, ...all] = [...this.within, program, ...args];
    this.process = spawn(first, all, { stdio: ['ignore', log, log], env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } });
    closeSync(log);
    await until('the bare PostgreSQL answers', () => this.psql('select 1').catch(() => null));
  }

  // What it shows from its next start, or reload(), on.
  async certify(folder) {
    for (const [from, to] of [['certificate.pem', 'server.crt'], ['key.pem', 'server.key']]) {
      const file = `${this.dir}/data/${to}`;
      await copyFile(path.join(folder, from), file);
      await chmod(file, 0o600);
      if (isRoot) await chown(file, NOBODY, NOBODY);
    }
  }

  reload() { return this.as(['pg_ctl', 'reload', '-D', `${this.dir}/data`]); }

  // mode: fast, immediate.
  async end(mode = 'fast') {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  dropped(program, args) {
    return isRoot ? ['setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', program, ...args]] : [program, args];
  }

  async as([name, ...args], options = {}) {
    const [program, all] = this.dropped(path.join(this.bin, name), args);
    return run(program, all, { maxBuffer: 256 << 20, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }, ...options });
  }

  get connection() { return ['-h', this.dir, '-p', String(this.port)]; }
  url(password = 'let-me-in', database = 'postgres') { return `postgresql://postgres:${password}@127.0.0.1:${this.port}/${database}`; }

  async psql(sql, { database = 'postgres', user = this.superuser } = {}) {
    const { stdout } = await this.as(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...this.connection, '-U', user, '-d', database, '-c', sql]);
    return stdout.trim();
  }

  async file(file, { database = 'postgres', user = this.superuser } = {}) {
    return this.as(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...this.connection, '-U', user, '-d', database, '-f', file]);
  }

  async dump(file, ...args) {
    const { stdout } = await this.as(['pg_dump', ...this.connection, '-U', this.superuser, ...args, 'postgres'], { encoding: 'buffer' });
    await writeFile(file, stdout);
  }

  async stop() {
    await this.end();
    await rm(this.dir, { recursive: true, force: true });
  }
}
