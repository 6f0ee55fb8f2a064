// SPDX-License-Identifier: Apache-2.0
// What Lovable gives its apps, asked by an app that was exported from there: the AI gateway and the mail sender, from its server and its
// functions, and the database's jobs that call the functions of the project it left. Nothing of the app is changed.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { Freehold, folder, until } from './freehold.mjs';

const PROJECT = 'abcdefghijklmnopqrst';
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const oldAnon = `${part({ alg: 'HS256' })}.${part({ ref: PROJECT, role: 'anon' })}.c2lnbmF0dXJl`;

const ask = (text) => `fetch('https://ai.gateway.lovable.dev/v1/chat/completions', { method: 'POST',
  headers: { Authorization: 'Bearer ' + ${text}, 'Content-Type': 'application/json' },
  body: JSON.stringify({ model: 'google/gemini-2.5-flash', stream: true, messages: [{ role: 'user', content: 'hello' }] }) })`;

const files = () => folder({
  'package.json': JSON.stringify({ name: 'n', private: true, scripts: { start: 'node s.js' } }),
  's.js': `require('node:http').createServer(async (q, r) => {
    if (q.url !== '/ask') return r.end('hello');
    const answer = await ${ask('process.env.LOVABLE_API_KEY')};
    r.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') });
    for await (const bytes of answer.body) r.write(bytes);
    r.end();
  }).listen(process.env.PORT);`,
  'supabase/config.toml': `project_id = "${PROJECT}"\n[functions.ask]\nverify_jwt = false\n[functions.mail]\nverify_jwt = false\n`,
  'supabase/functions/ask/index.ts': `Deno.serve(async () => { const a = await ${ask("Deno.env.get('LOVABLE_API_KEY')")}; return new Response(a.body, { status: a.status }); });`,
  'supabase/functions/mail/index.ts': `
    // As npm's @lovable.dev/email-js asks.
    const sendLovableEmail = (body: unknown, key: string) => fetch('https://api.lovable.dev/v1/messaging/email/send', { method: 'POST',
      headers: { Authorization: 'Bearer ' + key, 'Content-Type': 'application/json', 'Idempotency-Key': 'once' }, body: JSON.stringify(body) });
    Deno.serve(async () => { const a = await sendLovableEmail({ to: 'Ada <ada@example.com>', from: 'x@notify.example', subject: 'Hi', html: '<p>Hi', text: 'Hi' }, Deno.env.get('LOVABLE_API_KEY')!); return new Response(a.body, { status: a.status }); });`,
  'supabase/functions/job/index.ts': `Deno.serve(async (req) => Response.json({ heard: await req.json() }));`,
  'supabase/migrations/20260101000000_jobs.sql': `
    create extension if not exists pg_cron; create extension if not exists pg_net;
    select vault.create_secret('from the vault', 'word');
    select cron.schedule('nightly', '0 3 * * *', $$ select 1 $$);
    select cron.schedule('tick', '1 second', $$
      select net.http_post(url := 'https://${PROJECT}.supabase.co/functions/v1/job',
        headers := '{"Content-Type": "application/json", "Authorization": "Bearer ${oldAnon}"}'::jsonb,
        body := jsonb_build_object('word', (select decrypted_secret from vault.decrypted_secrets where name = 'word'))) $$);`,
});

