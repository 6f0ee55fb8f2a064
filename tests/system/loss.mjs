// SPDX-License-Identifier: Apache-2.0
//
// Rounds of going wrong for backups: writers commit numbered rows while something is killed, stopped, filled or taken
// away; then a copy of "now" and one of a chosen moment must have exactly what was promised. loss.test.mjs drives a few
// rounds, tests/long/backup.mjs hundreds.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Freehold, until } from './freehold.mjs';
import { psql, source } from './crash.mjs';

// The same numbers for the same seed (mulberry32).
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Commits rows one after the other; a row is acknowledged when PostgreSQL has said its number back.
class Writer {
  constructor(box, number) {
    Object.assign(this, { box, number, next: 1, acknowledged: [], sent: [], running: true });
    this.done = this.work();
  }

  async work() {
    while (this.running) {
      await this.session().catch(() => {});
      await pause(50);
    }
  }

  session() {
    const { f } = this.box;
    const { uid, gid } = this.box.user;
    return new Promise((resolve) => {
      const child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', path.join(f.home, 'run/shop/postgres'), '-U', 'supabase_admin', '-d', 'postgres'],
        { uid, gid, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] });
      let text = '';
      const send = () => {
        if (!this.running) return child.stdin.end();
        const id = this.number * 1e7 + this.next++;
        this.sent.push({ id, at: Date.now() });
        child.stdin.write(`insert into public.w values (${id}) returning id;\n`);
      };
      child.stdin.on('error', () => {});
      child.stdout.on('data', (chunk) => {
        text += chunk;
        for (let end; (end = text.indexOf('\n')) >= 0; text = text.slice(end + 1)) {
          this.acknowledged.push({ id: Number(text.slice(0, end)), at: Date.now() });
          setTimeout(send, 2);
        }
      });
      child.on('exit', resolve);
      child.on('error', resolve);
      send();
    });
  }
}

export class Box {
  static async start() {
    const box = new Box();
    try {
      return await box.begin();
    } catch (error) {
      await box.stop();
      throw error;
    }
  }

  async begin() {
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'fh-loss-'));
    chmodSync(this.folder, 0o755);
    this.place = path.join(this.folder, 'place');
    mkdirSync(this.place);
    if (process.getuid() === 0)
      try { execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=755', 'tmpfs', this.place], { stdio: 'pipe' }); this.isMounted = true; } catch { /* then no full disk */ }
    this.f = await Freehold.start();
    await this.f.deploy((await source()).dir, 'shop');
    for (const words of [['set', 'drill_days=0'], ['add', this.place]]) {
      const done = await this.f.cli('backup', ...words);
      assert.equal(done.code, 0, done.all);
    }
    this.user = statSync(this.f.app('shop', 'postgres/data'));
    await until('both places have a backup', async () => (await this.places()).every((p) => p.backups.length > 0), 120000);
    await psql(this.f, 'shop', 'create table public.w (id bigint primary key)');
    this.writers = [1, 2, 3].map((n) => new Writer(this, n));
    return this;
  }

  async places() { return (await this.f.api('GET', '/v1/apps/shop/db/backups')).body.places; }

  async stop() {
    for (const writer of this.writers ?? []) writer.running = false;
    await Promise.all((this.writers ?? []).map((w) => w.done));
    await this.f?.end();
    if (this.isMounted) execFileSync('umount', ['-l', this.place]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  store(sql) { return execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(this.f.home, 'freehold.db'), sql], { encoding: 'utf8' }).trim(); }
  idle() { return until('no job runs', async () => this.store("select count(*) from job where state = 'running'") === '0', 120000); }
  async db(...words) { await this.idle(); return this.f.cli('db', 'shop', ...words); }

  async processes(name) {
    return (await this.f.processes()).filter((p) => p.command.split(' ')[0].split('/').at(-1) === name).map((p) => p.pid);
  }
}

