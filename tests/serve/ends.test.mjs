// SPDX-License-Identifier: Apache-2.0
//
// Every way a server can be broken is told from every other, contained, and leaves nothing behind.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import { Served, hasGroups, isRoot, until } from './serve.mjs';

const MB = 1e6;

// Runs it until it ends by itself and expects this of its last state.
function broken(name, options, expected, { app = 'bad.mjs', skip = false, serves = false } = {}) {
  test(name, { skip, timeout: 60000 }, async () => {
    const s = await Served.start(app, { until: serves ? 'serving' : null, ...options });
    try {
      if (serves) assert.equal((await s.get('/')).status, 200);
      // The first end of one that served is forgiven: it is started again, and breaks again with the next visitor.
      const ended = s.ended();
      let isOver = false;
      ended.finally(() => { isOver = true; });
      while (serves && !isOver) await s.get('/').catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
      const state = await ended;
      for (const [key, value] of Object.entries(expected)) {
        if (value instanceof RegExp) assert.match(String(state[key]), value);
        else assert.deepEqual(state[key], value, `${key} in ${JSON.stringify(state)}\n${s.log}`);
      }
      assert.equal(s.status, 1);
      assert.deepEqual(s.left(), []);
    } finally {
      await s.stop();
    }
  });
}

const bad = (BAD, more = {}) => ({ env: { BAD }, ...more });
const late = (BAD, more = {}) => ({ env: { BAD, SERVES: '1' }, ...more });

broken('exits at once', bad('exit-3'), { state: 'ended', why: 'exited', exit_status: 3, has_listened: false, text: /status 3 before it listened/ });
broken('exits with 0, silently', bad('exit-0'), { why: 'exited-0', exit_status: 0, has_listened: false, text: /another platform/ });
broken('cannot be started', {}, { why: 'exited', exit_status: 127, text: /no-such-program was not found/ }, { app: ['no-such-program'] });
broken('is ended by a signal', bad('signal'), { why: 'signal', signal: 11, text: /signal 11/ });
broken('gives up', bad('abort'), { why: 'signal', signal: 6 });
broken('never listens', bad('mute', { config: { boot_ms: 700 } }), { why: 'never-listened', has_listened: false, text: /never listened/ });
broken('traps in a loop before it listens', bad('spin', { config: { boot_ms: 700 } }), { why: 'never-listened' });
broken('serves, and exits', late('exit-3'), { why: 'exited', exit_status: 3, has_listened: true, text: /status 3$/ }, { serves: true });

test('what a server said before it ended arrives', { timeout: 60000 }, async () => {
  const s = await Served.start('bad.mjs', { until: 'serving', env: { BAD: 'last-words' } });
  try {
    const socket = net.connect(s.socket);
    let got = 0;
    socket.on('error', () => {});
    socket.write('x');
    const isServer = (pid) => { try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bad.mjs'); } catch { return false; } };
    const server = s.family().find(isServer);
    await until('it speaks', () => socket.readableLength > 0 || (socket.read(0), false));
    await until('it has ended', () => !isServer(server));
    socket.on('data', (chunk) => { got += chunk.length; });
    await once(socket, 'close');
    assert.equal(got, 400_000);
    // It is started again; a second end so soon is the end of all.
    net.connect(s.socket).on('error', () => {}).resume().write('x');
    assert.equal((await s.ended()).why, 'exited');
  } finally {
    await s.stop();
  }
});

for (const group of [false, true]) {
  const by = group ? 'held by cgroups' : 'held by rlimits';
  const skip = group && !hasGroups;
  const limits = { memory_bytes: 256 * MB, processes: 64 };
  broken(`eats memory, ${by}`, bad('memory', { group, config: { limits } }),
    { why: 'out-of-memory', memory_limit_bytes: 256 * MB, text: /limit (of|is) 256 MB.*\(|256 MB\)$/ }, { skip });
  broken(`serves, and eats memory, ${by}`, late('memory', { group, config: { limits } }), { why: 'out-of-memory', has_listened: true }, { skip, serves: true });
  broken(`forks without end, ${by}`, bad('forks', { group, config: { limits } }), { why: 'out-of-processes', text: /more than its 64 processes/ }, { skip });
}

broken('writes a file that is too large', bad('file', { config: { limits: { file_bytes: 8 * MB } } }), { why: /file-too-large|exited/ });

test('fills its disk', { skip: !isRoot && 'needs a disk of its own', timeout: 60000 }, async (t) => {
  const s = Served.prepare('bad.mjs', { env: { BAD: 'disk', SERVES: '1' }, config: { limits: { disk_reserve_bytes: 64 * MB } } });
  const disk = `${s.dir}/disk`;
  execFileSync('truncate', ['-s', '192M', disk]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'root_owner=64321:64321', disk]);
  try {
    execFileSync('mount', ['-o', 'loop', disk, `${s.dir}/data`], { stdio: 'pipe' });
  } catch (error) {
    await s.stop();
    return t.skip(`no loop device: ${error.stderr}`);
  }
  try {
    s.run();
    await s.is('serving');
    assert.equal((await s.get('/')).status, 200);
    const state = await s.ended();
    assert.equal(state.why, 'out-of-disk');
    assert.match(state.text, /filling the disk/);
    assert.deepEqual(s.left(), []);
  } finally {
    execFileSync('umount', ['-l', `${s.dir}/data`]);
    await s.stop();
  }
});

test('ignores SIGTERM', { timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', { env: { DEAF: '1' }, config: { kill_ms: 300 } });
  try {
    const state = await s.ended('SIGTERM');
    assert.equal(state.why, 'asked');
    assert.equal(state.signal, 9);
    assert.equal(s.status, 0);
    assert.deepEqual(s.left(), []);
  } finally {
    await s.stop();
  }
});

test('traps in a loop while it serves, and is ended all the same', { timeout: 60000 }, async () => {
  const s = await Served.start('bad.mjs', { env: { BAD: 'spin', SERVES: '1' }, config: { kill_ms: 300, drain_ms: 300 } });
  try {
    await s.get('/');
    const state = await s.ended('SIGTERM');
    assert.equal(state.why, 'asked');
    assert.deepEqual(s.left(), []);
  } finally {
    await s.stop();
  }
});

test('kill -9 of the outer process leaves nothing', { timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', {});
  try {
    const family = s.family();
    assert.ok(family.length >= 4, 'ours, bwrap, pid 1, node');
    s.child.kill('SIGKILL');
    await s.exited;
    await until('nothing is left', () => !family.some((pid) => existsSync(`/proc/${pid}`)));
    assert.deepEqual(s.left(), []);
  } finally {
    await s.stop();
  }
});

test('a command that is refused leaves a state', { timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', { until: null, config: { mounts: [{ from: '/no/such/place', to: '/app', mode: 'read' }] } });
  try {
    const state = await s.ended();
    assert.equal(state.why, 'no-sandbox');
    assert.match(state.text, /no\/such\/place/);
  } finally {
    await s.stop();
  }
});

test('never runs as root', { skip: !isRoot }, async () => {
  const s = Served.prepare('app.mjs', {});
  try {
    assert.throws(() => execFileSync(process.env.FREEHOLD_BIN ? `${process.env.FREEHOLD_BIN}/freehold-serve` : 'build/src/bin/freehold-serve', ['--config', s.file], { stdio: 'pipe' }),
      /never runs as root/);
    assert.match(JSON.parse(readFileSync(s.config.state)).text, /never runs as root/);
  } finally {
    await s.stop();
  }
});
