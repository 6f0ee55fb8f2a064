// SPDX-License-Identifier: Apache-2.0
// Edge functions from an export to a caller: prepared in the build, run in their sandbox, switched with their release; what one of
// them does to itself the others do not feel, and what it wants of the machine it does not get.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { readFile } from 'node:fs/promises';
import { Freehold, folder, until } from './freehold.mjs';

const cors = "{ 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization, x-client-info, apikey, content-type' }";

// What each says is told by its release.
const files = (n, more = {}) => folder({
  'index.html': `<!doctype html><title>release ${n}</title>`,
  'supabase/config.toml': ['open', 'hostile', 'loop', 'leak', 'crash', 'exits', 'stream', 'socket', 'task', 'env', 'self', 'gone', 'slow'].map((name) => `[functions.${name}]\nverify_jwt = false\n`).join('\n')
    + '\n[functions.elsewhere]\nverify_jwt = false\nentrypoint = "./edge/main.ts"\n[functions.off]\nenabled = false\n',
  'supabase/functions/_shared/cors.ts': `export const cors = ${cors};`,
  'supabase/functions/hello/index.ts': `
    import { serve } from "https://deno.land/std@0.168.0/http/server.ts";
    import "jsr:@supabase/functions-js/edge-runtime.d.ts";
    import { cors } from "../_shared/cors.ts";
    serve(async (req: Request) => {
      if (req.method === 'OPTIONS') return new Response('ok', { headers: cors });
      const { name } = await req.json();
      return Response.json({ hello: name, release: ${n} }, { headers: cors });
    });`,
  'supabase/functions/open/index.ts': `Deno.serve((req) => Response.json({ release: ${n}, url: req.url, method: req.method }));`,
  'supabase/functions/slow/index.ts': `Deno.serve(async () => { await new Promise((r) => setTimeout(r, 300)); return new Response('release ${n}'); });`,
  'supabase/functions/hostile/index.ts': `
    async function tryIt(what: () => unknown) { try { return String(await what()).slice(0, 80); } catch (e) { return (e as Error).name; } }
    Deno.serve(async (req) => {
      const { port, other } = await req.json();
      const at = (hostname: string, p: number) => tryIt(async () => { const c = await Promise.race([Deno.connect({ hostname, port: p }), new Promise<never>((_, no) => setTimeout(() => no(new Error('late')), 1500))]); c.close(); return 'connected'; });
      return Response.json({
        passwd: await tryIt(() => Deno.readTextFile('/etc/passwd')), environ: await tryIt(() => Deno.readTextFile('/proc/self/environ')),
        logs: await tryIt(() => Deno.readTextFile('/logs/open.log')), write: await tryIt(() => Deno.writeTextFile('/app/src/x', 'x')),
        run: await tryIt(() => new Deno.Command('sh').outputSync()), ffi: await tryIt(() => Deno.dlopen('libc.so.6', {})),
        host: await at('127.0.0.1', port), gateway: await at('10.0.2.2', port), other: await at(other, port), metadata: await at('169.254.169.254', 80),
      });
    });`,
  'supabase/functions/loop/index.ts': 'Deno.serve(() => { for (;;); });',
  'supabase/functions/leak/index.ts': 'const a: unknown[] = []; Deno.serve(() => { for (;;) a.push(new Array(1e5).fill(Math.random())); });',
  'supabase/functions/crash/index.ts': "throw new Error('STRIPE_KEY is not set');",
  'supabase/functions/exits/index.ts': 'Deno.serve(() => { Deno.exit(7); });',
  'supabase/functions/stream/index.ts': `Deno.serve((req) => new Response(req.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new TransformStream({ transform(text, c) { c.enqueue('data: ' + text.toUpperCase() + '\\n\\n'); } })).pipeThrough(new TextEncoderStream()), { headers: { 'content-type': 'text/event-stream' } }));`,
  'supabase/functions/socket/index.ts': "Deno.serve((req) => { const { socket, response } = Deno.upgradeWebSocket(req); socket.onmessage = (e) => socket.send('heard ' + e.data); return response; });",
  'supabase/functions/task/index.ts': "declare const EdgeRuntime: any; Deno.serve(() => { EdgeRuntime.waitUntil(new Promise((r) => setTimeout(r, 1500)).then(() => console.log('the task is done'))); return new Response('at once'); });",
  'supabase/functions/env/index.ts': "Deno.serve(() => Response.json({ url: Deno.env.get('SUPABASE_URL'), anon: !!Deno.env.get('SUPABASE_ANON_KEY'), service: !!Deno.env.get('SUPABASE_SERVICE_ROLE_KEY'), db: Deno.env.get('SUPABASE_DB_URL')?.slice(0, 11), region: Deno.env.get('SB_REGION'), secret: Deno.env.get('SECRET_OF_MINE'), worker: Deno.env.get('FREEHOLD_WORKER') ?? null }));",
  'supabase/functions/self/index.ts': "Deno.serve(async () => { const r = await fetch(Deno.env.get('SUPABASE_URL') + '/auth/v1/health', { headers: { apikey: Deno.env.get('SUPABASE_ANON_KEY')! } }); return new Response(String(r.status)); });",
  'supabase/functions/gone/index.ts': 'import { x } from "https://nowhere.invalid/x.ts";\nconsole.log(x);',
  'supabase/functions/off/index.ts': 'Deno.serve(() => new Response("off"));',
  'supabase/edge/main.ts': 'export default { fetch: () => new Response("elsewhere") };',
  ...more,
});