let f, provider, url, out, asked;
let goOn = Promise.resolve(); // what the provider waits for before its second chunk
before(async () => {
  provider = http.createServer((req, res) => {
    let body = '';
    req.on('data', (bytes) => { body += bytes; });
    req.on('end', () => {
      asked = { path: req.url, auth: req.headers.authorization, body: JSON.parse(body) };
      if (asked.body.model === 'dear') { res.writeHead(402, { 'content-type': 'application/json' }); return res.end('{"error":{"message":"no credit"}}'); }
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"n":1}\n\n');
      goOn.then(() => { res.write('data: [DONE]\n\n'); res.end(); });
    });
  });
  await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${provider.address().port}/v1`;
  f = await Freehold.start();
  out = await f.cli('deploy', await files(), '--app', 'shop');
  assert.equal(out.code, 0, out.all);
});
after(async () => { provider?.close(); await f?.end(); });

test('the deployment says what stands in for what', () => {
  const text = out.all.replace(/\s+/g, ' ');
  assert.match(text, /asks Lovable's AI gateway/);
  assert.match(text, /sends by Lovable's mail service/);
  assert.match(text, /freehold ai shop set --url/);
  assert.doesNotMatch(text, /LOVABLE_API_KEY/); // nobody has to set it
  assert.doesNotMatch(text, /not done yet|not sent yet|will not run/);
});

test('without a provider it is said how to set one', async () => {
  for (const path of ['/ask', '/functions/v1/ask']) {
    const reply = await f.get('shop', path);
    assert.deepEqual([reply.status, reply.body.error.code], [503, 'ai_not_configured'], `${path} ${reply.text}`);
    assert.match(reply.body.error.message, /freehold ai APP set/);
  }
});

test('the owner\'s provider answers server and functions, streamed, under its own name for the model', async () => {
  const set = await f.cli('ai', 'shop', 'set', '--url', url, '--key', '-', '--model', 'google/gemini-2.5-flash=local', { input: 'sk-owner\n' });
  assert.equal(set.code, 0, set.all);
  assert.doesNotMatch(set.all, /sk-owner/);
  assert.doesNotMatch((await f.cli('ai', 'shop', '--json')).all, /sk-owner/);
  for (const path of ['/ask', '/functions/v1/ask']) {
    const reply = await until('the provider answers', async () => { const r = await f.get('shop', path); return r.status !== 503 && r; });
    assert.deepEqual([reply.status, reply.text], [200, 'data: {"n":1}\n\ndata: [DONE]\n\n'], path);
    assert.deepEqual(asked, { path: '/v1/chat/completions', auth: 'Bearer sk-owner', body: { model: 'local', stream: true, messages: [{ role: 'user', content: 'hello' }] } });
  }
  // The provider says its second word only when the first is here.
  let isHere;
  goOn = new Promise((resolve) => { isHere = resolve; });
  let seen = '', isOver = false;
  const request = http.get({ host: '127.0.0.1', port: f.port, path: '/ask', headers: { host: 'shop.localhost' } }, (reply) => {
    reply.on('data', (bytes) => { seen += bytes; });
    reply.on('end', () => { isOver = true; });
  }).on('error', () => {});
  try {
    await until('the first word is here before there is a second', () => seen === 'data: {"n":1}\n\n');
    isHere();
    await until('the second follows', () => isOver);
    assert.equal(seen, 'data: {"n":1}\n\ndata: [DONE]\n\n');
  } finally {
    isHere();
    request.destroy();
  }
});

test('no credit at the provider is the app\'s to hear; strangers are not answered', async () => {
  await f.cli('ai', 'shop', 'set', '--model', 'google/gemini-2.5-flash=dear');
  await until('402', async () => (await f.get('shop', '/ask')).status === 402);
  const { keys } = (await f.api('GET', '/v1/apps/shop')).body;
  for (const key of ['x', keys.anon, 'fh_lovable_']) {
    const reply = await f.get('shop', '/~ai/v1/models', { headers: { authorization: `Bearer ${key}` } });
    assert.deepEqual([reply.status, reply.body.error.code], [401, 'invalid_api_key']);
  }
  assert.equal((await f.cli('ai', 'shop', 'unset')).code, 0);
  await until('503', async () => (await f.get('shop', '/ask')).status === 503);
  assert.equal((await f.cli('ai', '--all', 'set', '--url', url)).code, 0);
  await until('200', async () => (await f.get('shop', '/ask')).status === 200);
  assert.match((await f.cli('ai', 'shop')).stdout, /as for all apps/);
  assert.match((await f.cli('ai', 'shop', 'set', '--url', 'http://example.com/v1')).stderr, /must be https/);
});

test('mails go into the app\'s own queue, once', async () => {
  const none = await f.get('shop', '/functions/v1/mail');
  assert.deepEqual([none.status, none.body.type], [503, 'mail_not_configured'], none.text);
  const set = await f.cli('auth', 'shop', 'smtp', 'localhost:1', '--from', 'hello@example.com', '--security', 'none');
  assert.equal(set.code, 0, set.all);
  const sent = await until('it is queued', async () => { const r = await f.get('shop', '/functions/v1/mail'); return r.status === 200 && r.body; });
  const again = (await f.get('shop', '/functions/v1/mail')).body;
  assert.deepEqual([sent.success, again.message_id], [true, sent.message_id]);
  const { mails } = (await f.api('GET', '/v1/apps/shop/mail')).body;
  assert.deepEqual(mails.map((m) => [m.kind, m.recipient, m.subject]), [['app', 'ada@example.com', 'Hi']]);
});

test('a job of the database calls the function of the project that it left', async () => {
  const sql = async (text) => (await f.cli('db', 'shop', 'psql', '-c', text)).all;
  const seen = await until('a request is answered', async () => {
    const all = await sql('select content, error_msg from net._http_response order by created desc limit 1');
    return /heard/.test(all) && all;
  }, 20000).catch(async (error) => { throw new Error(`${error.message}\n${await sql('select * from net._http_response limit 3')}\n${await sql('select status, return_message from cron.job_run_details limit 5')}`); });
  assert.match(seen, /"heard":\{"word":"from the vault"\}/);
  const listed = await f.cli('cron', 'shop');
  assert.equal(listed.code, 0, listed.all);
  assert.match(listed.stdout, /nightly.*0 3 \* \* \*/);
  assert.match(listed.stdout, /tick.*1 second.*succeeded/);
  assert.equal((await f.cli('cron', 'shop', 'pause', 'tick')).code, 0);
  assert.match((await f.cli('cron', 'shop')).stdout, /tick.*paused/);
  assert.match((await f.cli('cron', 'shop', 'run', 'nitely')).stderr, /there is no job nitely in shop; freehold cron shop lists those there are/);
  assert.equal((await f.cli('cron', 'shop', 'run', 'nightly')).code, 0);
  await until('it ran', async () => /succeeded.*1 row/.test((await f.cli('cron', 'shop', 'runs', 'nightly')).stdout));
});

test('queues are reached through the API by whoever may use their tables', async () => {
  assert.equal((await f.cli('db', 'shop', 'psql', '-c', "select pgmq.create('work')")).code, 0);
  const { service_role_key: service } = JSON.parse(await readFile(f.app('shop', 'backend.json'), 'utf8'));
  const call = (name, key, body) => f.get('shop', `/rest/v1/rpc/${name}`, { method: 'POST', body: JSON.stringify(body),
    headers: { apikey: key, authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-profile': 'pgmq_public' } });
  const sent = await until('the schema is seen', async () => { const r = await call('send', service, { queue_name: 'work', message: { n: 1 } }); return r.status === 200 && r; });
  assert.deepEqual(sent.body, [1]);
  const read = await call('read', service, { queue_name: 'work', sleep_seconds: 30, n: 5 });
  assert.deepEqual(read.body.map((m) => [m.msg_id, m.message, m.read_ct]), [[1, { n: 1 }, 1]]);
  assert.deepEqual((await call('delete', service, { queue_name: 'work', message_id: 1 })).body, true);
  const anon = (await f.api('GET', '/v1/apps/shop')).body.keys.anon;
  assert.equal((await call('send', anon, { queue_name: 'work', message: {} })).status, 401);
});

test('pictures that the export names and does not hold come from where the app is published', async (t) => {
  const id = (n) => `0000000${n}-1111-4222-8333-444455556666`, at = (n, name) => `/__l5e/assets-v1/${id(n)}/${name}`;
  const asked = [];
  const published = http.createServer((req, res) => {
    asked.push(req.url);
    if (req.url === at(1, 'logo.png')) return res.writeHead(200, { 'content-type': 'image/png' }).end('a logo');
    if (req.url === at(2, 'our%20team.jpg')) return res.writeHead(200, { 'content-type': 'image/jpeg' }).end('a team');
    res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>not here');
  });
  await new Promise((resolve) => published.listen(0, '127.0.0.1', resolve));
  t.after(() => { published.closeAllConnections(); published.close(); });
  const dir = await folder({
    'package.json': JSON.stringify({ name: 'n', private: true, scripts: { build: 'node --version', start: 'node s.js' } }),
    's.js': `require('node:http').createServer((q, r) => {
      const file = require('node:path').join(__dirname, 'public', decodeURIComponent(q.url));
      require('node:fs').readFile(file, (no, bytes) => r.writeHead(no ? 404 : 200, { 'content-type': file.endsWith('png') ? 'image/png' : 'image/jpeg' }).end(bytes));
    }).listen(process.env.PORT);`,
    'public/index.html': 'x',
    [`public${at(4, 'own.png')}`]: 'its own',
    'src/assets/logo.png.asset.json': JSON.stringify({ url: at(1, 'logo.png') }),
    'src/main.tsx': `const team = "${at(2, 'our%20team.jpg')}", gone = "${at(3, 'gone.png')}", own = "${at(4, 'own.png')}", far = "https://other.example${at(5, 'far.png')}", out = "/__l5e/assets-v1/${id(6)}/%2e%2e%2fout.png";`,
  });
  const first = await f.cli('deploy', dir, '--app', 'pictures');
  assert.equal(first.code, 0, first.all);
  assert.match(first.all, /4 that the app names, 1 in the export, 3 missing .*nobody says where the app is published.*FREEHOLD_PICTURES_FROM/);
  assert.equal((await f.cli('env', 'pictures', 'set', `FREEHOLD_PICTURES_FROM=http://127.0.0.1:${published.address().port}`)).code, 0);
  const second = await f.cli('deploy', dir, '--app', 'pictures');
  assert.equal(second.code, 0, second.all);
  assert.match(second.all, /4 that the app names, 1 in the export, 2 fetched from http:\/\/127\.0\.0\.1:\d+, 1 missing .*gone\.png is missing: .* answers with a page/);
  const picture = (n, name) => f.get('pictures', at(n, name));
  assert.equal((await picture(1, 'logo.png')).text, 'a logo');
  assert.match((await picture(1, 'logo.png')).headers['content-type'], /image\/png/);
  assert.equal((await picture(2, 'our%20team.jpg')).text, 'a team');
  assert.equal((await picture(4, 'own.png')).text, 'its own');
  assert.notEqual((await picture(3, 'gone.png')).text, 'a logo');
  assert.ok(!asked.some((url) => /far|out/.test(url)), String(asked));
  published.closeAllConnections();
  await new Promise((resolve) => published.close(resolve));
  const third = await f.cli('deploy', dir, '--app', 'pictures');
  assert.match(third.all, /2 from before, 1 missing/, 'what came once is kept');
  assert.equal((await picture(1, 'logo.png')).text, 'a logo');
});
