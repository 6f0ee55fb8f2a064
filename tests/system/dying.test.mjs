// SPDX-License-Identifier: Apache-2.0
// What serves, what supervises and what deploys: each ended alone, and several at once.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFile, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, bin, folder, until } from './freehold.mjs';
import { Visitor, applied, assertAgreement, assertNothingLeft, assertWholeMigrations, deployUntil, logSize, restart, source } from './crash.mjs';

let f, shop, first;
before(async () => {
  f = await Freehold.start();
  first = await source();
  shop = { live: await f.deploy(first.dir, 'shop'), migrations: first.migrations, versions: first.versions };
});
after(async () => { await f.end(); });

const part = async (name, app = 'shop') => (await f.api('GET', `/v1/apps/${app}`)).body.processes.find((p) => p.name === name);
const edge = async () => (await f.api('GET', '/v1/status')).body.edge;
const slowBuild = () => folder({ 'server.js': '', 'package.json': JSON.stringify({ name: 'slow', private: true, scripts: { build: 'sleep 600', start: 'node server.js' } }) });
const page = (text) => folder({ 'index.html': `<!doctype html>${text}` });

// The process that runs the deployment.
async function runner(app) {
  const [found] = (await f.processes()).filter((p) => p.command.includes(`--deploy ${app} `));
  return found.pid;
}

async function postmaster(app) {
  return Number((await readFile(f.app(app, 'postgres/data/postmaster.pid'), 'utf8')).split('\n')[0]);
}

