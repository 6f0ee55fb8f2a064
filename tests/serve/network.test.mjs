// SPDX-License-Identifier: Apache-2.0
//
// The way out, in a network namespace of the test's own: 192.0.2.1 is "the internet", and /dev/net/tun may be opened.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Served, isRoot, until } from './serve.mjs';

const world = `require('net').createServer({allowHalfOpen:true},c=>{c.on('data',d=>c.write('world '+d));c.on('end',()=>c.end())}).listen(7777)`;
const script = `
  set -e
  ip link set lo up; ip addr add 192.0.2.1/32 dev lo
  ip addr add 10.9.9.9/32 dev lo; ip addr add 192.168.7.7/32 dev lo; ip addr add 169.254.169.254/32 dev lo
  mount -t tmpfs none /mnt; mknod -m 666 /mnt/tun c 10 200; mount --bind /mnt/tun /dev/net/tun
  ip tuntap add own mode tap; ip link set own up; ip addr add 198.51.100.7/32 dev own
  setpriv --reuid 64321 --clear-groups --pdeathsig KILL node -e "${world}" &
  exec "$@"`;
const wrap = ['unshare', '-m', '-n', 'bash', '-c', script, 'wrap'];

function canTry() {
  try {
    execFileSync(wrap[0], [...wrap.slice(1), 'sh', '-c', 'command -v slirp4netns && : <> /dev/net/tun'], { stdio: 'ignore' });
    return true;
  } catch { return false; }
}

const skip = isRoot && canTry() ? false : 'needs root, slirp4netns and a kernel with tun';

test('has a way out, and none to this machine', { skip, timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', { wrap });
  try {
    assert.deepEqual([s.state.network, s.state.network_why], ['slirp', null]);
    assert.match((await s.get('/hosts')).text, /nameserver 10\.0\.2\.3/);
    const world = (host) => s.get(`/link?port=7777&host=${host}`).then((reply) => reply.text);
    await until('the world answers', async () => (await world('192.0.2.1')) === 'world ping');
    assert.match(await world('10.0.2.2'), /^error/);
    assert.match(await world('127.0.0.1'), /^error ECONNREFUSED/);

    const slirp = () => s.family().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('slirp4netns'));
    const first = slirp();
    process.kill(first, 'SIGKILL');
    await until('it is said', () => /slirp4netns ended/.test(s.state.network_why));
    assert.equal((await s.get('/')).status, 200);
    await until('it is back', () => s.state.network === 'slirp');
    await until('the world answers again', async () => (await world('192.0.2.1')) === 'world ping');

    const family = s.family();
    s.child.kill('SIGKILL');
    await s.exited;
    await until('nothing is left', () => s.left().length === 0 && !family.some((pid) => { try { return process.kill(pid, 0); } catch { return false; } }));
  } finally {
    await s.stop();
  }
});

test('functions reach the internet and nothing else', { skip, timeout: 60000 }, async () => {
  const all = ['10.9.9.9', '192.168.7.7', '169.254.169.254', '198.51.100.7'];
  for (const is_outward of [false, true]) {
    const s = await Served.start('app.mjs', { wrap, config: { is_outward } });
    try {
      const world = (host) => s.get(`/link?port=7777&host=${host}`).then((reply) => reply.text);
      await until('the world answers', async () => (await world('192.0.2.1')) === 'world ping');
      // Without the walls they are there: it is these that shut them, and not the test's own network.
      for (const host of all) assert.match(await world(host), is_outward ? /^error (?:EACCES|EHOSTUNREACH|ENETUNREACH)/ : /^world ping/, host);
    } finally {
      await s.stop();
    }
  }
});

test('says why it has none', { timeout: 60000 }, async () => {
  const s = await Served.start('app.mjs', { config: {} });
  try {
    const { network, network_why } = s.state;
    if (network === 'none') assert.match(network_why, /no way out to the internet.*(chmod|apt-get install)/);
    assert.match((await s.get('/hosts')).text, network === 'none' ? /# no way out/ : /nameserver/);
  } finally {
    await s.stop();
  }
});
