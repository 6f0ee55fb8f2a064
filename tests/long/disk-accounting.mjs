#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// What two months of an app leave on the disk: deployments, branches, a backup a day with its drill, the clock moved from
// day to day. What is bounded must stay below its bound; what is a history by intent is told by how much it grows.
//
//   node tests/long/disk-accounting.mjs [DEPLOYMENTS=200] [BRANCHES=50] [DAYS=60] [SEED]
//
// The database keeps its size (20 MB) while a tenth of it is written anew each day; each deployment brings another page and
// another asset of 200 kB, each fifth a migration. Some branches are deleted, the others go by themselves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Freehold, folder, until } from '../system/freehold.mjs';
import { random } from '../system/loss.mjs';
import { psql } from '../system/crash.mjs';
import { Copies, filesIn, kept, weigh } from './copies.mjs';

const [deployments, branches, days, seed] = [process.argv[2] ?? 200, process.argv[3] ?? 50, process.argv[4] ?? 60, process.argv[5] ?? Date.now() % 1e6].map(Number);
const next = random(seed), below = (n) => Math.floor(next() * n);
const DAY = 86400000;
console.log(`${deployments} deployments, ${branches} branches, ${days} days, seed ${seed}`);

const f = await Freehold.start();
const store = (sql) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(f.home, 'freehold.db'), sql], { encoding: 'utf8' }).trim();
const running = () => store("select count(*) from job where state = 'running'") !== '0';
const idle = () => until('no job runs', async () => !running(), 180000);
const db = async (...words) => { await idle(); const r = await f.cli('db', 'shop', ...words); assert.equal(r.code, 0, `${words.join(' ')}: ${r.all}`); return r; };
const list = async () => (await f.api('GET', '/v1/apps/shop/db/branches')).body.branches;

let serial = 0;
const migrations = {};
async function deploy() {
  const n = ++serial;
  if (n % 5 === 1) migrations[`supabase/migrations/${20260101000000 + n}_m.sql`] = `create table public.m_${n} (id int primary key); alter table public.m_${n} enable row level security;`;
  const asset = Array.from({ length: 200 }, () => Array.from({ length: 100 }, () => below(1e10).toString(36)).join('').slice(0, 1000).padEnd(1000, 'x')).join('\n');
  await f.deploy(await folder({ ...migrations, 'index.html': `<!doctype html><title>${n}</title><script src="/assets/app-${String(n).padStart(8, 'a')}.js"></script>`, [`assets/app-${String(n).padStart(8, 'a')}.js`]: `/* ${asset} */` }), 'shop');
}

const counted = { made: 0, deleted: 0 };
async function branch() {
  const there = await list();
  if (there.length >= 10) { await db('branch', 'delete', there[below(there.length)].name); counted.deleted++; }
  const kind = [[], [], ['--schema-only'], ['--sample', '5%']][below(4)];
  await db('branch', 'create', `b-${++counted.made}`, ...kind, '--days', String(1 + below(14)));
  const now = await list();
  if (next() < 0.3) { await db('branch', 'delete', now[below(now.length)].name); counted.deleted++; }
}

// A tenth of the rows, written anew: the size stays, the log of changes and the backups get something to keep.
async function churn(day) {
  await psql(f, 'shop', `update public.load set body = repeat(md5(id::text || '${day}'), 20) where id % 10 = ${day % 10}`);
  await psql(f, 'shop', 'vacuum public.load');
}

// What was due that day was done: its backup, its files, its drill.
async function sleep(day) {
  store(`insert into home_setting values ('clock_offset_ms', ${day * DAY}) on conflict (name) do update set value = excluded.value`);
  const now = () => Date.now() + day * DAY;
  await until(`the backup of day ${day}`, async () => {
    await f.api('PUT', '/v1/backup', {}); // it looks what is due
    await new Promise((resolve) => setTimeout(resolve, 200));
    return !running() && Number(store(`select count(*) from job where kind = 'backup' and state = 'done' and ended_at > ${now() - DAY / 2}`)) > 0;
  }, 180000);
  await until('nothing is due any more', async () => {
    await idle();
    await f.api('PUT', '/v1/backup', {});
    await new Promise((resolve) => setTimeout(resolve, 500));
    return !running();
  }, 180000);
}

