// SPDX-License-Identifier: Apache-2.0
// Going live and going back lose nothing: no failed request, no false 404, no reset connection, every page with its own assets, and no
// "you have it already" across releases. Minutes of it, with figures: tests/long/switch.mjs.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { Freehold, example } from './freehold.mjs';
import { Visitors, release, releaseOf, wrk } from './visitors.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const rollback = async (app, to) => {
  const out = await f.cli('rollback', app, String(to), '--json', '--yes');
  assert.equal(out.code, 0, out.all);
  return JSON.parse(out.stdout);
};

test('releases can be told apart by a browser', async () => {
  assert.equal(await f.deploy(await release(1), 'shop'), 1);
  assert.equal(await f.deploy(await release(2), 'shop'), 2);
  const files = await Promise.all([1, 2].map((n) => stat(f.app('shop', `releases/${n}/public/index.html`))));
  assert.equal(files[0].size, files[1].size);
  assert.notEqual(Math.floor(files[0].mtimeMs / 1000), Math.floor(files[1].mtimeMs / 1000));
});

for (const coding of [undefined, 'gzip', 'br']) {
  test(`what a browser kept of one release is not called current under another (${coding ?? 'plain'})`, async () => {
    const accept = coding ? { 'accept-encoding': coding } : {};
    for (const [from, to] of [[2, 1], [1, 2]]) {
      const old = await f.get('shop', '/', { headers: accept });
      assert.equal(old.headers['content-encoding'], coding);
      if (!coding) assert.equal(releaseOf(old.text), from);
      const same = { ...accept, 'if-none-match': old.headers.etag };
      assert.equal((await f.get('shop', '/', { headers: same })).status, 304);
      await rollback('shop', to);
      assert.equal((await f.get('shop', '/', { headers: same })).status, 200);
      assert.equal((await f.get('shop', '/', { headers: { ...accept, 'if-modified-since': old.headers['last-modified'] } })).status, 200);
      // The rest of a page whose beginning is another release's would be a page of neither: all of the new one comes.
      const rest = await f.get('shop', '/', { headers: { range: 'bytes=100-', 'if-range': old.headers.etag.replace('W/', '') } });
      assert.equal(rest.status, 200);
      assert.equal(releaseOf(rest.text), to);
      assert.equal((await f.get('shop', '/', { method: 'HEAD', headers: same })).status, 200);
    }
  });
}

test('under load, with promotions, rollbacks, and another app that comes and goes', async (t) => {
  await f.deploy(await release(3), 'shop');
  const visitors = new Visitors(f, 'shop', { connections: 4 });
  visitors.switching(3);
  visitors.start();
  t.after(() => visitors.stop());
  const load = wrk(f, 'shop', 8, 8);
  const other = f.cli('deploy', example('static-site'), '--app', 'other').then(async (out) => {
    assert.equal(out.code, 0, out.all);
    const gone = await f.cli('destroy', 'other', '--confirm', 'other');
    assert.equal(gone.code, 0, gone.all);
  });
  let switches = 0;
  const isOver = load.then(() => true);
  for (const to of [2, 1, 3, 2, 3, 1, 2, 1, 3, 1]) {
    visitors.switching(to);
    const { first_served_ms: ms } = await rollback('shop', to);
    visitors.switched(to);
    assert.ok(ms < 1000, `${ms} ms`);
    switches++;
    if (await Promise.race([isOver, new Promise((resolve) => setTimeout(resolve, 300, false))])) break;
  }
  visitors.switching(4);
  await f.deploy(await release(4), 'shop');
  visitors.switched(4);
  const counted = await load;
  await other;
  await visitors.stop();
  assert.deepEqual(visitors.complaints, []);
  assert.ok(switches >= 3 && visitors.switches.length > switches, `${switches} switches, ${visitors.switches.length} seen`);
  assert.ok(visitors.requests > 200, `${visitors.requests} requests`);
  const { bad, connect, read, write, timeout, status, pages, parts, sample } = counted;
  assert.deepEqual({ bad, connect, read, write, timeout, status, sample }, { bad: 0, connect: 0, read: 0, write: 0, timeout: 0, status: 0, sample: 'none' });
  assert.ok(pages > 1000 && parts > 1000, `${pages} pages, ${parts} assets`);
});

test('a page is never served before its assets, nor after another took their names', async () => {
  // The same name, other bytes: what a person writes by hand. Each page gets its own release's.
  const { folder } = await import('./freehold.mjs');
  const source = (text) => folder({ 'index.html': '<!doctype html><script src="/app.4f3a9c1b.js"></script>', 'app.4f3a9c1b.js': text });
  await f.deploy(await source('first'), 'byhand');
  await f.deploy(await source('other'), 'byhand');
  assert.equal((await f.get('byhand', '/app.4f3a9c1b.js')).text, 'other');
  await rollback('byhand', 1);
  assert.equal((await f.get('byhand', '/app.4f3a9c1b.js')).text, 'first');
  await rollback('byhand', 2);
  assert.equal((await f.get('byhand', '/app.4f3a9c1b.js')).text, 'other');
});
