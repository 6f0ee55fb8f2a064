// SPDX-License-Identifier: Apache-2.0
//
// freehold-backend in PostgREST's place: settings in the database, read again while it runs; a database that comes
// later; the admin port, the command line, the logs, preflights.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { bin, until } from './freehold.mjs';
import { Standalone } from './standalone.mjs';

const run = promisify(execFile);
const program = path.join(bin, 'freehold-backend');
const schema = `create schema one; create schema two; create table one.a (id int primary key); create table two.b (id int primary key); insert into two.b select generate_series(1, 9);
  grant usage on schema one, two to anon; grant select on all tables in schema one, two to anon;
  alter role auth set pgrst.db_schemas = 'one'; alter role auth in database postgres set pgrst.db_max_rows = '4';
  create schema settings; grant usage on schema settings to auth;
  create function settings.pre() returns void language sql as $$ select set_config('pgrst.db_schemas', 'none', true), set_config('pgrst.db_aggregates_enabled', 'true', true) $$;
  create function one.longest() returns text language sql stable set statement_timeout = '7s' as $$ select current_setting('statement_timeout') $$;
  create function one.longest_of_all() returns text language sql as $$ select current_user::text from pg_sleep(0.5) $$;
  create function one.caller() returns text language sql stable as $$ select current_setting('application_name') $$;
  create function one.memory() returns text language sql stable as $$ select current_setting('track_io_timing') $$;
  alter role anon set statement_timeout = '5s'; alter role anon set track_io_timing = on; grant set on parameter track_io_timing to auth;`;
const body = (reply) => JSON.parse(reply.body);

