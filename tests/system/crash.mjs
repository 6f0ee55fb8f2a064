// SPDX-License-Identifier: Apache-2.0
//
// One round of dying: freeholdd is killed while a deployment stands still at a named point (FREEHOLD_PAUSE_AT), started
// again, and everything is looked at. crash.test.mjs drives a chosen part of the points, tests/long/crash.mjs all.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { folder, until } from './freehold.mjs';

export const steps = ['receive', 'unpack', 'inspect', 'install', 'check', 'build', 'package', 'rehearse', 'restore-point',
  'migrate', 'start', 'verify', 'promote', 'watch'];

// Where a crash is interesting beyond the begin and the end of a step.
const inside = ['package:dressed', 'start:backend', 'start:server', 'rehearse:file', 'migrate:file', 'migrate:committed', 'promote:renamed', 'promote:noted', 'watch:pruned'];
// On the way back. broken: what makes the deployment fail before, so that there is a way back.
const undoing = ['start:undo', 'start:undone', 'rehearse:undo', 'package:undo', 'receive:undo', 'finish:undone'];

export const points = [
  ...steps.flatMap((step) => ['began', 'ran', 'done'].map((point) => ({ at: `${step}:${point}` }))),
  ...inside.map((at) => ({ at })),
  ...undoing.map((at) => ({ at, breaks: 'verify' })),
  { at: 'promote:undo', breaks: 'promote', only: 'first' },
  { at: 'promote:undone', breaks: 'promote', only: 'first' },
  // Killed again while what the first kill left is taken back.
  { at: 'verify:ran', again: 'start:undone' },
  { at: 'verify:began', again: 'package:undo' },
  { at: 'migrate:committed', again: 'rehearse:undone' },
  { at: 'package:dressed', again: 'receive:undone' },
];

let serial = 0;
const version = () => String(20260101000000 + ++serial);

// A page, an asset, and migrations that commit in two groups: a table with a row, then an index that no transaction may
// hold. earlier: those that came before, since an export always has all of them.
// hasServer: the page comes from a server of the app's own.
export async function source({ earlier = {}, isBroken = false, sql = '', hasServer = false } = {}) {
  const [table, index, more] = [version(), version(), version()];
  const migrations = {
    ...earlier,
    [`supabase/migrations/${table}_table.sql`]: `create table t_${table} (id int primary key);
      alter table t_${table} enable row level security;
      insert into t_${table} values (1);\n${sql}`,
    [`supabase/migrations/${index}_index.sql`]: `create index concurrently t_${index} on t_${table} (id);`,
    [`supabase/migrations/${more}_more.sql`]: `create table t_${more} (id int); alter table t_${more} enable row level security;`,
  };
  const dir = await folder(hasServer ? {
    ...migrations,
    'package.json': JSON.stringify({ name: 'served', private: true, scripts: { start: 'node server.js' } }),
    'server.js': `require('node:http').createServer((q, r) => { ${isBroken ? 'r.statusCode = 500;' : ''} r.end('${table}'); }).listen(process.env.PORT);`,
  } : {
    ...migrations,
    'index.html': isBroken ? '' : `<!doctype html><title>${table}</title><script src="/app.${table}.js"></script>`,
    [`app.${table}.js`]: `console.log(${table})`,
  });
  return { dir, migrations, versions: [table, index, more] };
}

const isStopped = (pid) => { try { return /\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); } catch { return false; } };

// FREEHOLD_PAUSE_AT: a job stands still there.
export const jobStands = (f, point) => until(`it stands at ${point}`, async () => (await f.processes()).some((p) => p.command.includes('--job ') && isStopped(p.pid)), 40000);

// As the user that the cluster belongs to.
export function psql(f, app, sql) {
  const { uid, gid } = statSync(f.app(app, 'postgres/data'));
  return new Promise((resolve, reject) => execFile('psql', ['-XAtq', '-h', path.join(f.home, 'run', app, 'postgres'), '-U', 'supabase_admin',
    '-d', 'postgres', '-c', sql], { uid, gid, cwd: '/', env: { PATH: process.env.PATH } },
  (error, stdout, stderr) => error ? reject(new Error(stderr || String(error))) : resolve(stdout.trim().split('\n').filter(Boolean))));
}

export async function applied(f, app) {
  if (!existsSync(f.app(app, 'postgres/data/postmaster.pid'))) return null;
  return psql(f, app, 'select version from supabase_migrations.schema_migrations order by 1');
}

