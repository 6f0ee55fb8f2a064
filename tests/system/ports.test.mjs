// SPDX-License-Identifier: Apache-2.0
// The edge's port: somebody else's, an own nginx's that was killed, and since when the edge runs.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { readFile } from 'node:fs/promises';
import { Freehold, freePort } from './freehold.mjs';

const edge = async (f) => (await f.api('GET', '/v1/status')).body.edge;

test('freeholdd refuses to start where its port is taken, and says by whom and what to do', async () => {
  const port = await freePort();
  const other = net.createServer().listen(port, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  await assert.rejects(Freehold.start({ port }), (error) => {
    assert.match(error.message, new RegExp(`port ${port} of 127.0.0.1 is taken by process ${process.pid} \\(.*node.*FREEHOLD_PORT=\\d+ before`));
    assert.doesNotMatch(error.message, /serving on/);
    return true;
  });
  await new Promise((resolve) => other.close(resolve));
});

test('an edge that goes on serving keeps its port and its time; workers of a killed one give way', async () => {
  const f = await Freehold.start();
  try {
    const was = await edge(f);
    await f.killDaemon();
    await f.startDaemon();
    const found = await edge(f);
    assert.equal(found.pid, was.pid);
    // It began before it answered for the first time; 100 ms for two clocks that are rounded.
    assert.ok(Date.parse(found.since) < Date.parse(was.since) + 100, `since ${found.since}, and it answered at ${was.since} already`);
    assert.match((await f.cli('doctor')).stdout, new RegExp(`edge: nginx listens on 127.0.0.1:${f.port}`));

    await f.killDaemon();
    process.kill(was.pid, 'SIGKILL');
    await f.startDaemon();
    assert.notEqual((await edge(f)).pid, was.pid);
    assert.doesNotMatch(await readFile(f.log, 'utf8'), /is taken by/);
  } finally { await f.stop(); }
});
