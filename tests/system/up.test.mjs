// SPDX-License-Identifier: Apache-2.0
//
// The first command of the README: from this tree to an app that answers, with every program that it needs; and again, which leaves
// what is there alone.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { root, until } from './freehold.mjs';
import { freePort } from './port.mjs';

const run = promisify(execFile);
const home = await mkdtemp(path.join(os.tmpdir(), 'fh-up-'));
await chmod(home, 0o755);
const port = await freePort();
const env = { ...process.env, FREEHOLD_HOME: home, FREEHOLD_PORT: String(port), FREEHOLD_TLS_PORT: String(await freePort()), NO_COLOR: '1' };
const freehold = async (...words) => (await run(path.join(home, 'bin/freehold'), words, { env })).stdout;
after(async () => {
  await freehold('destroy', 'tool-library', '--confirm', 'tool-library').catch(() => {});
  await run(path.join(home, 'bin/freeholdd'), ['--stop'], { env }).catch(() => {});
  await rm(home, { recursive: true, force: true });
});

const page = () => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path: '/', headers: { host: `tool-library.localhost:${port}` } }, (reply) => {
    let text = '';
    reply.on('data', (bytes) => { text += bytes; }).on('end', () => resolve({ status: reply.statusCode, text }));
  }).on('error', reject);
});

test('./up --help, a word that it does not know, and --no-start start nothing', async () => {
  assert.match((await run(path.join(root, 'up'), ['--help'], { env })).stdout, /--no-start/);
  await assert.rejects(run(path.join(root, 'up'), ['halp'], { env }), { code: 2 });
  assert.deepEqual(await readdir(home), []);
  assert.match((await run(path.join(root, 'up'), ['--no-start'], { env, maxBuffer: 16 << 20 })).stdout, /recover kit\.txt/);
  await assert.rejects(freehold('status'), /is not running/);
});

test('./up ends with an app that answers and is backed up', async () => {
  const { stdout } = await run(path.join(root, 'up'), { env, maxBuffer: 16 << 20 });
  assert.match(stdout, new RegExp(`http://tool-library\\.localhost:${port}`));
  const got = await page();
  assert.equal(got.status, 200);
  assert.match(got.text, /<title>/);
  assert.deepEqual((await readdir(path.join(home, 'bin'))).sort(),
    (await readdir(path.join(root, 'build/src/bin'), { withFileTypes: true })).filter((e) => e.isFile() && e.name.startsWith('freehold')).map((e) => e.name).sort());
  await until('its first backup', async () => JSON.parse(await freehold('db', 'tool-library', 'backups', '--json')).places[0].backups.length > 0, 120000);
});

test('again, it leaves what is there alone', async () => {
  const { stdout } = await run(path.join(root, 'up'), { env });
  assert.match(stdout, /4 of 4 {2}your apps/);
  assert.equal(JSON.parse(await freehold('releases', 'tool-library', '--json')).releases.length, 1);
});
