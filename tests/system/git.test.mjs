// SPDX-License-Identifier: Apache-2.0
// Sources from git as founders have them: a private repository over ssh with a deploy key, and one over https. A real sshd, a real git
// behind a server with a certificate, both on loopback.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Freehold, until } from './freehold.mjs';
import { freePort } from './port.mjs';

const run = promisify(execFile);
const isRoot = process.getuid() === 0;
const git = (dir, ...args) => run('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args], { cwd: dir });
let f, dir, sshd, web, sshPort;

const accepts = (at) => new Promise((resolve) => { const s = net.connect(at, '127.0.0.1', () => { s.destroy(); resolve(true); }).on('error', () => resolve(false)); });

async function startSshd(hostKey) {
  sshPort ??= await freePort();
  await writeFile(`${dir}/sshd.conf`, `Port ${sshPort}\nListenAddress 127.0.0.1\nHostKey ${dir}/${hostKey}\nAuthorizedKeysFile ${dir}/authorized\nStrictModes no\n`
    + `UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\nForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"\n`);
  if (isRoot) spawnSync('mkdir', ['-p', '/run/sshd']);
  sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', `${dir}/sshd.conf`], { stdio: 'ignore' });
  await until('sshd answers', () => accepts(sshPort));
}

async function stopSshd() {
  const ended = new Promise((resolve) => sshd.once('exit', resolve));
  sshd.kill('SIGTERM');
  await ended;
}

// git's own server program behind https, as CGI has it (RFC 3875).
function serveGit(req, res) {
  const url = new URL(req.url, 'https://localhost');
  const user = Buffer.from((req.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
  if (user !== 'ada:s3cret-token') return res.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  const cgi = spawn('git', ['http-backend'], { env: { PATH: process.env.PATH, GIT_PROJECT_ROOT: dir, GIT_HTTP_EXPORT_ALL: '1', REQUEST_METHOD: req.method,
    PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), CONTENT_TYPE: req.headers['content-type'] ?? '', HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: req.headers['git-protocol'] ?? '', REMOTE_USER: 'ada', HOME: dir, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' } });
  req.pipe(cgi.stdin);
  const chunks = [];
  cgi.stdout.on('data', (chunk) => chunks.push(chunk));
  cgi.on('close', () => {
    const all = Buffer.concat(chunks), end = all.indexOf('\r\n\r\n');
    const head = all.subarray(0, end).toString().split('\r\n').map((line) => line.split(/: (.*)/s));
    const status = head.find(([name]) => name === 'Status');
    res.writeHead(status ? Number.parseInt(status[1], 10) : 200, Object.fromEntries(head.filter(([name]) => name !== 'Status').map(([n, v]) => [n, v])));
    res.end(all.subarray(end + 4));
  });
}

// Root can give the daemon a machine whose certificates include ours, in mounts of its own.
async function trust() {
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${dir}/web.key`, '-out', `${dir}/web.pem`]);
  await cp('/etc/ssl/certs', `${dir}/certs`, { recursive: true, dereference: false, verbatimSymlinks: true });
  await writeFile(`${dir}/certs/ca-certificates.crt`, await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8') + await readFile(`${dir}/web.pem`, 'utf8'));
  return ['unshare', '-m', 'bash', '-c', `mount --bind ${dir}/certs /etc/ssl/certs && exec "$@"`, 'bash'];
}

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'fh-git-'));
  await git(dir, 'init', '-q', '--initial-branch=main', 'work');
  await writeFile(`${dir}/work/index.html`, '<!doctype html><title>one</title><p>from git');
  await git(`${dir}/work`, 'add', '.');
  await git(`${dir}/work`, 'commit', '-q', '-m', 'one');
  await git(dir, 'clone', '-q', '--bare', 'work', 'site.git');
  await run('chmod', ['-R', 'a+rX', dir]);
  for (const name of ['host1', 'host2']) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${dir}/${name}`]);
  await writeFile(`${dir}/authorized`, '');
  await startSshd('host1');
  f = await Freehold.start({ wrap: isRoot ? await trust() : [] });
});
after(async () => {
  await f?.end();
  sshd?.kill();
  web?.close();
  if (dir) await rm(dir, { recursive: true, force: true });
});

const address = () => `ssh://${os.userInfo().username}@127.0.0.1:${sshPort}${dir}/site.git`;

test('a private repository by ssh: the key is asked for, given, and then it goes live', async () => {
  const without = await f.cli('deploy', address(), '--app', 'site');
  assert.notEqual(without.code, 0);
  assert.match(without.all, /this app has none yet: make one with freehold key/);
  const shown = await f.cli('key', 'site');
  assert.equal(shown.code, 0, shown.all);
  assert.match(shown.stdout, /^ssh-ed25519 [A-Za-z0-9+/=]+ freehold-site\n$/);
  assert.equal((await f.cli('key', 'site')).stdout, shown.stdout, 'the same key again');
  const unknown = await f.cli('deploy', address(), '--app', 'site');
  assert.match(unknown.all, /does not know this app's key/);
  await writeFile(`${dir}/authorized`, shown.stdout);
  assert.equal(await f.deploy(address(), 'site'), 3);
  assert.match((await f.get('site', '/')).text, /from git/);
});

test('the key is nowhere in the clear', async () => {
  const found = await run('grep', ['-rlE', 'BEGIN OPENSSH PRIVATE KEY', f.home]).catch((error) => error);
  assert.equal(found.stdout, '');
});

test('a server with another key is refused, until its keys are forgotten', async () => {
  await stopSshd();
  await startSshd('host2');
  const changed = await f.cli('deploy', address(), '--app', 'site');
  assert.notEqual(changed.code, 0);
  assert.match(changed.all, /another key than it did before.*freehold key APP --forget-servers/s);
  assert.equal((await f.cli('key', 'site', '--forget-servers')).code, 0);
  await f.deploy(address(), 'site');
});

test('another key in the place of the first', async () => {
  const made = await f.cli('key', 'site', '--new');
  assert.notEqual(made.stdout, await readFile(`${dir}/authorized`, 'utf8'));
  assert.match((await f.cli('deploy', address(), '--app', 'site')).all, /does not know this app's key/);
});

test('a key before the first deployment makes the app; one of another app does not fit', async () => {
  const made = JSON.parse((await f.cli('key', 'early', '--json')).stdout);
  assert.equal(made.created, true);
  assert.match((await f.cli('deploy', address(), '--app', 'early')).all, /does not know this app's key/);
});

test('an address where nobody answers is told whole, but for its password', async () => {
  const r = await f.cli('deploy', 'https://someone:hidden@127.0.0.1:1/no/repo.git', '--app', 'nobody');
  assert.notEqual(r.code, 0);
  assert.match(r.stderr, /git could not fetch it: unable to access 'https:\/\/127\.0\.0\.1:1\/no\/repo\.git\/'/);
  assert.doesNotMatch(r.all, /hidden/);
});

test('by https, with a token in the address that is kept nowhere', { skip: !isRoot && 'needs a certificate that the machine trusts' }, async () => {
  web = https.createServer({ key: await readFile(`${dir}/web.key`), cert: await readFile(`${dir}/web.pem`) }, serveGit);
  await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
  const at = `127.0.0.1:${web.address().port}/site.git`;
  const refused = await f.cli('deploy', `https://ada:wrong-one@${at}`, '--app', 'site');
  assert.notEqual(refused.code, 0);
  assert.ok(!refused.all.includes('wrong-one'), refused.all);
  await f.deploy(`https://ada:s3cret-token@${at}`, 'site');
  const kept = await run('grep', ['-rl', 's3cret-token', f.home]).catch((error) => error);
  assert.equal(kept.stdout, '');
});