// Every migration is whole: its row is there exactly if what it made is there.
export async function assertWholeMigrations(f, app) {
  const rows = await applied(f, app);
  const made = await psql(f, app, "select substr(relname, 3) from pg_class where relname ~ '^t_\\d{14}$' order by 1");
  assert.deepEqual(made, rows, 'schema_migrations and the schema agree');
  assert.deepEqual(await psql(f, app, 'select relname from pg_class c join pg_index i on i.indexrelid = c.oid where not indisvalid'), []);
  return rows;
}

async function list(dir) {
  return readdir(dir).catch((error) => { if (error.code === 'ENOENT') return []; throw error; });
}

// Nothing on disk and among the processes that a deployment made and nobody needs.
export async function assertNothingLeft(f, app) {
  assert.deepEqual(await list(f.app(app, 'work')), [], 'work/');
  assert.deepEqual(await list(f.app(app, 'clones')), [], 'clones/');
  assert.deepEqual(await list(path.join(f.home, 'uploads')), [], 'uploads/');
  for (const dir of [path.join(f.home, 'edge/hosts'), path.join(f.home, 'edge/stopped'), f.app(app), f.app(app, 'backups'), f.app(app, 'postgres'), f.app(app, 'releases')])
    assert.deepEqual((await list(dir)).filter((name) => /\.release\.internal$|\.new/.test(name)), [], dir);
  const { body } = await f.api('GET', `/v1/apps/${app}/releases`);
  assert.deepEqual((await list(f.app(app, 'releases'))).map(Number).sort(), body.releases.map((r) => r.number).sort(), 'releases/ and the list');
  // A live app's first backup begins by itself, at any moment after.
  const expected = /freeholdd$|freeholdd --job \d+$|\/archive\/pgbackrest |\/archive\/freehold-archive |nginx|postgres -D \S*\/apps\/[a-z0-9-]+\/postgres\/data |^postgres: |freehold-backend --config/;
  // Of a server: what serves the live release, and one that is not live any more and drains or is kept warm.
  const served = /freehold-serve --config \S*\/web\/(\d+)\/|^bwrap |freehold-serve --inside|^node server\.js/;
  const releases = new Set(body.releases.map((r) => r.number));
  const isServed = (p) => { const found = served.exec(p.command); return found !== null && (found[1] === undefined || releases.has(Number(found[1]))); };
  const stray = await until('no stray process', async () => {
    const found = (await f.processes()).filter((p) => (!expected.test(p.command) || /clones/.test(p.command)) && !isServed(p));
    return found.length === 0 ? { found } : null;
  }, 3000).catch(async () => ({ found: await f.processes() }));
  assert.deepEqual(stray.found, [], 'stray processes');
}

// The journal says what the disk and the edge say.
export async function assertAgreement(f, app) {
  const live = await f.live(app);
  const { body } = await f.api('GET', `/v1/apps/${app}`);
  const { body: { deployments } } = await f.api('GET', `/v1/apps/${app}/deployments`);
  assert.equal(body.live, live, 'status and the link');
  assert.deepEqual(deployments.filter((d) => d.state === 'live').map((d) => d.number), live === null ? [] : [live], 'the journal and the link');
  assert.deepEqual(deployments.filter((d) => d.state === 'running'), []);
  const { body: newest } = await f.api('GET', `/v1/apps/${app}/deployments/${deployments[0].number}`);
  assert.deepEqual(newest.steps.filter((s) => s.state === 'running'), [], 'no step runs');
  if (live === null) {
    assert.equal(body.state, 'new');
    assert.equal((await f.get(app, '/')).status, 404);
    assert.deepEqual(body.processes.filter((p) => p.state !== 'stopped'), [], 'nothing of an app that was never live runs');
  } else {
    assert.equal(body.state, 'running');
    await until(`${app} serves`, async () => (await f.get(app, '/auth/v1/health')).status === 200, 10000);
    assert.equal(await f.served(app), live);
    assert.equal((await f.get(app, '/')).status, 200);
  }
  return { live, newest };
}