const bytes = (...paths) => paths.filter(existsSync).reduce((sum, p) => sum + Number(execFileSync('du', ['-s', '--block-size=1', p], { encoding: 'utf8' }).split('\t')[0]), 0);
function look() {
  const at = (...rest) => bytes(f.app('shop', ...rest));
  const inside = existsSync(f.app('shop', 'postgres')) ? readdirSync(f.app('shop', 'postgres')) : [];
  const sized = (test) => inside.filter(test).reduce((sum, n) => sum + at('postgres', n), 0);
  const known = /^(data|repository|archive|branch-.*)$/;
  return {
    bounded: {
      database: at('postgres/data') - at('postgres/data/pg_wal'), 'its log (WAL)': at('postgres/data/pg_wal'), 'backups here': at('postgres/repository'), 'waiting for a place': at('postgres/archive'),
      branches: sized((n) => n.startsWith('branch-')), 'other copies': sized((n) => !known.test(n)), 'releases and assets': bytes(f.app('shop', 'releases'), f.app('shop', 'assets')),
      'dumps before migrations': at('backups'), 'work folders': at('work'), cache: bytes(path.join(f.home, 'cache')),
    },
    history: { 'every source (repo.git)': at('repo.git'), 'logs of the app': at('logs'), 'logs of deployments and jobs': bytes(path.join(f.home, 'logs')), 'the store': bytes(path.join(f.home, 'freehold.db')), 'its log (WAL)': bytes(path.join(f.home, 'freehold.db-wal')) },
    copies: { 'copies of files, all of that among them': bytes(path.join(f.home, 'backups')) },
  };
}

const mb = (n) => `${(n / 1e6).toFixed(1)} MB`, sum = (o) => Object.values(o).reduce((a, b) => a + b, 0);
const seen = [], deployed = []; // by day
function note(day) {
  const l = look();
  seen.push({ day, ...l, total: sum(l.bounded) });
  console.log(`day ${day}: ${serial} deployments, ${counted.made} branches made; bounded ${mb(sum(l.bounded))}, history ${mb(sum(l.history))}`);
}

// Copies of files: what retention says must be there, and nothing more. From the outside in:
//
//   1. Kept are the snapshots of the last `days` and the newest before them (kept() of copies.mjs), no others.
//   2. restic cuts files into pieces and keeps each piece once, compressed. So it keeps at most each content that any of those snapshots
//      has, once, as it is compressed: measured here by restoring every snapshot, hashing every file and deflating each new one. A twentieth
//      more, since restic's own compressor is zstd at its default, about as good; 32 bytes a piece for its cipher; and a description of each
//      file and folder in a snapshot: two hashes that do not compress, and little else, 128 bytes.
//   3. What was taken away leaves holes: prune repacks until at most a twentieth of the whole is unused (restic's --max-unused 5%).
//      A piece has 41 bytes in its pack's head and at most 160 in the index; a snapshot is a file. What an interrupted copy left goes with the next prune.
//   4. On the disk each of its files takes whole blocks of 4 kB, and restic makes 261 folders.
//
// And how much must be there, from what was done in the days that are kept:
//
//   5. A source is in its pack, and packs only come, until there are fifty: all that were ever in a copy are in the newest. Beside that,
//      what was deployed in those days was found as loose objects by its day's copy, until after ten deployments (PACK_EVERY of
//      upkeep/pack.h) they were packed; so were up to ten deployments more, and a day's, at their beginning.
//   6. A release's files are there once if it was kept on one of those days: deployed in them, or among the twelve at their beginning.
//   7. The store is another content each day, and grows: none is larger than the newest. Nothing else is there, but 100 kB.
const PACK_EVERY = 10, PACKS_MAX = 50, RELEASES_MAX = 12, DEPLOYMENT_BYTES = 202000;
function copiesAreWhatRetentionSays(copies, settings) {
  const times = copies.times(), taken = store("select coalesce(group_concat(began_at), '') from job where kind = 'files' and state = 'done'").split(',').map(Number);
  const { parts, entries } = copies.contents(), used = copies.used(), onDisk = weigh(copies.repository), blocks = bytes(copies.repository), count = filesIn(copies.repository);
  const contents = Object.values(parts).reduce((n, p) => n + p.contents, 0), packed = Object.values(parts).reduce((n, p) => n + p.packed, 0);
  console.log(`  copies of files: ${times.length} snapshots of ${taken.length} that were taken`);
  for (const [name, p] of Object.entries(parts).sort(([, a], [, b]) => b.packed - a.packed))
    console.log(`    ${name.padEnd(28)} ${mb(p.packed).padStart(9)} compressed, of ${mb(p.bytes)} in ${p.contents} contents; in the newest snapshot ${mb(p.newest)}`);
  console.log(`    restic has ${mb(used.total_size)} in ${used.total_blob_count} pieces, its files ${mb(onDisk)}, on the disk ${mb(blocks)}`);
  const wanted = kept(taken, settings);
  assert.equal(times.length, wanted.length, `snapshots: ${times.map((t) => new Date(t).toISOString())}`);
  times.forEach((t, i) => assert.ok(Math.abs(t - wanted[i]) < 60000, `the snapshot of ${new Date(t).toISOString()} is kept, ${new Date(wanted[i]).toISOString()} is wanted`));
  const below = (is, most, what) => assert.ok(is <= most, `${what}: ${mb(is)}, at most ${mb(most)}`);
  below(used.total_size, packed * 1.05 + contents * 32 + entries * 128, 'pieces in use');
  below(onDisk, used.total_size / 0.95 + used.total_blob_count * 201 + times.length * 4096 + 16384, 'files of the repository');
  below(blocks, onDisk + (count + 261) * 4096, 'the repository on the disk');
  const first = Math.max(0, days - settings.days - 1), lately = serial - (deployed[first] ?? 0), aDay = Math.ceil(deployments / days);
  const sources = parts['sources, packed'] ?? { bytes: 0, newest: 0 }, loose = parts['sources, an object a file'] ?? { bytes: 0, newest: 0 };
  const perSource = (sources.newest + loose.newest) / serial;
  if (deployments < PACK_EVERY * PACKS_MAX) assert.equal(sources.bytes, sources.newest, 'packs only come');
  below(loose.bytes, (lately + PACK_EVERY + aDay) * perSource * 1.02, 'loose objects');
  below(parts['releases and assets'].bytes, (lately + RELEASES_MAX) * DEPLOYMENT_BYTES, 'releases');
  below(parts['the store'].bytes, times.length * parts['the store'].newest, 'stores');
  const known = ['sources, packed', 'sources, an object a file', 'releases and assets', 'the store'];
  below(Object.entries(parts).reduce((n, [name, p]) => n + (known.includes(name) ? 0 : p.packed), 0), 100e3, 'the rest');
}