let f, anon, out, checked;
const call = (name, body, headers = {}, method = 'POST') => f.get('shop', `/functions/v1/${name}`, { method, body: body === undefined ? undefined : JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });

before(async () => {
  f = await Freehold.start();
  const source = await files(1);
  checked = await f.cli('check', source);
  out = await f.cli('deploy', source, '--app', 'shop');
  assert.equal(out.code, 0, out.all);
  anon = (await f.api('GET', '/v1/apps/shop')).body.keys.anon;
});
after(async () => {
  const said = await readFile(f.app('shop', 'logs/functions.log'), 'utf8').catch(() => '');
  await f.end();
  assert.doesNotMatch(said, /Sanitizer|runtime error/);
});

test('the check names them, which of them anybody may call, and what nobody has set', () => {
  const said = checked.all.replace(/\s+/g, ' ');
  assert.match(said, /Edge functions: 15\. - .*crash.*hello/);
  assert.match(said, /without a token \(verify_jwt = false\): [^:]*crash/);
  assert.doesNotMatch(said, /without a token \(verify_jwt = false\): [^:]*hello/);
  assert.match(said, /freehold env APP --functions set NAME=-: SECRET_OF_MINE(?:$| )/);
});

test('the build names what it led elsewhere, what nobody set and what cannot be had', () => {
  assert.match(out.all, /supabase\/functions\/hello\/index\.ts.*imports https:\/\/deno\.land\/std@0\.168\.0\/http\/server\.ts/s);
  assert.match(out.all.replace(/\s+/g, ' '), /Functions read SECRET_OF_MINE and nobody has set it; set it with: freehold env shop --functions set SECRET_OF_MINE=VALUE/);
  assert.match(out.all.replace(/\s+/g, ' '), /The function gone will not run: supabase\/functions\/gone\/index\.ts line 1 imports https:\/\/nowhere\.invalid\/x\.ts: code is not fetched from nowhere\.invalid/);
});

test('a token is asked for where the app wants one', async () => {
  const reply = await call('hello', { name: 'Ada' }, { authorization: `Bearer ${anon}` });
  assert.deepEqual([reply.status, reply.body], [200, { hello: 'Ada', release: 1 }]);
  assert.equal(reply.headers['access-control-allow-origin'], '*');
  const missing = await call('hello', {});
  assert.deepEqual([missing.status, missing.body, missing.headers['x-relay-error']], [401, { code: 401, message: 'Missing authorization header' }, 'true']);
  const wrong = await call('hello', {}, { authorization: `Bearer ${anon}x` });
  assert.deepEqual([wrong.status, wrong.body], [401, { code: 401, message: 'Invalid JWT' }]);
  assert.equal((await call('hello', undefined, {}, 'OPTIONS')).text, 'ok');
  const open = await call('open/a%2Fb?x=1&y=%20', undefined, {}, 'GET');
  assert.deepEqual([open.status, new URL(open.body.url).pathname, new URL(open.body.url).search, open.body.method], [200, '/open/a%2Fb', '?x=1&y=%20', 'GET']);
});

test('what is not there, is off, or cannot run says so as upstream does', async () => {
  for (const name of ['nothing', 'off', '_shared', '']) {
    const reply = await call(name, {});
    assert.deepEqual([reply.status, reply.body.code, reply.headers['x-relay-error']], [404, 'NOT_FOUND', 'true'], name);
  }
  const gone = await call('gone', {});
  assert.deepEqual([gone.status, gone.body.code], [503, 'BOOT_ERROR']);
  assert.match(gone.body.hint, /nowhere\.invalid/);
  assert.equal((await call('elsewhere', {})).text, 'elsewhere');
});

test('it finds the environment that upstream gives, and its own backend', async () => {
  const { body } = await call('env', {});
  assert.deepEqual(body, { url: `http://shop.localhost:${f.port}`, anon: true, service: true, db: 'postgres://', region: 'local', worker: null });
  assert.equal((await call('self', {})).text, '200');
});

test('streams flow both ways, and WebSockets', async () => {
  const said = await new Promise((resolve, reject) => {
    const seen = [];
    const req = http.request({ host: '127.0.0.1', port: f.port, method: 'POST', path: '/functions/v1/stream', headers: { host: 'shop.localhost', 'content-type': 'text/plain' } }, (reply) => {
      reply.on('data', (bytes) => { seen.push(String(bytes)); if (seen.length === 1) req.end('two'); });
      reply.on('end', () => resolve(seen));
      reply.on('error', reject);
    });
    req.on('error', reject);
    req.write('one');
  });
  assert.equal(said.join(''), 'data: ONE\n\ndata: TWO\n\n');
  const heard = await new Promise((resolve, reject) => {
    const socket = net.connect(f.port, '127.0.0.1', () => socket.write(`GET /functions/v1/socket HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`));
    let bytes = Buffer.alloc(0), isUp = false;
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more]);
      if (!isUp && bytes.includes('\r\n\r\n')) {
        isUp = true;
        socket.write(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 'h'.charCodeAt(0) ^ 1, 'i'.charCodeAt(0) ^ 2]));
      }
      if (bytes.includes('heard hi')) { socket.destroy(); resolve(true); }
    });
    socket.on('error', reject);
    socket.setTimeout(10000, () => reject(new Error(`no word: ${bytes}`)));
  });
  assert.ok(heard);
});