// Asks all the time; every answer must be right.
export class Visitor {
  constructor(f, app, urls = ['/', '/auth/v1/health']) {
    this.failures = [];
    this.count = 0;
    this.task = (async () => {
      while (!this.isOver) {
        for (const url of urls) {
          const from = Date.now();
          const said = await f.get(app, url).then((r) => r.status, (error) => String(error));
          this.count++;
          if (said !== 200) this.failures.push({ url, said, at: new Date(from).toISOString(), ms: Date.now() - from });
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
  }

  async end() {
    this.isOver = true;
    await this.task;
    assert.deepEqual(this.failures, []);
    assert.ok(this.count > 0);
  }
}

// Ends the daemon and starts it so that the next deployment stands still at the point.
export async function restart(f, at) {
  process.kill(f.daemon.pid, 'SIGTERM');
  await f.daemonEnd;
  await f.startDaemon(at === undefined ? {} : { FREEHOLD_PAUSE_AT: at });
}

async function logged(f, text, from) {
  await until(`the log says: ${text}`, async () => (await readFile(f.log, 'utf8')).slice(from).includes(text), 30000);
}

export async function logSize(f) {
  return (await readFile(f.log, 'utf8')).length;
}

// Deploys and comes back when the deployment stands still there; the command goes on by itself. Null: it ended without
// having been there.
export async function deployUntil(f, dir, app, at) {
  const from = await logSize(f);
  const child = f.cli('deploy', dir, '--app', app, '--json');
  const ended = child.then((result) => ({ ended: result }));
  const there = logged(f, `paused at ${at}`, from).then(() => ({}));
  const first = await Promise.race([ended, there]);
  there.catch(() => {});
  return { ...first, child };
}

// before: {live, versions, migrations} of what serves, null in a first deployment. Gives the same of afterwards.
export async function round(f, app, { at, breaks, again }, before, { hasServer = false } = {}) {
  const next = await source({ earlier: before?.migrations, isBroken: breaks === 'verify', hasServer });
  const inTheWay = path.join(f.home, 'edge/hosts', `${app}.localhost`);
  if (breaks === 'promote') await mkdir(path.join(inTheWay, 'x'), { recursive: true });
  await restart(f, at);
  const { ended, child } = await deployUntil(f, next.dir, app, at);
  assert.equal(ended, undefined, `${at} was not reached:\n${ended?.all}`);
  await f.killDaemon();
  if (breaks === 'promote') await rm(inTheWay, { recursive: true });
  if (again !== undefined) {
    const from = await logSize(f);
    await f.startDaemon({ FREEHOLD_PAUSE_AT: again });
    await logged(f, `paused at ${again}`, from);
    await f.killDaemon();
  }
  await f.startDaemon();
  await child;
  await f.settled(app);
  const { live, newest } = await assertAgreement(f, app);
  await assertNothingLeft(f, app);
  assert.ok(live === (before?.live ?? null) || live === newest.number, `live is ${live}`);
  assert.equal(newest.state, live === newest.number ? 'live' : newest.state === 'failed' ? 'failed' : 'interrupted');
  const isBehindTheSwitch = /^promote:(renamed|noted|ran|done)|^watch:/.test(at);
  assert.equal(live === newest.number, isBehindTheSwitch, 'the switch decides');

  // Again, the same source mended: it goes live, with all of its migrations, each applied once.
  if (breaks === 'verify' && !hasServer) await writeFile(path.join(next.dir, 'index.html'), '<!doctype html>mended');
  if (breaks === 'verify' && hasServer) await writeFile(path.join(next.dir, 'server.js'), "require('node:http').createServer((q, r) => r.end('mended')).listen(process.env.PORT);");
  const number = await f.deploy(next.dir, app);
  const after = await assertAgreement(f, app);
  assert.equal(after.live, number);
  assert.deepEqual(await assertWholeMigrations(f, app), [...(before?.versions ?? []), ...next.versions]);
  if (/^migrate:(committed|ran|done)/.test(at) || /^(start|verify)/.test(at)) assertTellsOfMigrations(newest, next.versions, at);
  await assertNothingLeft(f, app);
  await rm(next.dir, { recursive: true });
  return { live: number, migrations: next.migrations, versions: [...(before?.versions ?? []), ...next.versions] };
}

// What has committed stays, and the deployment that was cut off says so.
function assertTellsOfMigrations(deployment, versions, at) {
  const told = (deployment.report?.migrations?.applied ?? []).map((file) => /(\d{14})_/.exec(file)[1]);
  assert.deepEqual(told, at === 'migrate:committed' ? versions.slice(0, 1) : versions, `${at}: what the report tells of migrations`);
  assert.match(JSON.stringify(deployment.report.notes), /committed and stay/);
}
