// SPDX-License-Identifier: Apache-2.0
//
// A piece of the internet of our own, for what an app calls there. A program in a network of its own answers under the names
// that it stands in for, by https, at an address of a range that is kept for documentation (198.51.100.0/24, RFC 5737): to the
// walls around functions and servers it is a public address like any other, and this machine's own it is not. A Freehold that is run
// under `wrap` finds these names by DNS, and finds in the machine's list of authorities, as if its owner had added it
// (update-ca-certificates), the one that signed the certificate. Everything else is reached as before. It also may use
// /dev/net/tun, which the way out needs. As root only.
//
//   const outside = await Outside.start({ program: 'stripe.mjs', names: NAMES });
//   const freehold = await Freehold.start({ wrap: outside.wrap });
//   await outside.ask('api.stripe.com', '/stand-in/…');
//   await outside.stop();
//
// Without a program nothing answers yet: `within` runs one there.
import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { copyFileSync, mkdirSync, readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const here = path.dirname(new URL(import.meta.url).pathname);
// update-ca-certificates(8)
const BUNDLE = '/etc/ssl/certs/ca-certificates.crt', ADDED = '/usr/local/share/ca-certificates';
const quiet = { stdio: ['ignore', 'ignore', 'pipe'] };

// Mounts that nobody else sees, then the command.
const ALONE = (dir, trusts) => `set -e
mount --bind ${dir}/tun /dev/net/tun
mount --bind ${dir}/resolv.conf /etc/resolv.conf
${trusts ? `mount --bind ${dir}/bundle.pem ${BUNDLE}
mkdir -p ${ADDED}
mount --bind ${dir}/added ${ADDED}` : ''}
exec "$@"`;

// In dir: ca.pem with its ca.key, and certificate.pem with key.pem for the names; an address is a name, too.
export function makeCertificate(dir, names) {
  const ssl = (...args) => execFileSync('openssl', args, { cwd: dir, ...quiet });
  ssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Authority of a test', '-keyout', 'ca.key', '-out', 'ca.pem');
  ssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${names[0]}`, '-keyout', 'key.pem', '-out', 'ask.pem');
  writeFileSync(path.join(dir, 'names'), `subjectAltName=${names.map((name) => `${net.isIP(name) ? 'IP' : 'DNS'}:${name}`).join(',')}\n`);
  ssl('x509', '-req', '-in', 'ask.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', 'certificate.pem');
  mkdirSync(path.join(dir, 'added'));
  copyFileSync(path.join(dir, 'ca.pem'), path.join(dir, 'added', 'authority-of-a-test.crt'));
  writeFileSync(path.join(dir, 'bundle.pem'), readFileSync(BUNDLE, 'utf8') + readFileSync(path.join(dir, 'ca.pem'), 'utf8'));
}

// RFC 1035: a header of 12 bytes, the name as labels, type and class.
function questionOf(packet) {
  const labels = [];
  let at = 12;
  for (let len; (len = packet[at]) > 0; at += len + 1) labels.push(packet.toString('latin1', at + 1, at + 1 + len));
  return { name: labels.join('.').toLowerCase(), type: packet.readUInt16BE(at + 1), end: at + 5 };
}

function answer(packet, { type, end }, address, six) {
  const head = Buffer.from(packet.subarray(0, end));
  if (type === 28 && six) {
    head.writeUInt16BE(0x8580, 2), head.writeUInt16BE(1, 6), head.writeUInt32BE(0, 8);
    return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16]), six]);
  }
  const isAddress = type === 1;
  head.writeUInt16BE(0x8580, 2);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  return isAddress ? Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])]) : head;
}

// Answers for `names`, or says nothing to them while `state.isSilent`; hands every other question to whom this machine asks. state.six: an address of IPv6
// that they have, too.
async function resolver(at, names, address, state) {
  const upstream = /^nameserver\s+(\S+)/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1];
  const socket = dgram.createSocket('udp4');
  socket.on('message', (packet, from) => {
    const question = questionOf(packet);
    if (names.includes(question.name)) return state.isSilent ? undefined : socket.send(answer(packet, question, address, state.six), from.port, from.address);
    if (!upstream) return undefined;
    const onward = dgram.createSocket(upstream.includes(':') ? 'udp6' : 'udp4');
    const late = setTimeout(() => onward.close(), 5000);
    onward.once('message', (reply) => { clearTimeout(late); onward.close(); socket.send(reply, from.port, from.address); });
    return onward.send(packet, 53, upstream);
  });
  await new Promise((resolve, reject) => { socket.once('error', reject); socket.bind(53, at, resolve); });
  return socket;
}

// A range of four addresses that nobody else here uses meanwhile: who listens under its name has it.
async function claimPart() {
  for (let i = 0; i < 64; i++) {
    const part = (process.pid + i) % 64, server = net.createServer();
    const isOurs = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(`\0freehold-test-outside-${part}`, () => resolve(true)));
    if (isOurs) return { at: part * 4, release: () => server.close() };
  }
  throw new Error('all of 198.51.100.0/24 is in use by other tests');
}

export class Outside {
  static async start({ program, names }) {
    if (process.getuid() !== 0) throw new Error('a network of its own is made by root only');
    const o = Object.assign(new Outside(), { names, dir: mkdtempSync(path.join(os.tmpdir(), 'fh-outside-')), space: `fh-outside-${process.pid}`, state: {} });
    try {
      o.part = await claimPart();
      o.#join();
      makeCertificate(o.dir, names);
      writeFileSync(path.join(o.dir, 'resolv.conf'), `nameserver ${o.near}\n`);
      execFileSync('mknod', [path.join(o.dir, 'tun'), 'c', '10', '200'], quiet);
      execFileSync('chmod', ['0666', path.join(o.dir, 'tun')]);
      o.resolver = await resolver(o.near, names, o.address, o.state);
      if (program) await o.#run(program);
    } catch (error) {
      await o.stop();
      throw error;
    }
    o.wrap = o.wrapped(true);
    return o;
  }

  // trusts: whether the authority of the certificate is in the machine's list.
  wrapped(trusts) {
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ALONE(this.dir, trusts), 'alone'];
  }

  // The names get an address of IPv6 too, which takes what is sent there and never answers: as long as the wire is there.
  swallow() {
    const ip = (...args) => execFileSync('ip', args, quiet), wire = `fh-o${process.pid}`;
    const part = process.pid & 0xffff, prefix = `fd5e:f1:${part.toString(16)}`;
    ip('addr', 'add', `${prefix}::1/64`, 'dev', wire, 'nodad');
    ip('neigh', 'add', `${prefix}::2`, 'lladdr', '02:00:00:00:00:99', 'dev', wire, 'nud', 'permanent');
    this.state.six = Buffer.from([0xfd, 0x5e, 0, 0xf1, part >> 8, part & 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  }

  // To run a program where the names lead.
  get within() { return ['ip', 'netns', 'exec', this.space]; }

  // Two ends of a wire: `near` is this machine's, `address` is where the names lead.
  #join() {
    const ip = (...args) => execFileSync('ip', args, quiet);
    const wire = `fh-o${process.pid}`;
    this.near = `198.51.100.${this.part.at + 1}`;
    this.address = `198.51.100.${this.part.at + 2}`;
    ip('netns', 'add', this.space);
    ip('link', 'add', wire, 'type', 'veth', 'peer', 'name', 'wire', 'netns', this.space);
    ip('addr', 'add', `${this.near}/30`, 'dev', wire);
    ip('link', 'set', wire, 'up');
    ip('-n', this.space, 'addr', 'add', `${this.address}/30`, 'dev', 'wire');
    ip('-n', this.space, 'link', 'set', 'wire', 'up');
    ip('-n', this.space, 'link', 'set', 'lo', 'up');
  }

  async #run(program) {
    const file = (name) => path.join(this.dir, name);
    this.child = spawn('ip', ['netns', 'exec', this.space, process.execPath, path.join(here, program), this.address, file('certificate.pem'), file('key.pem')], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(this.child.stdout)) if (line === 'ready') return;
    throw new Error(`${program} ended`);
  }

  // For Chromium's --host-resolver-rules.
  get rules() { return this.names.map((name) => `MAP ${name} ${this.address}`); }

  ask(host, url, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const req = https.request({ host: this.address, servername: host, ca: readFileSync(path.join(this.dir, 'ca.pem')), method, path: url, headers: { host, ...headers }, agent: false }, (res) => {
        let text = '';
        res.on('data', (bytes) => { text += bytes; });
        res.on('end', () => resolve({ status: res.statusCode, location: res.headers.location, text, body: res.headers['content-type']?.includes('json') ? JSON.parse(text) : null }));
      });
      req.on('error', reject);
      req.end(body);
    });
  }

  async stop() {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill('SIGKILL');
      await ended;
    }
    this.resolver?.close();
    try { execFileSync('ip', ['netns', 'delete', this.space], quiet); } catch { /* it was not made */ }
    this.part?.release();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
