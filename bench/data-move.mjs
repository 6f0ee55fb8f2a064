// SPDX-License-Identifier: Apache-2.0
//
// Moving a database in, beside bare pg_dump and pg_restore of the same data, in the same run:
//
//     node bench/data-move.mjs [MB]      about so much data (200)
//
// The source is a project as tests/system/import/project.sql lays it out, with more notes. Freehold's way does more: a cluster of its
// own, every row compared with the dump, statistics, the switch.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, example, root } from '../tests/system/freehold.mjs';
import { Bare } from '../tests/system/import/bare.mjs';

const mb = Number(process.argv[2] ?? 200);
const bin = execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
const folder = await mkdtemp(path.join(os.tmpdir(), 'fh-bench-'));
const load = () => os.loadavg()[0].toFixed(1);
const timed = async (work) => {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
};

const source = await Bare.start({ bin });
const target = await Bare.start({ bin });
const f = await Freehold.start();
try {
  await source.file(path.join(root, 'tests/system/import/project.sql'));
  await source.psql(`insert into public.notes (owner, body, extra, tags, amount, day)
    select ('a0000000-0000-4000-8000-' || lpad((n % 12 + 1)::text, 12, '0'))::uuid, (select string_agg(md5((n * 8 + k)::text), '') from generate_series(1, 8) k), jsonb_build_object('n', n), array[n::text], n, date '2025-01-01'
    from generate_series(1, ${mb * 1600}) n`);
  await source.psql('alter role postgres superuser; analyze');
  const size = await source.psql("select pg_size_pretty(pg_database_size('postgres'))");
  await f.deploy(example('static-site'), 'site');
  console.log(`source ${size}, ${os.cpus().length} cores, load ${load()} at the start`);
  const dump = path.join(folder, 'bench.dump');
  const dumping = await timed(() => source.dump(dump, '-Fc'));
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  // The bare target needs the roles and the schemas that the app's rows refer to: the whole project is restored.
  await target.psql(`do $$ declare r text; begin foreach r in array array['anon','authenticated','service_role','authenticator','supabase_auth_admin','supabase_storage_admin','supabase_realtime_admin','supabase_replication_admin','supabase_read_only_user','dashboard_user','pgbouncer','postgres'] loop execute format('create role %I', r); end loop; end $$`);
  const restoring = await timed(() => target.as(['pg_restore', ...target.connection, '-U', 'supabase_admin', '-d', 'postgres', dump]).catch((e) => e));
  const importing = await timed(async () => {
    const done = await f.cli('db', 'site', 'import', dump, '--replace');
    if (done.code !== 0) throw new Error(done.all);
  });
  const { report } = (await f.api('GET', '/v1/apps/site/db/import')).body;
  const running = await timed(async () => {
    const done = await f.cli('db', 'site', 'import', source.url(), '--replace');
    if (done.code !== 0) throw new Error(done.all);
  });
  const again = (await f.api('GET', '/v1/apps/site/db/import')).body.report;
  const row = (what, seconds, beside) => console.log(`${what.padEnd(58)} ${seconds.toFixed(1).padStart(7)} s  ${beside}`);
  console.log(`dump ${((await stat(dump)).size / 1e6).toFixed(0)} MB`);
  row('pg_dump -Fc', dumping, '');
  row('pg_restore into an empty PostgreSQL', restoring, '');
  row('freehold db import FILE (compared, switched)', importing, `${(importing / restoring).toFixed(1)} x pg_restore; away ${report.stopped_ms} ms`);
  row('freehold db import URL (fetched, compared, switched)', running, `${(running / (dumping + restoring)).toFixed(1)} x pg_dump and pg_restore; away ${again.stopped_ms} ms`);
  // The pause of a move, both ways: what is written meanwhile is one row each ten milliseconds.
  await source.psql('create table public.tick (id bigserial primary key); grant all on public.tick to postgres');
  for (const way of ['--no-follow', '']) {
    let ticks = true;
    const ticking = (async () => { while (ticks) { await source.psql('insert into public.tick default values').catch(() => {}); await new Promise((resolve) => setTimeout(resolve, 10)); } })();
    const words = [['move', 'site', source.url(), '--replace', ...(way === '' ? [] : [way])], ['move', 'site', '--finish']];
    for (const w of words) { const done = await f.cli(...w); if (done.code !== 0) throw new Error(done.all); }
    ticks = false;
    await ticking;
    const { report: moved } = (await f.api('GET', '/v1/apps/site/db/import')).body;
    row(`freehold move, writing stood still (${moved.catch_up?.way ?? 'pause'})`, moved.held_ms / 1000, JSON.stringify(moved.catch_up ?? {}));
    await f.cli('move', 'site', '--back');
  }
  console.log(`load ${load()} at the end`);
} finally {
  await f.end();
  await source.stop();
  await target.stop();
  await rm(folder, { recursive: true, force: true });
}
