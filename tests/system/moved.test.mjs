// SPDX-License-Identifier: Apache-2.0
// Freehold started on another port: what is live was bound to the old address, and the owner is told.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, folder } from './freehold.mjs';

let f;
let home;
after(async () => {
  await f?.end();
  if (home) await rm(home, { recursive: true, force: true });
});

const warned = async () => (await f.api('GET', '/v1/status')).body.warnings.filter((line) => /^moved was put live for/.test(line));

test('an app that was bound to another address is named until it is deployed again', async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'fh-'));
  f = await Freehold.start({ home });
  const source = await folder({ 'index.html': '<!doctype html><script>const origin = "https://freehold-origin-placeholder.invalid"</script>' });
  await f.deploy(source, 'moved');
  assert.match((await f.get('moved', '/')).text, new RegExp(`http://moved\\.localhost:${f.port}"`));
  assert.deepEqual(await warned(), []);

  const before = f.port;
  await f.stop();
  f = await Freehold.start({ home });
  assert.notEqual(f.port, before);
  const [line] = await warned();
  assert.ok(line.includes(`moved.localhost:${before}`) && line.includes(`moved.localhost:${f.port}`), line);

  await f.deploy(source, 'moved');
  assert.deepEqual(await warned(), []);
  assert.match((await f.get('moved', '/')).text, new RegExp(`http://moved\\.localhost:${f.port}"`));
});