const signal = (pids, name) => { for (const pid of pids) try { process.kill(pid, name); } catch { /* gone */ } };
const postmaster = (box) => Number(readFileSync(box.f.app('shop', 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

// Each goes wrong and is well again when it returns; how long between is the round's.
export const faults = {
  async 'kill -9 of PostgreSQL'(box, ms) {
    signal([postmaster(box)], 'SIGKILL');
    await pause(ms);
  },
  async 'kill -9 of pgBackRest'(box, ms) {
    const backup = box.f.cli('db', 'shop', 'backup');
    await pause(ms / 2);
    signal(await box.processes('pgbackrest'), 'SIGKILL');
    await backup;
  },
  async 'kill -9 of freeholdd'(box, ms) {
    const backup = box.f.cli('db', 'shop', 'backup');
    await pause(ms / 2);
    await box.f.killDaemon();
    await backup;
    await box.f.startDaemon();
  },
  async 'the place is gone'(box, ms) {
    const hidden = path.join(box.place, 'db');
    renameSync(hidden, `${hidden}.away`);
    await psql(box.f, 'shop', 'select pg_switch_wal()').catch(() => {});
    await pause(ms);
    if (existsSync(hidden)) rmSync(hidden, { recursive: true });
    renameSync(`${hidden}.away`, hidden);
  },
  async 'the log is refused'(box, ms) {
    const archives = execFileSync('find', [box.place, box.f.app('shop', 'postgres/repository'), '-maxdepth', '4', '-name', 'archive', '-type', 'd'], { encoding: 'utf8' }).trim().split('\n');
    for (const dir of archives) chmodSync(dir, 0);
    await psql(box.f, 'shop', 'select pg_switch_wal()').catch(() => {});
    await pause(ms);
    for (const dir of archives) chmodSync(dir, 0o750);
  },
  async 'SIGSTOP of what archives'(box, ms) {
    await psql(box.f, 'shop', 'select pg_switch_wal()').catch(() => {});
    const stopped = [...await box.processes('pgbackrest'), ...await box.processes('pgbackrest-archive')];
    signal(stopped, 'SIGSTOP');
    await pause(ms);
    signal(stopped, 'SIGCONT');
  },
  async 'the disk of the place is full'(box, ms) {
    if (!box.isMounted) return;
    const filler = path.join(box.place, 'filler');
    try { execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'pipe' }); } catch { /* full */ }
    await psql(box.f, 'shop', 'select pg_switch_wal()').catch(() => {});
    await pause(ms);
    rmSync(filler, { force: true });
  },
};

function inCopy(box, sockets, sql) {
  const { uid, gid } = box.user;
  return execFileSync('psql', ['-XAtq', '-h', sockets, '-U', 'supabase_admin', '-d', 'postgres', '-c', sql], { uid, gid, cwd: '/', encoding: 'utf8', maxBuffer: 256 << 20 })
    .split('\n').filter(Boolean).map(Number);
}

async function lookAt(box, to, place) {
  let looked;
  await until(`a copy of ${to}`, async () => {
    await box.idle();
    looked = await box.db('restore', '--to', to, '--inspect', '--json', ...(place ? ['--place', String(place)] : []));
    return looked.code === 0;
  }, 120000).catch(() => assert.fail(`no copy of ${to}: ${looked.all.slice(-2000)}`));
  const end = JSON.parse(looked.stdout.trim().split('\n').at(-1));
  const ids = inCopy(box, end.job.result.socket_dir, 'select id from public.w');
  assert.equal(new Set(ids).size, ids.length, 'no row is doubled');
  return new Set(ids);
}

function assertHas(box, ids, before, what) {
  const missing = box.writers.flatMap((w) => w.acknowledged).filter(({ id, at }) => at < before && !ids.has(id));
  assert.deepEqual(missing.slice(0, 5), [], `${missing.length} acknowledged rows are missing in ${what}`);
}

// One round. Gives what it saw.
export async function round(box, next) {
  const names = Object.keys(faults), name = names[Math.floor(next() * names.length)], ms = 300 + Math.floor(next() * 2500);
  await until('rows are written', async () => (await psql(box.f, 'shop', 'select count(*) from public.w').catch(() => ['0']))[0] !== '0', 60000);
  if (next() < 0.3) await box.db('backup');
  await faults[name](box, ms);
  await until('PostgreSQL answers', () => psql(box.f, 'shop', 'select 1').then(() => true, () => false), 60000);
  const moment = Date.now();
  await pause(200 + next() * 500);
  const began = Date.now();
  const place = next() < 0.5 ? undefined : 2;
  const now = await lookAt(box, 'now', place);
  assertHas(box, now, began, `"now" after: ${name}`);
  const then = await lookAt(box, new Date(moment).toISOString(), place);
  assertHas(box, then, moment - 1, `the copy of a moment after: ${name}`);
  const later = box.writers.flatMap((w) => w.sent).filter(({ id, at }) => at > moment && then.has(id));
  assert.deepEqual(later.slice(0, 5), [], `${later.length} rows of later are in the copy`);
  await box.db('restore', '--forget');
  const rows = box.writers.reduce((sum, w) => sum + w.acknowledged.length, 0);
  return { name, ms, rows, inNow: now.size, inThen: then.size };
}
