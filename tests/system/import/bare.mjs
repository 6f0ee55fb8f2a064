// SPDX-License-Identifier: Apache-2.0
//
// A bare PostgreSQL beside Freehold, for what comes from elsewhere or goes there: made by initdb, on a port of 127.0.0.1 with passwords.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, chmod, chown, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { root, until } from '../freehold.mjs';

const run = promisify(execFile);
const isRoot = process.getuid() === 0;
const NOBODY = 65534;

export class Bare {
  // bin: PostgreSQL's folder of programs, of the newest one installed where it is not said. superuser: a role.
  static async start({ bin = execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim(), superuser = 'supabase_admin', walLevel = 'logical' } = {}) {
    const b = new Bare();
    b.bin = bin;
    b.superuser = superuser;
    b.dir = await mkdtemp(path.join(os.tmpdir(), 'fh-bare-'));
    await chmod(b.dir, 0o755);
    if (isRoot) await chown(b.dir, NOBODY, NOBODY);
    await b.as(['initdb', '-D', `${b.dir}/data`, '-U', superuser, '--auth-local=trust', '--auth-host=scram-sha-256', '--encoding=UTF8',
      '--locale=C.UTF-8', '--no-sync']);
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    b.port = server.address().port;
    await new Promise((resolve) => server.close(resolve));
    const [program, args] = b.dropped(path.join(bin, 'postgres'), ['-D', `${b.dir}/data`, '-k', b.dir, '-c', `port=${b.port}`,
      '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', `wal_level=${walLevel}`]);
    b.process = spawn(program, args, { stdio: 'ignore', env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } });
    await until('the bare PostgreSQL answers', () => b.psql('select 1').catch(() => null));
    return b;
  }

  // One with a Supabase project's schemas, people and rows (project.sql).
  static async project(options) {
    const b = await Bare.start(options);
    await b.file(path.join(root, 'tests/system/import/project.sql'));
    return b;
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
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGINT');
      await ended;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}
