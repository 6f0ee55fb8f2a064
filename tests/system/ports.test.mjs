// SPDX-License-Identifier: Apache-2.0
// The edge's port: somebody else's, an own nginx's that was killed, and since when the edge runs.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { readFile } from 'node:fs/promises';
import { Freehold, folder, until } from './freehold.mjs';
import { freePort } from './port.mjs';

const edge = async (f) => (await f.api('GET', '/v1/status')).body.edge;

test('a start that says no port uses those of the one before', async () => {
  const f = await Freehold.start();
  try {
    await f.deploy(await folder({ 'index.html': 'here' }), 'kept');
    process.kill(f.daemon.pid, 'SIGTERM');
    await f.daemonEnd;
    delete f.env.FREEHOLD_PORT;
    delete f.env.FREEHOLD_TLS_PORT;
    await f.startDaemon();
    assert.equal((await f.api('GET', '/v1/status')).body.address, `http://127.0.0.1:${f.port}`);
    assert.equal((await f.get('kept', '/')).text, 'here');
    assert.ok((await f.cli('tls', 'kept')).stdout.includes(`:${f.tlsPort}`));
  } finally { await f.end(); }
});

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

test('another program that took the port while nginx was away is what a deployment tells of', async () => {
  const f = await Freehold.start();
  const other = net.createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'));
  try {
    await f.deploy(await folder({ 'index.html': 'one' }), 'site');
    const { pid } = await edge(f);
    process.kill(f.daemon.pid, 'SIGSTOP');
    process.kill(-pid, 'SIGKILL');
    await until('the port is free', () => new Promise((resolve) => {
      other.once('error', () => resolve(false)).listen(f.port, '127.0.0.1', () => resolve(true));
    }));
    process.kill(f.daemon.pid, 'SIGCONT');
    const r = await f.cli('deploy', await folder({ 'index.html': 'two' }), '--app', 'site');
    assert.notEqual(r.code, 0);
    assert.match(r.all, new RegExp(`port ${f.port} of\\s+127.0.0.1 is taken by process\\s+${process.pid}\\b[^]*FREEHOLD_PORT=\\d+`));
    assert.doesNotMatch(r.all, /\b404\b/);
    await new Promise((resolve) => other.close(resolve));
    await until('nginx has it again', async () => (await edge(f)).state === 'running', 60000);
    assert.equal(await f.deploy(await folder({ 'index.html': 'two' }), 'site'), 2);
  } finally { process.kill(f.daemon.pid, 'SIGCONT'); other.close(); await f.end(); }
});

test('after a start on another port the pages, the server and the settings have the new address', async () => {
  const f = await Freehold.start();
  try {
    const placeholder = 'https://freehold-origin-placeholder.invalid';
    await f.deploy(await folder({ 'index.html': `one ${placeholder}/rest` }), 'page');
    await f.deploy(await folder({ 'index.html': `two ${placeholder}/rest` }), 'page');
    await f.deploy(await folder({
      'package.json': JSON.stringify({ name: 'served', private: true, scripts: { start: 'node server.js' } }),
      'server.js': "require('node:http').createServer((q, r) => r.end(process.env.SUPABASE_URL)).listen(process.env.PORT)",
    }), 'served');
    const at = (app) => `http://${app}.localhost:${f.port}`;
    assert.equal((await f.get('page', '/')).text, `two ${at('page')}/rest`);
    assert.equal((await f.get('served', '/')).text, at('served'));
    process.kill(f.daemon.pid, 'SIGTERM');
    await f.daemonEnd;
    f.port = await freePort();
    f.env.FREEHOLD_PORT = String(f.port);
    await f.startDaemon();
    await until('the page has it', async () => (await f.get('page', '/')).text === `two ${at('page')}/rest`);
    await until('the server has it', async () => (await f.get('served', '/')).text === at('served'));
    // The backend has it without having been away for a moment.
    const backend = await readFile(f.app('served', 'logs/backend.log'), 'utf8');
    assert.match(backend, /took the new settings/);
    assert.doesNotMatch(backend, /stopping/);
    // Until then the app is not anybody else's.
    await until('an earlier release is live', async () => (await f.api('POST', '/v1/apps/page/rollback', { release: 1 })).status === 200);
    assert.equal((await f.get('page', '/')).text, `one ${at('page')}/rest`, 'it has it, too');
    assert.equal(JSON.parse(await readFile(f.app('page', 'backend.json'), 'utf8')).site_url, at('page'));
  } finally { await f.end(); }
});
