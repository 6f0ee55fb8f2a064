// SPDX-License-Identifier: Apache-2.0
// Freehold started on another port: pages follow by themselves (ports.test.mjs), and where they cannot, the owner is told.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Freehold, folder, until } from './freehold.mjs';

let f;
let home;
after(async () => {
  await f?.end();
  if (home) await rm(home, { recursive: true, force: true });
});

const warned = async () => (await f.api('GET', '/v1/status')).body.warnings.filter((line) => /^moved was put live for/.test(line));

test('an app whose pages cannot follow to another address is named until it is deployed again', async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'fh-'));
  f = await Freehold.start({ home });
  const source = await folder({ 'index.html': '<!doctype html><script>const origin = "https://freehold-origin-placeholder.invalid"</script>' });
  await f.deploy(source, 'moved');
  assert.match((await f.get('moved', '/')).text, new RegExp(`http://moved\\.localhost:${f.port}"`));
  assert.deepEqual(await warned(), []);

  const before = f.port;
  await f.stop();
  // Where the page is to be written is something that cannot be replaced.
  await rm(f.app('moved', 'releases/1/public/index.html'));
  await mkdir(f.app('moved', 'releases/1/public/index.html/in-the-way'), { recursive: true });
  f = await Freehold.start({ home });
  assert.notEqual(f.port, before);
  await until('it is said that they could not be written', async () => /moved has another address, but its pages have the former one/.test(await readFile(f.log, 'utf8')));
  const [line] = await warned();
  assert.ok(line?.includes(`moved.localhost:${before}`) && line.includes(`moved.localhost:${f.port}`), line);

  await f.deploy(source, 'moved');
  assert.deepEqual(await warned(), []);
  assert.match((await f.get('moved', '/')).text, new RegExp(`http://moved\\.localhost:${f.port}"`));
});