try {
  await deploy();
  await psql(f, 'shop', "create table public.load (id int primary key, body text); alter table public.load owner to postgres; insert into public.load select i, repeat(md5(i::text), 20) from generate_series(1, 25000) i");
  for (let day = 1; day <= days; day++) {
    const todo = [];
    while (serial + todo.filter((t) => t === deploy).length < Math.round(deployments * day / days)) todo.push(deploy);
    while (counted.made + todo.filter((t) => t === branch).length < Math.round(branches * day / days)) todo.push(branch);
    todo.push(() => churn(day));
    while (todo.length > 0) { await idle(); await todo.splice(below(todo.length), 1)[0](); }
    await sleep(day);
    deployed[day] = serial;
    if (day % Math.ceil(days / 12) === 0 || day === days) note(day);
  }

  const last = seen.at(-1), earlier = seen.filter((s) => s.day > days / 4 && s.day <= days * 5 / 8);
  console.log(`\nafter ${days} days:`);
  for (const part of ['bounded', 'history', 'copies'])
    for (const [name, size] of Object.entries(last[part])) console.log(`  ${part}  ${name.padEnd(40)} ${mb(size).padStart(10)}   most earlier ${mb(Math.max(...earlier.map((s) => s[part][name])))}`);
  const first = earlier[0] ?? seen[0];
  console.log(`  history grew by ${((sum(last.history) - sum(first.history)) / Math.max(1, (last.day - first.day)) / 1e3).toFixed(0)} kB a day`);

  // Branches: those that are listed are there, none past its days, none beyond ten; nothing half made.
  const there = await list(), now = Date.now() + days * DAY;
  assert.ok(there.length <= 10);
  assert.ok(there.every((b) => Date.parse(b.expires_at) > now - 60000), 'none outlives its days');
  assert.deepEqual(readdirSync(f.app('shop', 'postgres')).filter((n) => /^(branch|making|gone|copy|drill|aside)-/.test(n)).sort(), there.map((b) => `branch-${b.name}`).sort());
  // Releases and dumps: as many as are kept.
  assert.ok(readdirSync(f.app('shop', 'releases')).length <= 12);
  assert.ok(readdirSync(f.app('shop', 'backups')).filter((n) => n.endsWith('.dump')).length <= 3);
  // Backups: one a day for as long as their days ask for, and a full one's turn more. (Their times are the true clock's.)
  const { body } = await f.api('GET', '/v1/apps/shop/db/backups'), { settings } = (await f.api('GET', '/v1/backup')).body;
  const [place] = body.places;
  console.log(`  ${place.backups.length} backups here (kept: ${settings.days} days and ${settings.count} full, one each ${settings.full_days} days)`);
  assert.ok(place.backups.length <= Math.max(settings.days, settings.count * settings.full_days) + settings.full_days + 2, `${place.backups.length} backups`);
  await idle();
  const kit = await f.cli('backup', 'kit');
  assert.equal(kit.code, 0, kit.all);
  const copies = new Copies(path.join(f.home, 'backups/files'), kit.stdout);
  try { copiesAreWhatRetentionSays(copies, settings); } finally { copies.end(); }
  assert.equal(last.bounded['other copies'], 0);
  // As a whole: what it took in its second quarter it takes at the end, give or take what branches there are just now.
  const still = (s) => s.total - s.bounded.branches;
  if (earlier.length > 0) assert.ok(still(last) <= 1.25 * Math.max(...earlier.map(still)), `${mb(still(last))} against ${mb(Math.max(...earlier.map(still)))}`);
  console.log('what is bounded is within its bounds');
} finally {
  await f.end();
}