describe('settings', () => {
  let s;
  before(async () => {
    s = await Standalone.start({ schema, settings: { PGRST_DB_CHANNEL: 'my channel', PGRST_DB_PRE_CONFIG: 'settings.pre', PGRST_SERVER_TRACE_HEADER: 'X-Trace', PGRST_SERVER_TIMING_ENABLED: 'true' } });
  });
  after(() => s?.stop());
  const becomes = (target, status) => until(`${target} answers ${status}`, async () => (await s.ask('GET', target)).status === status, 10_000);

  test('the schema is read once at the start', async () => {
    assert.match(await (await fetch(`http://127.0.0.1:${s.admin}/metrics`)).text(), /SUCCESS"} 1$/m);
  });

  test('the role counts more than db-pre-config, and the database more than the environment', async () => {
    assert.equal((await s.ask('GET', '/a')).status, 200);
    assert.deepEqual(body(await s.ask('GET', '/a?select=count()')), [{ count: 0 }]);
    assert.equal(body(await s.ask('GET', '/b')).code, 'PGRST205');
  });

  test('NOTIFY on the channel of db-channel reads them again', async () => {
    await s.psql("alter role auth set pgrst.db_schemas = 'two'; notify \"my channel\", 'reload config'");
    await becomes('/b', 200);
    assert.equal(body(await s.ask('GET', '/b')).length, 4);
    assert.equal((await s.ask('GET', '/a')).status, 404);
  });

  test('SIGUSR2 and SIGUSR1 do too, and what is wrong changes nothing', async () => {
    await s.psql("alter role auth set pgrst.db_schemas = 'one, two'; alter role auth set pgrst.db_tx_end = 'never'");
    const readings = async () => Number(/SUCCESS"} (\d+)/.exec(await (await fetch(`http://127.0.0.1:${s.admin}/metrics`)).text())[1]);
    const before = await readings();
    process.kill(s.server.pid, 'SIGUSR2');
    await until('the schema was read once more', async () => (await readings()) > before);
    assert.equal((await s.ask('GET', '/a')).status, 404);
    await s.psql('alter role auth reset pgrst.db_tx_end');
    process.kill(s.server.pid, 'SIGUSR1');
    await becomes('/a', 200);
    assert.equal((await s.ask('GET', '/b', { headers: { 'Accept-Profile': 'two' } })).headers['content-profile'], 'two');
  });

  test('what ALTER ROLE sets counts, what was granted to us among it', async () => {
    assert.equal(body(await s.ask('GET', '/rpc/longest')), '7s');
    assert.equal(body(await s.ask('GET', '/rpc/memory')), 'on');
  });

  test('what ALTER ROLE sets for who connects counts after NOTIFY, and a request that runs meanwhile keeps its role', async () => {
    const slow = s.ask('GET', '/rpc/longest_of_all');
    await s.psql("alter role auth set application_name = 'renamed'; notify \"my channel\"");
    await until('new connections', async () => body(await s.ask('GET', '/rpc/caller')) === 'renamed', 10_000);
    assert.equal(body(await slow), 'anon');
  });

  test('the admin port', async () => {
    const admin = (target) => fetch(`http://127.0.0.1:${s.admin}${target}`);
    assert.deepEqual(await Promise.all(['/live', '/ready', '/nothing'].map(async (target) => (await admin(target)).status)), [200, 200, 404]);
    const metrics = await admin('/metrics');
    assert.match(metrics.headers.get('content-type'), /^text\/plain/);
    const text = await metrics.text();
    for (const name of ['db_pool_timeouts_total', 'db_pool_available', 'db_pool_waiting', 'db_pool_max', 'schema_cache_query_time_seconds', 'jwt_cache_requests_total', 'jwt_cache_hits_total', 'jwt_cache_evictions_total']) assert.match(text, new RegExp(`^pgrst_${name} [0-9.e-]+$`, 'm'));
    const shown = await (await admin('/schema_cache')).json();
    assert.deepEqual(shown.tables.map((t) => t.name.name).sort(), ['a', 'b']);
  });

  test('preflights, traces, timings', async () => {
    const page = { Origin: 'https://page.example' };
    const preflight = await s.ask('OPTIONS', '/a', { headers: { ...page, 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'x-one,Accept' } });
    assert.deepEqual([preflight.status, preflight.headers['access-control-allow-headers'], preflight.headers['access-control-max-age']], [200, 'Authorization, x-one, Accept, Accept-Language, Content-Language', '86400']);
    const nothing = await s.ask('OPTIONS', '/a', { headers: { ...page, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': '' } });
    assert.equal(nothing.headers['access-control-allow-headers'], 'Authorization, Accept, Accept-Language, Content-Language');
    const missing = await s.ask('HEAD', '/nothing');
    assert.deepEqual([missing.status, missing.headers['content-length']], [404, String((await s.ask('GET', '/nothing')).body.length)]);
    const refused = await s.ask('HEAD', '/a', { headers: { Authorization: 'Bearer x' } });
    assert.deepEqual([refused.status, refused.headers['content-length'] > 0], [401, true]);
    const options = await s.ask('OPTIONS', '/a', { headers: { ...page, 'Access-Control-Request-Method': 'TRACE' } });
    assert.equal(options.headers.allow, 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE');
    const reply = await s.ask('GET', '/a', { headers: { 'x-trace': 'abc' } });
    assert.deepEqual([reply.headers['x-trace'], (await s.ask('GET', '/nothing')).headers['x-trace']], ['abc', undefined]);
    assert.match(reply.headers['server-timing'], /^jwt;dur=[\d.]+, parse;dur=[\d.]+, plan;dur=[\d.]+, transaction;dur=[\d.]+, response;dur=[\d.]+$/);
    assert.equal((await s.ask('GET', '/nothing')).headers['server-timing'], undefined);
  });

  test('the command line: as PostgREST has it', async () => {
    const file = path.join(s.dir, 'postgrest.conf');
    await writeFile(file, `db-uri = "postgresql://auth@/postgres?host=${s.dir}"\nadmin-server-host = "127.0.0.1"\nadmin-server-port = ${s.admin}\n# a comment\nserver-port = 1\n`);
    const options = { env: { PATH: process.env.PATH } };
    assert.match((await run(program, ['--version'], options)).stdout, /^PostgREST 14\.\d+/);
    assert.match((await run(program, ['--dump-config', file], options)).stdout, /^db-schemas = "one,two"$/m);
    assert.ok(JSON.parse((await run(program, ['--dump-schema', file], options)).stdout).tables.length >= 1);
    assert.equal((await run(program, ['--ready', file], options)).stdout, `OK: http://127.0.0.1:${s.admin}/ready\n`);
    const example = path.join(s.dir, 'example.conf');
    await writeFile(example, (await run(program, ['--example'], options)).stdout);
    const dumped = (await run(program, ['--dump-config', example], { env: { ...options.env, PGRST_DB_CONFIG: 'false' } })).stdout;
    assert.match(dumped, /^server-port = 3000$/m);
    await assert.rejects(run(program, ['--what'], options), (error) => error.code === 2);
    await assert.rejects(run(program, ['--ready'], { env: { ...options.env, PGRST_DB_CONFIG: 'false' } }), /Admin server is not running/);
  });
});

test('a database that is not there yet is waited for; what was asked is logged', async () => {
  const s = await Standalone.start({ schema });
  let late;
  try {
    s.server.child.kill('SIGTERM');
    await s.server.exit;
    await s.killPostgres();
    const logs = [path.join(s.dir, 'out'), path.join(s.dir, 'err')];
    const { openSync } = await import('node:fs');
    const env = { PGRST_DB_URI: `postgresql://auth@/postgres?host=${s.dir}`, PGRST_DB_ANON_ROLE: 'anon', PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: String(s.port), PGRST_LOG_LEVEL: 'warn', PGRST_LOG_QUERY: 'true' };
    late = spawn(program, [], { env, stdio: ['ignore', openSync(logs[0], 'w'), openSync(logs[1], 'w')] });
    const refused = await until('it listens', () => s.ask('GET', '/a').catch(() => null));
    assert.deepEqual([refused.status, body(refused).code, refused.headers['retry-after']], [503, 'PGRST002', '1']);
    await s.startPostgres();
    await until('it serves', async () => (await s.ask('GET', '/a')).status === 200, 20_000);
    await s.ask('GET', '/a?select=nothing', { headers: { 'User-Agent': 'a "quoted" one', Referer: 'r' } });
    await until('the lines', async () => (await readFile(logs[0], 'utf8')).includes('nothing'));
    const [out, err] = await Promise.all(logs.map((name) => readFile(name, 'utf8')));
    assert.match(out, /^127\.0\.0\.1 - anon \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/a\?select=nothing HTTP\/1\.1" 400 \d+ "r" "a \\x22quoted\\x22 one"$/m);
    assert.doesNotMatch(out, /" 200 /);
    assert.match(err, /query: select .*"nothing"/);
  } finally {
    late?.kill('SIGTERM');
    await s.stop();
  }
});