// Pages over kept connections and reads through the backend, until told to end.
function load(f, app, key) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const failures = [];
  let isOver = false, count = 0;
  const worker = async (url, headers) => {
    while (!isOver) {
      const said = await f.get(app, url, { agent, headers }).then((r) => r.status, (error) => String(error));
      count++;
      if (said !== 200) failures.push(`${url}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const all = Promise.all([worker('/'), worker('/'), worker('/auth/v1/health'), worker(`/rest/v1/t_${first.versions[0]}?select=id`, { apikey: key })]);
  return async () => {
    isOver = true;
    await all;
    agent.destroy();
    assert.deepEqual(failures, []);
    assert.ok(count > 50, `only ${count} requests`);
  };
}

test('the daemon ends by signal and by kill under load: no request fails, the same processes serve', async () => {
  const { body } = await f.api('GET', '/v1/apps/shop');
  const pids = async () => [(await edge()).pid, (await part('postgres')).pid, (await part('backend')).pid];
  const was = await pids();
  const end = load(f, 'shop', body.keys.anon);
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL']) {
    process.kill(f.daemon.pid, signal);
    await f.daemonEnd;
    await f.startDaemon();
    await until('all run', async () => [await edge(), await part('postgres'), await part('backend')].every((p) => p.state === 'running'));
    assert.deepEqual(await pids(), was, `after ${signal}`);
  }
  await end();
});

test('what serves is killed and is back, with the reason', async () => {
  const answers = { postgres: `/rest/v1/t_${first.versions[0]}?select=id`, backend: '/auth/v1/health', edge: '/' };
  const { body: { keys } } = await f.api('GET', '/v1/apps/shop');
  for (const name of Object.keys(answers)) {
    const look = () => (name === 'edge' ? edge() : part(name));
    const was = await look();
    const from = Date.now();
    process.kill(was.pid, 'SIGKILL');
    const now = await until(`${name} is back`, async () => {
      const p = await look();
      return p.state === 'running' && p.pid !== was.pid ? p : null;
    }, 10000);
    const took = Date.now() - from;
    // PostgreSQL syncs its whole folder before it answers, which is the disk's time and not ours.
    await until(`${name} answers`, async () => 200 === await f.get('shop', answers[name], { headers: { apikey: keys.anon } }).then((r) => r.status, () => 0), 20000);
    assert.equal(now.restarts, was.restarts + 1);
    assert.match(now.reason, /signal 9|ended/);
    assert.ok(took < Number(process.env.BACK_MS ?? 1500), `${name}: ${took} ms`);
    const status = await f.cli('status', 'shop');
    assert.equal(status.code, 0, status.all);
  }
});

test('a backend that cannot start is shown as failing, with the reason, and comes back when mended', async () => {
  const config = await readFile(f.app('shop', 'backend.json'));
  await writeFile(f.app('shop', 'backend.json'), '{ this is no configuration');
  process.kill((await part('backend')).pid, 'SIGKILL');
  const failing = await until('it fails', async () => { const p = await part('backend'); return p.state === 'failing' ? p : null; }, 20000);
  assert.match(failing.reason, /ended with status \d/);
  assert.match((await f.cli('status')).all, /failing[^]*backend does not stay up: freehold logs shop --source backend -n 50/);
  const doctor = await f.cli('doctor');
  assert.equal(doctor.code, 1, doctor.all);
  assert.match(doctor.all, /app: backend of shop does not stay up \(ended with status \d+\)\s+To do: freehold logs shop --source backend/);
  assert.equal((await f.get('shop', '/')).status, 200, 'pages need no backend');
  await writeFile(f.app('shop', 'backend.json'), config);
  assert.equal((await f.api('POST', '/v1/apps/shop/restart')).status, 200);
  assert.equal((await f.get('shop', '/auth/v1/health')).status, 200);
});

test('a deployment is stopped by its owner, in the middle of a build and of a migration', async () => {
  const nothing = await f.cli('cancel', 'shop');
  assert.equal(nothing.code, 4, nothing.all);
  assert.match(nothing.stderr, /nothing of shop is being deployed/);
  const before = await applied(f, 'shop');
  const building = await slowBuild();
  const sleep = "select pg_sleep(case current_setting('max_logical_replication_workers') when '0' then 0 else 60 end);";
  const migrating = (await source({ earlier: shop.migrations, sql: sleep })).dir;
  for (const [dir, step] of [[building, 'build'], [migrating, 'migrate']]) {
    const child = f.cli('deploy', dir, '--app', 'shop');
    await until(`it is at ${step}`, async () => (await f.api('GET', '/v1/apps/shop')).body.deployment.step === step, 60000);
    const refused = await f.cli('deploy', dir, '--app', 'shop');
    assert.match(refused.stderr, /being deployed already .*freehold cancel shop/);
    const said = await f.cli('cancel', 'shop');
    assert.equal(said.code, 0, said.all);
    assert.match(said.stdout, new RegExp(`is stopped, and what it had begun is taken back\\.\nRelease ${shop.live} is still live`));
    const deploy = await child;
    assert.equal(deploy.code, 8, deploy.all);
    assert.match(deploy.all, /it was stopped \(freehold cancel\)/);
    assert.deepEqual(await applied(f, 'shop'), before);
    await assertNothingLeft(f, 'shop');
    assert.equal((await assertAgreement(f, 'shop')).live, shop.live);
  }
  const left = (await f.processes()).filter((p) => /sleep 600/.test(p.command));
  assert.deepEqual(left, [], 'nothing of the build is left');
});

test('one that is started while the one before still ends waits for it', async () => {
  const child = f.cli('deploy', await slowBuild(), '--app', 'shop');
  await until('it builds', async () => (await f.api('GET', '/v1/apps/shop')).body.deployment.step === 'build', 60000);
  const from = (await readFile(f.log, 'utf8')).length;
  process.kill(f.daemon.pid, 'SIGTERM'); // whoever follows the deployment keeps it for a moment
  await until('it ends', async () => (await readFile(f.log, 'utf8')).slice(from).includes('ending on signal'));
  await f.startDaemon();
  assert.notEqual((await child).code, 0);
  // The one that ends may have answered until now.
  await until('it is taken back', async () => (await f.api('GET', '/v1/apps/shop').catch(() => null))?.body.deployment.state === 'interrupted');
});

test('PostgreSQL is killed in the middle of a migration', async () => {
  const visitor = new Visitor(f, 'shop', ['/']);
  // Only the real database is slow: the rehearsal's copy has no logical replication workers.
  const sleep = "select pg_sleep(case current_setting('max_logical_replication_workers') when '0' then 0 else 60 end);";
  const next = await source({ earlier: shop.migrations, sql: sleep });
  const before = await applied(f, 'shop');
  const child = f.cli('deploy', next.dir, '--app', 'shop');
  await until('the migration sleeps', async () => (await f.api('GET', '/v1/apps/shop')).body.deployment.step === 'migrate', 60000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.kill(await postmaster('shop'), 'SIGKILL');
  const said = await child;
  assert.notEqual(said.code, 0);
  assert.match(said.all, /connection|PostgreSQL/);
  await until('PostgreSQL is back', async () => (await part('postgres')).state === 'running', 15000);
  assert.match((await part('postgres')).reason, /signal 9|ended/);
  assert.deepEqual(await assertWholeMigrations(f, 'shop'), before);
  assert.equal((await assertAgreement(f, 'shop')).live, shop.live);
  await assertNothingLeft(f, 'shop');
  const [table] = Object.keys(next.migrations).filter((name) => name.includes(next.versions[0]));
  await writeFile(path.join(next.dir, table), next.migrations[table].replace('else 60', 'else 0'));
  next.migrations[table] = next.migrations[table].replace('else 60', 'else 0');
  shop = { live: await f.deploy(next.dir, 'shop'), migrations: next.migrations, versions: [...shop.versions, ...next.versions] };
  assert.deepEqual(await assertWholeMigrations(f, 'shop'), shop.versions);
  await visitor.end();
});

test('the process of a deployment is killed alone: the daemon takes it back by itself', async () => {
  for (const at of ['package:dressed', 'migrate:file', 'promote:renamed']) {
    const next = await source({ earlier: shop.migrations });
    await restart(f, at);
    const { ended, child } = await deployUntil(f, next.dir, 'shop', at);
    assert.equal(ended, undefined, `${at} was not reached`);
    process.kill(await runner('shop'), 'SIGKILL');
    const said = await child;
    const { newest, live } = await assertAgreementSoon('shop');
    assert.equal(newest.state, at === 'promote:renamed' ? 'live' : 'interrupted');
    assert.equal(said.code === 0, at === 'promote:renamed', said.all);
    await assertNothingLeft(f, 'shop');
    await restart(f);
    shop = { live: await f.deploy(next.dir, 'shop'), migrations: next.migrations, versions: [...shop.versions, ...next.versions] };
    assert.ok(shop.live > live || at === 'promote:renamed');
    assert.deepEqual(await assertWholeMigrations(f, 'shop'), shop.versions);
  }
});

async function assertAgreementSoon(app) {
  await f.settled(app);
  return assertAgreement(f, app);
}

test('the daemon is killed between a rollback\'s switch and its note', async () => {
  await restart(f, 'rollback:renamed');
  const from = await logSize(f);
  const child = f.cli('rollback', 'shop', '1', '--yes');
  await until('the switch', async () => (await readFile(f.log, 'utf8')).slice(from).includes('paused at rollback:renamed'));
  assert.equal(await readlink(f.app('shop', 'live')), 'releases/1');
  await f.killDaemon();
  await f.startDaemon();
  assert.notEqual((await child).code, 0);
  assert.equal((await assertAgreement(f, 'shop')).live, 1);
  const back = await f.cli('rollback', 'shop', '--yes');
  assert.equal(back.code, 0, back.all);
  assert.equal((await assertAgreement(f, 'shop')).live, shop.live, 'the way back leads to what was live before');
});

test('a deployment that fails leaves a stopped app stopped, by itself and by a crash', async () => {
  const broken = await source({ earlier: shop.migrations, isBroken: true });
  const isStopped = async () => {
    const { body } = await f.api('GET', '/v1/apps/shop');
    assert.equal(body.state, 'stopped');
    assert.deepEqual(body.processes.map((p) => p.state), ['stopped', 'stopped']);
    assert.equal((await f.get('shop', '/')).status, 503);
  };
  assert.equal((await f.cli('stop', 'shop')).code, 0);
  assert.notEqual((await f.cli('deploy', broken.dir, '--app', 'shop')).code, 0);
  await isStopped();
  await restart(f, 'verify:began');
  const { child } = await deployUntil(f, broken.dir, 'shop', 'verify:began');
  await f.killDaemon();
  await f.startDaemon();
  await child;
  await f.settled('shop');
  await isStopped();
  shop.versions.push(...broken.versions);
  Object.assign(shop.migrations, broken.migrations);
  assert.equal((await f.cli('start', 'shop')).code, 0);
  await assertAgreement(f, 'shop');
  assert.deepEqual(await assertWholeMigrations(f, 'shop'), shop.versions);
});

test('one thing at a time in one app, and apps beside each other', async () => {
  const next = await source({ earlier: shop.migrations });
  await restart(f, 'check:began');
  const { child } = await deployUntil(f, next.dir, 'shop', 'check:began');
  const second = await f.cli('deploy', next.dir, '--app', 'shop');
  assert.notEqual(second.code, 0);
  assert.match(second.all, /is being deployed/);
  for (const [method, url] of [['POST', '/v1/apps/shop/rollback'], ['DELETE', '/v1/apps/shop'], ['POST', '/v1/apps/shop/stop'], ['POST', '/v1/apps/shop/restart']]) {
    const said = await f.api(method, url, method === 'POST' ? {} : undefined);
    assert.equal(said.status, 409, `${method} ${url}: ${said.text}`);
  }
  process.kill(await runner('shop'), 'SIGCONT');
  const went = await child;
  assert.equal(went.code, 0, went.all);
  await assertAgreement(f, 'shop');
  await restart(f);

  const [a, b] = await Promise.all([f.deploy((await source()).dir, 'left'), f.deploy((await source()).dir, 'right')]);
  assert.deepEqual([a, b], [1, 1]);
  await assertAgreement(f, 'left');
  await assertAgreement(f, 'right');
});

// Comes back when the destruction stands still: nothing of the app runs any more, and all of it is still there.
async function destroyUntilStopped(app) {
  await restart(f, 'destroy:stopped');
  const from = await logSize(f);
  const child = f.api('DELETE', `/v1/apps/${app}`).catch(() => null);
  await until('it stands still', async () => (await readFile(f.log, 'utf8')).slice(from).includes('paused at destroy:stopped'));
  const [{ pid }] = (await f.processes()).filter((p) => p.command.includes(`--destroy ${app}`));
  return { child, pid };
}

test('nobody touches an app that is being destroyed, and its name is free afterwards', async () => {
  const { child: gone, pid } = await destroyUntilStopped('left');
  const dir = await page('again');
  const refused = await f.cli('deploy', dir, '--app', 'left');
  assert.notEqual(refused.code, 0);
  assert.match(refused.all, /is being destroyed/);
  assert.equal((await f.api('DELETE', '/v1/apps/left')).status, 409);
  process.kill(pid, 'SIGCONT');
  assert.equal((await gone).status, 200);
  assert.equal(await f.deploy(dir, 'left'), 1);
  await assertAgreement(f, 'left');
  assert.deepEqual(await applied(f, 'left'), []);
});

test('a destruction that is cut off is finished by the next one', async () => {
  const { child: gone } = await destroyUntilStopped('right');
  await f.killDaemon();
  await gone;
  await f.startDaemon();
  const again = await f.api('DELETE', '/v1/apps/right');
  assert.equal(again.status, 200, again.text);
  assert.equal((await f.get('right', '/')).status, 404);
  assert.deepEqual((await f.processes()).filter((p) => /\/right\//.test(p.command)), []);
});

test('a backup that runs does not keep an app from being destroyed', async () => {
  await restart(f, 'place-1:backup');
  const from = await logSize(f);
  assert.equal(await f.deploy(await page('busy'), 'busy'), 1);
  await until('its first backup stands still', async () => (await readFile(f.log, 'utf8')).slice(from).includes('paused at place-1:backup'));
  const [job] = (await f.processes()).filter((p) => p.command.includes('--job '));
  const gone = await f.api('DELETE', '/v1/apps/busy');
  assert.equal(gone.status, 200, JSON.stringify(gone.body));
  assert.ok(!(await f.processes()).some((p) => p.pid === job.pid));
  await restart(f);
});
