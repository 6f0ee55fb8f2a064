#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Backup and restore through Freehold beside bare pgBackRest on the same cluster: node bench/backup.mjs [MB] [ROUNDS]. Bare
// pgBackRest has a repository of its own, the same options, and is run as the cluster's user. And what archiving costs an
// app that writes: pgbench with archive_command as it is, and with one that does nothing.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { head, inTurns, median, table } from './lib.mjs';
import { Freehold, until } from '../tests/system/freehold.mjs';
import { psql, source } from '../tests/system/crash.mjs';

const [mb, rounds] = [Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(path.join(os.tmpdir(), 'fh-bench-'));
const f = await Freehold.start();
const db = (sql) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(f.home, 'freehold.db'), sql], { encoding: 'utf8' }).trim();
const idle = () => until('no job runs', async () => db("select count(*) from job where state = 'running'") === '0', 300000);
const timed = async (work) => { const began = performance.now(); await work(); return (performance.now() - began) / 1000; };

try {
  await f.deploy((await source()).dir, 'shop');
  await f.cli('backup', 'set', 'drill_days=0');
  await psql(f, 'shop', `create table public.big as select i, md5(i::text) || md5((i + 1)::text) as a, repeat(md5(i::text), 4) as b from generate_series(1, ${mb * 4500}) i`);
  const size = Number((await psql(f, 'shop', 'select sum(pg_database_size(oid)) from pg_database'))[0]);
  head(`backup and restore of ${(size / 1e6).toFixed(0)} MB`);

  const data = f.app('shop', 'postgres/data'), { uid, gid } = statSync(data);
  execFileSync('chmod', ['755', folder]);
  const own = (name) => { const dir = path.join(folder, name); mkdirSync(dir, { recursive: true, mode: 0o700 }); chownSync(dir, uid, gid); return dir; };
  const conf = path.join(folder, 'bare.conf');
  writeFileSync(conf, readFileSync(f.app('shop', 'postgres/archive/1.conf'), 'utf8').replace(/^repo1-path=.*$/m, `repo1-path=${own('repo')}`).replace(/^lock-path=.*$/m, `lock-path=${own('lock')}`)
    .replace('archive-timeout=60', 'archive-timeout=60\narchive-check=n').replace(/^archive-check=n$/m, ''));
  chownSync(conf, uid, gid);
  const bare = (...words) => execFileSync('pgbackrest', [`--config=${conf}`, '--stanza=main', ...words], { uid, gid, cwd: '/', stdio: 'pipe', env: { PATH: process.env.PATH } });
  bare('stanza-create');
  const freehold = async (...words) => { await idle(); const r = await f.cli('db', 'shop', ...words); if (r.code !== 0) throw new Error(r.all); };
  const change = (i) => psql(f, 'shop', `update public.big set a = a || 'x' where i % 50 = ${i}`);
  const bareRestore = () => { const to = own('to'); bare(`--pg1-path=${to}`, '--type=none', 'restore'); rmSync(to, { recursive: true }); };

  const found = await inTurns(rounds, {
    'full, Freehold': () => idle().then(() => timed(() => freehold('backup', '--full'))),
    'full, pgBackRest': () => timed(async () => bare('--type=full', '--no-archive-check', 'backup')),
    'changes, Freehold': async (i) => { await change(i); await idle(); return timed(() => freehold('backup')); },
    'changes, pgBackRest': () => timed(async () => bare('--type=incr', '--no-archive-check', 'backup')),
    'files back, pgBackRest': () => timed(async () => bareRestore()),
    'a copy with its log replayed and counted, Freehold': async () => { await idle(); const t = await timed(() => freehold('restore', '--to', 'now', '--inspect')); await freehold('restore', '--forget'); return t; },
    'a drill, Freehold': async () => { await idle(); return timed(() => freehold('drill')); },
  });
  table(['', 'median s', 'all'], Object.entries(found).map(([name, all]) => [name, median(all).toFixed(1), all.map((s) => s.toFixed(1)).join(' ')]));

  // What continuous archiving costs.
  const sockets = path.join(f.home, 'run/shop/postgres');
  const pg = (program, ...words) => execFileSync(program, words, { uid, gid, cwd: '/', encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: `/usr/lib/postgresql/15/bin:${process.env.PATH}`, PGOPTIONS: '-c search_path=public' } });
  pg('pgbench', '-h', sockets, '-U', 'supabase_admin', '-i', '-s', '10', '-q', 'postgres');
  const write = (command) => async () => {
    await psql(f, 'shop', command ? `alter system set archive_command = '${command}'` : 'alter system reset archive_command');
    await psql(f, 'shop', 'select pg_reload_conf()');
    return Number(/tps = ([\d.]+)/.exec(pg('pgbench', '-h', sockets, '-U', 'supabase_admin', '-c', '8', '-j', '2', '-T', '15', '-N', 'postgres'))[1]);
  };
  const rate = await inTurns(rounds, { 'archived by Freehold': write(''), 'archived nowhere': write('/bin/true') });
  table(['pgbench -N -c 8', 'median transactions/s', 'all'], Object.entries(rate).map(([name, all]) => [name, median(all).toFixed(0), all.map((s) => s.toFixed(0)).join(' ')]));
} finally {
  await f.end();
  rmSync(folder, { recursive: true, force: true });
}
