// SPDX-License-Identifier: Apache-2.0
//
// Tabs that keep the release they were loaded from (freehold set APP pin=on): off unless wanted, for the app's server only, as
// long as that release's server is kept, and never at the price of a failed request.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Freehold, folder, until } from './freehold.mjs';

let f;
const server = (version) => folder({
  'package.json': JSON.stringify({ name: 'pinned', private: true, scripts: { start: 'node server.js' } }),
  'server.js': `require('node:http').createServer((q, r) => {
    r.setHeader('content-type', q.url === '/' ? 'text/html' : 'text/plain');
    q.resume().on('end', () => r.end('${version} ' + q.method));
  }).listen(process.env.PORT);`,
});
const COOKIE = '__fh_release';
// A new page, as a browser asks for it, and the tab's cookie afterwards; a call of that tab's scripts.
async function page(cookie) {
  const reply = await f.get('app', '/', { headers: { 'sec-fetch-dest': 'document', ...(cookie && { cookie }) } });
  assert.equal(reply.status, 200, reply.text);
  return { version: reply.text[0], cookie: reply.headers['set-cookie']?.map((it) => it.split(';')[0]).find((it) => it.startsWith(COOKIE)) };
}
async function call(cookie, method = 'GET') {
  const reply = await f.get('app', '/call', { method, body: method === 'POST' ? 'x' : undefined, headers: { 'sec-fetch-dest': 'empty', ...(cookie && { cookie }) } });
  assert.equal(reply.status, 200, reply.text);
  return reply.text;
}
const set = async (...words) => { const done = await f.cli('set', 'app', ...words); assert.equal(done.code, 0, done.all); };
const pins = () => { const at = path.join(f.home, 'edge/pinned/app.localhost'); return existsSync(at) ? readdirSync(at) : null; };

before(async () => {
  f = await Freehold.start();
  assert.equal(await f.deploy(await server(1), 'app'), 1);
});
after(async () => { await f?.end(); });

test('off: no cookie, and whatever a tab says it gets what is live', async () => {
  assert.deepEqual(await page(), { version: '1', cookie: undefined });
  assert.equal(await call(`${COOKIE}=7`), '1 GET');
  assert.equal(pins(), null);
});

test('on: a tab keeps the release it was loaded from, a new page is of the live one', async () => {
  await set('pin=on');
  const tab = await page();
  assert.deepEqual(tab, { version: '1', cookie: `${COOKIE}=1` });
  assert.equal(await f.deploy(await server(2), 'app'), 2);
  for (const method of ['GET', 'POST']) assert.equal(await call(tab.cookie, method), `1 ${method}`);
  assert.equal(await call(), '2 GET');
  assert.deepEqual(await page(tab.cookie), { version: '2', cookie: `${COOKIE}=2` }, 'the same tab, loaded anew');
  const old = (await f.api('GET', '/v1/apps/app')).body.processes.find((p) => p.name === 'server' && p.release === 1);
  assert.equal(old.server.state, 'serving', 'it is not frozen');
});

test('the other way round: after a rollback tabs of the newer release keep it', async () => {
  const tab = await page();
  assert.equal((await f.api('POST', '/v1/apps/app/rollback', {})).body.to, 1);
  assert.equal(await call(tab.cookie), '2 GET');
  assert.equal((await page()).version, '1');
});

test('when the kept server ends, its tabs get the live one, without a failed request', async () => {
  await set('warm=1s');
  const tab = await page();
  assert.equal(tab.version, '1');
  assert.equal((await f.api('POST', '/v1/apps/app/rollback', {})).body.to, 2);
  assert.equal(await call(tab.cookie), '1 GET');
  await until('the tab gets the live one', async () => (await call(tab.cookie)) === '2 GET', 20000); // each answers 200
  await until('the other server is gone', async () => (await f.api('GET', '/v1/apps/app')).body.processes.filter((p) => p.name === 'server').length === 1, 20000);
  assert.deepEqual(pins().includes('1'), false);
});

test('a daemon that was killed leaves no tab with a server that is gone', async () => {
  await set('warm=10m');
  const tab = await page();
  assert.equal(await f.deploy(await server(3), 'app'), 3);
  assert.equal(await call(tab.cookie), '2 GET');
  await f.killDaemon();
  assert.equal(await call(tab.cookie), '2 GET', 'nobody took it away');
  await f.startDaemon();
  await until('the tab gets the live one', async () => (await call(tab.cookie)) === '3 GET', 20000);
  assert.equal((await page()).cookie, `${COOKIE}=3`, 'it stays on');
});

test('off again, and gone with the app', async () => {
  const tab = await page();
  assert.equal(await f.deploy(await server(4), 'app'), 4);
  assert.equal(await call(tab.cookie), '3 GET');
  await set('pin=off');
  assert.equal(await call(tab.cookie), '4 GET');
  assert.equal((await page()).cookie, undefined);
  await set('pin=on');
  assert.deepEqual(pins(), []);
  const gone = await f.cli('destroy', 'app', '--confirm', 'app');
  assert.equal(gone.code, 0, gone.all);
  assert.equal(pins(), null);
});