test('one that is hostile gets nothing of the machine', async () => {
  const host = net.createServer((c) => c.end()).listen(0, '0.0.0.0');
  await new Promise((resolve) => host.once('listening', resolve));
  const { body } = await call('hostile', { port: host.address().port, other: '127.0.0.2' });
  host.close();
  assert.equal(Object.values(body).some((said) => said === 'connected'), false, JSON.stringify(body));
  for (const what of ['passwd', 'environ', 'logs', 'write', 'run', 'ffi', 'metadata', 'gateway']) assert.equal(body[what], 'NotCapable', `${what}: ${body[what]}`);
});

test('what one does to itself the others do not feel, and each is told apart', async () => {
  const loop = call('loop', {}), leak = call('leak', {});
  for (let i = 0; i < 20; i++) assert.equal((await call('open', {})).status, 200);
  const [crash, exits, full] = await Promise.all([call('crash', {}), call('exits', {}), leak]);
  assert.deepEqual([crash.status, crash.body.code, crash.body.hint], [503, 'BOOT_ERROR', 'STRIPE_KEY is not set']);
  assert.deepEqual([exits.status, exits.body.code], [500, 'WORKER_ERROR']);
  assert.match(exits.body.hint, /status 7/);
  assert.deepEqual([full.status, full.body.code], [546, 'WORKER_LIMIT']);
  assert.match(full.body.hint, /memory limit/);
  const stuck = await loop;
  assert.deepEqual([stuck.status, stuck.body.code], [546, 'WORKER_LIMIT']);
  assert.match(stuck.body.hint, /CPU time limit/);
  const log = async (name) => (await f.cli('logs', 'shop', '--functions', name)).stdout;
  assert.match(await log('loop'), /the function ended: it computed for \d+ s without answering anybody/);
  assert.match(await log('leak'), /the function ended: its memory was full/);
  assert.match(await log('crash'), /STRIPE_KEY is not set/);
  assert.doesNotMatch(await log('open'), /ended/);
  assert.match((await f.cli('logs', 'shop', '--functions')).stdout, /exits +\| .*status 7/);
  assert.notEqual((await f.cli('logs', 'shop', '--functions', 'nothing')).code, 0);
});

test('a secret holds from the next call on, and no call is lost by it', async () => {
  const running = Array.from({ length: 4 }, () => call('slow', {}));
  const set = await f.cli('env', 'shop', '--functions', 'set', 'SECRET_OF_MINE=swordfish');
  assert.equal(set.code, 0, set.all);
  for (const reply of await Promise.all(running)) assert.equal(reply.status, 200);
  await until('the secret is there', async () => (await call('env', {})).body.secret === 'swordfish');
  const listed = await f.cli('env', 'shop', '--functions', 'list');
  assert.match(listed.stdout, /SECRET_OF_MINE/);
  assert.doesNotMatch(listed.stdout, /swordfish/);
  assert.doesNotMatch((await f.cli('env', 'shop', 'list')).stdout, /SECRET_OF_MINE/);
  assert.equal((await f.cli('env', 'shop', '--functions', 'unset', 'SECRET_OF_MINE')).code, 0);
  await until('it is gone', async () => (await call('env', {})).body.secret === undefined);
});

test('a task goes on when its release is not live any more; nothing is lost in the switch, and back is back', async () => {
  assert.equal((await call('task', {})).text, 'at once');
  let isOver = false;
  const seen = new Map(), failed = [];
  const caller = async () => {
    while (!isOver) {
      const reply = await call('slow', {}).catch((error) => ({ status: 0, text: error.message }));
      if (reply.status === 200) seen.set(reply.text, (seen.get(reply.text) ?? 0) + 1);
      else failed.push(`${reply.status} ${reply.text}`);
    }
  };
  const callers = Array.from({ length: 8 }, caller);
  assert.equal(await f.deploy(await files(2), 'shop'), 2);
  await until('the new one answers', () => seen.get('release 2') > 8);
  const back = await f.cli('rollback', 'shop', '--yes');
  assert.equal(back.code, 0, back.all);
  const before = seen.get('release 1');
  await until('the old one answers again', () => seen.get('release 1') > before + 8);
  isOver = true;
  await Promise.all(callers);
  assert.deepEqual(failed, []);
  assert.match(await readFile(f.app('shop', 'logs/functions/task.log'), 'utf8'), /the task is done/);
  assert.equal((await call('open', {})).body.release, 1);
});
