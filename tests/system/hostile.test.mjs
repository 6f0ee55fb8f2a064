// SPDX-License-Identifier: Apache-2.0
// What wants to harm, all the way: Host headers and targets at the edge, names and values at the command and the API, sources that are no
// exports, builds that look around. Each is refused or contained, and what is live stays as it is.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, stat, symlink } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { Freehold, folder, present } from './freehold.mjs';

const run = promisify(execFile);
const isRoot = process.getuid() === 0;
let f;
before(async () => {
  f = await Freehold.start();
  await f.deploy(await folder({
    'index.html': '<!doctype html><title>victim</title><p>page of the victim',
    'app.4f3a9c1b.js': 'console.log("victim")',
    'sub/index.html': '<p>sub',
    '.env': 'NOTE=dotfile-secret', 'sub/.env': 'NOTE=dotfile-secret', '.git-credentials': 'dotfile-secret',
    '.well-known/security.txt': 'Contact: mailto:a@example.com',
  }), 'victim');
});
after(async () => { await f.end(); });

// Bytes as they are to the edge; what came back until it closed.
function raw(bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(f.port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setTimeout(10000, () => socket.destroy(new Error('no answer')));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => { text += chunk; });
    socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve({ status: 400, text }) : reject(error)));
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }));
  });
}

const ask = (host, target = '/', more = '') => raw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);
// Words that stand only in files which are nobody's to read.
const secrets = /dotfile-secret|hash_unbound|worker_processes|SQLite format|jwt_secret|root:.*:0:0/;

async function stillServes() {
  const page = await f.get('victim', '/');
  assert.equal(page.status, 200);
  assert.match(page.text, /page of the victim/);
  assert.equal(await f.live('victim'), 1);
}

test('a Host header that names the app in another spelling', async () => {
  for (const host of ['victim.localhost', 'VICTIM.LocalHost', 'victim.localhost.', `victim.localhost:${f.port}`, 'victim.localhost:1'])
    assert.equal((await ask(host)).status, 200, host);
});

test('a Host header that is a path, a variable or a piece of configuration', async () => {
  const hosts = ['..', '.', '...', '../../apps/victim', '../edge', 'victim.localhost/../../../apps/victim', '..%2f..%2fapps%2fvictim', '%2e%2e', 'victim.localhost%00', '/', '//',
    '/etc', '\\..\\..', '$host', '${realpath_root}', '$document_root', '; return 200 x;', '{}', '"', "'", '#', '*', '[::1]', '[..]', '[../..]', '[/]', '[a:b]/..', 'a b', 'a\tb',
    'victim.localhost;victim', '_', 'localhost', '127.0.0.1', 'victim', 'victim.localhost.localhost', 'victim..localhost', '.victim.localhost', '-', 'victim.1.release.internal',
    'release.internal', 'victim.release.internal', 'hosts', 'nginx.conf', 'unix:/etc', 'victim.localhost\x01', 'victim.localhost\x7f', 'vïctim.localhost', 'x'.repeat(255), 'x'.repeat(5000),
    'x'.repeat(70000), ''];
  for (const host of hosts) {
    const { status, text } = await ask(host);
    assert.ok([400, 404, 414, 431, 494].includes(status), `${JSON.stringify(host.slice(0, 60))}: ${status}`);
    assert.doesNotMatch(text, /page of the victim/, host.slice(0, 60));
    assert.doesNotMatch(text, secrets, host.slice(0, 60));
    const api = await ask(host, '/auth/v1/health');
    assert.ok([400, 404, 414, 431, 494].includes(api.status), `${JSON.stringify(host.slice(0, 60))} at the backend: ${api.status}`);
  }
  for (const header of ['Host: victim.localhost\r\nHost: other.localhost\r\n', 'Host: other.localhost\r\nHost: victim.localhost\r\n', '', 'Host : victim.localhost\r\n', 'Host: victim.localhost\0x\r\n'])
    assert.equal((await raw(`GET / HTTP/1.1\r\n${header}Connection: close\r\n\r\n`)).status, 400, JSON.stringify(header));
  assert.equal((await raw('GET / HTTP/1.0\r\n\r\n')).status, 404);
  await stillServes();
});

test('a target that leaves the folder of the app', async () => {
  const up = ['..', '%2e%2e', '.%2e', '%2E%2E', '..;', '%252e%252e', '%c0%ae%c0%ae', '..%5c', '..\\', '%2e%2e%2f..', '..%00'];
  const files = ['release.json', 'pages/200.html', '../../backend.json', '../../../../freehold.db', '../../../../secret.key', '../../../../edge/nginx.conf', '../../../../../../etc/passwd'];
  for (const dots of up)
    for (const file of files)
      for (const target of [`/${dots}/${file.replaceAll('..', dots)}`, `/sub/${dots}/${dots}/${file.replaceAll('..', dots)}`, `/assets/${dots}/${dots}/${file}`, `/app.4f3a9c1b.js/${dots}/${dots}/${file}`,
        `//${dots}//${file}`, `/${dots}%2f${file.replaceAll('/', '%2f')}`]) {
        const { status, text } = await ask('victim.localhost', target);
        assert.ok([400, 404].includes(status), `${target}: ${status}`);
        assert.doesNotMatch(text, secrets, target);
      }
});

test('a target with bytes that have no place in one', async () => {
  for (const target of ['/\0', '/%00', '/index.html%00.js', '/\x01', '/\x7f', '/%', '/%zz', '/a b', `/${'a'.repeat(200000)}`, `/?${'a'.repeat(200000)}`, '*', 'index.html', '', 'http://', 'http:///',
    'http://../', 'victim.localhost:80']) {
    const { status, text } = await ask('victim.localhost', target);
    assert.ok(status >= 400 && status < 500, `${JSON.stringify(target.slice(0, 60))}: ${status}`);
    assert.doesNotMatch(text, secrets, target.slice(0, 60));
  }
  // Slashes and turns that lead back into the folder are an ordinary way of writing.
  for (const target of ['//', '/./', '/sub/../', '/sub/..//./index.html', '/%69ndex.html', '/index.html?x=/../../etc/passwd', '/#/../..'])
    assert.ok([200, 400].includes((await ask('victim.localhost', target)).status), target);
  await stillServes();
});

test('a target with an address of its own', async () => {
  // The address in the target is the one that counts (RFC 9112, 3.2.2): page, release and backend are of one app.
  assert.match((await ask('nobody.localhost', 'http://victim.localhost/')).text, /page of the victim/);
  for (const host of ['nobody.localhost', '..', 'victim.localhost/..'])
    for (const target of [`http://${host}/`, `http://${host}/auth/v1/health`]) {
      const { status, text } = await ask('victim.localhost', target);
      assert.ok([400, 404].includes(status) || host.startsWith('victim'), `${target}: ${status}`);
      assert.doesNotMatch(text, secrets);
    }
  for (const target of ['http://victim.localhost@nobody.localhost/', 'http://nobody.localhost#victim.localhost/', 'http://nobody.localhost\\victim.localhost/'])
    assert.doesNotMatch((await ask('victim.localhost', target)).text, /page of the victim/, target);
});

test('files whose names begin with a dot', async () => {
  for (const target of ['/.env', '/%2eenv', '/%2Eenv', '/.ENV', '/.env/', '/.env%20', '//.env', '/sub/.env', '/sub/%2eenv', '/.git/config', '/.git-credentials', '/.git', '/.htaccess', '/.well-known/../.env', '/.well-known%2f..%2f.env']) {
    const { status, text } = await ask('victim.localhost', target);
    assert.equal(status, 404, target);
    assert.doesNotMatch(text, secrets, target);
  }
  assert.equal((await ask('victim.localhost', '/.well-known/security.txt')).status, 200);
  assert.deepEqual((await readdir(f.app('victim', 'releases/1/public'))).filter((name) => name.startsWith('.')), ['.well-known']);
});

test('two requests in one, one request in two', async () => {
  const smuggled = 'GET /auth/v1/health HTTP/1.1\r\nHost: victim.localhost\r\nX: ';
  for (const lengths of ['Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', 'Transfer-Encoding: xchunked\r\n', 'Content-Length: 4\r\nContent-Length: 5\r\n', 'Content-Length: -1\r\n',
    'Content-Length: 0x4\r\n']) {
    const { status } = await raw(`POST /rest/v1/nothing HTTP/1.1\r\nHost: victim.localhost\r\n${lengths}Connection: close\r\n\r\n0\r\n\r\n${smuggled}`);
    assert.ok(status >= 400 && status < 502, `${JSON.stringify(lengths)}: ${status}`);
  }
  await stillServes();
});

const badNames = ['../x', '..', '.', 'a/b', '/etc', 'a;drop table apps', "a' or '1'='1", 'a"b', 'x'.repeat(200), 'x'.repeat(33), 'ünïcödé', '应用', 'A', 'a_b', 'a.b', 'a b', 'a\nb', '-a', 'a-', '1a', '$(id)', '`id`', '%2e%2e', 'a%00', '‮gpj'];

test('names of apps that are paths, SQL or other alphabets', async () => {
  const source = await folder({ 'index.html': '<p>x' });
  const before = await readdir(path.join(f.home, 'apps'));
  const deploy = (name) => ['deploy', source, `--app=${name}`];
  const others = (name) => [['rollback', '--yes', '--', name], ['destroy', '--confirm', name, '--', name], ['env', '--', name, 'list'], ['logs', '--', name], ['releases', '--', name], ['open', '--', name]];
  for (const [i, name] of ['', ...badNames].entries()) {
    for (const args of [deploy(name), ...(i < 8 ? others(name) : [])]) {
      const out = await f.cli(...args);
      assert.equal(out.code, 2, `${args.join(' ')}: ${out.code} ${out.all}`);
    }
  }
  for (const name of badNames)
    for (const [method, rest] of [['GET', ''], ['DELETE', ''], ['POST', '/rollback'], ['GET', '/env'], ['POST', '/deployments?from=x'], ['GET', '/deployments/1/events'], ['GET', '/logs']]) {
      const { status } = await f.api(method, `/v1/apps/${encodeURIComponent(name)}${rest}`, method === 'POST' ? {} : undefined);
      assert.ok([400, 404].includes(status), `${method} ${name}${rest}: ${status}`);
    }
  for (const url of ['/v1/apps/../../etc', '/v1/apps/..', '/v1/apps//', '/v1/apps/victim/deployments/../../../1', '/v1/apps/victim/deployments/1%27', '/v1/apps/victim/deployments/-1', '/v1/apps/victim/deployments/99999999999999999999'])
    assert.ok([400, 404].includes((await f.api('GET', url)).status), url);
  for (const release of ['../1', '-1', '1;', 99999999999999, 1.5, {}, [], null, '1'])
    assert.ok([400, 404, 409].includes((await f.api('POST', '/v1/apps/victim/rollback', { release })).status), JSON.stringify(release));
  assert.deepEqual(await readdir(path.join(f.home, 'apps')), before);
  assert.deepEqual((await f.api('GET', '/v1/apps')).body.apps.map((app) => app.name), ['victim']);
  await stillServes();
});

test('variables with names and values that would be more than one', async () => {
  for (const name of ['A\nB', 'A B', 'A;B', '1A', 'Ä', '', 'A'.repeat(129), '../A', 'A\0', "A'--"]) {
    if (!name.includes('\0')) assert.equal((await f.cli('env', 'victim', 'set', `${name}=x`)).code, 2, name);
    assert.equal((await f.api('PUT', '/v1/apps/victim/env', { set: { [name]: 'x' } })).status, 400, name);
  }
  for (const body of ['{"set":{"A":1}}', '{"set":{"A":"\\u0000"}}', '{"set":', '[]', '{"set":{"A":null}}', `{"set":{"A":"${'x'.repeat(70000)}"}}`, '['.repeat(100000)])
    assert.ok([400, 413].includes((await f.api('PUT', '/v1/apps/victim/env', Buffer.from(body), { 'content-type': 'application/json' })).status), body.slice(0, 40));
  const value = 'line one\nB=line two\r\n\'; drop table apps; --\n$(id) `id` ${HOME} "quoted" \\ ünï';
  assert.equal((await f.cli('env', 'victim', 'set', `EVIL=${value}`)).code, 0);
  const { env } = JSON.parse((await f.cli('env', 'victim', 'list', '--show', '--json')).stdout);
  assert.deepEqual(env.map((e) => [e.name, e.value]), [['EVIL', value]]);
  const hidden = await f.cli('env', 'victim', 'list');
  assert.ok(!hidden.all.includes('line one'), hidden.all);
  const stored = await readFile(path.join(f.home, 'freehold.db'));
  assert.ok(!stored.includes('line one'), 'the value is in the database as it is');
  assert.equal((await f.cli('env', 'victim', 'unset', 'EVIL')).code, 0);
});

// Archives as no builder makes them, made by Python's own modules.
const archives = {
  'up.zip': ['../evil.txt', "z.writestr('index.html', 'x'); z.writestr('../evil.txt', 'x')"],
  'deep.zip': ['a/../../evil.txt', "z.writestr('index.html', 'x'); z.writestr('a/../../evil.txt', 'x')"],
  'absolute.zip': ['/tmp/fh-evil.txt', "z.writestr('index.html', 'x'); z.writestr('/tmp/fh-evil.txt', 'x')"],
  'link.zip': ['passwd.txt', "z.writestr('index.html', 'x'); i = zipfile.ZipInfo('passwd.txt'); i.create_system = 3; i.external_attr = 0o120777 << 16; z.writestr(i, '/etc/passwd')"],
  'up.tar': ['../evil.txt', "put('index.html'); put('../evil.txt')"],
  'link.tar': ['passwd.txt', "put('index.html'); put('passwd.txt', tarfile.SYMTYPE, '/etc/passwd')"],
  'hard.tar': ['shadow.txt', "put('index.html'); put('shadow.txt', tarfile.LNKTYPE, '/etc/shadow')"],
  'through.tar': ['out', "put('index.html'); put('out', tarfile.SYMTYPE, '/tmp'); put('out/fh-evil.txt')"],
  'device.tar': ['disk', "put('index.html'); put('disk', tarfile.BLKTYPE)"],
  'pipe.tar': ['pipe', "put('index.html'); put('pipe', tarfile.FIFOTYPE)"],
};

async function archive(dir, name, code) {
  const file = path.join(dir, name);
  const head = name.endsWith('.zip') ? "import zipfile, sys\nz = zipfile.ZipFile(sys.argv[1], 'w')\n"
    : "import tarfile, sys, io\nt = tarfile.open(sys.argv[1], 'w')\ndef put(name, type=tarfile.REGTYPE, link=''):\n  i = tarfile.TarInfo(name); i.type = type; i.linkname = link; i.size = 1 if type == tarfile.REGTYPE else 0\n  t.addfile(i, io.BytesIO(b'x'))\n";
  await run('python3', ['-c', `${head}${code}\n${name.endsWith('.zip') ? 'z' : 't'}.close()`, file]);
  return file;
}

test('archives with entries that lead elsewhere, by name', async () => {
  const dir = await folder({});
  for (const [name, [entry, code]] of Object.entries(archives)) {
    const out = await f.cli('deploy', await archive(dir, name, code), '--app', 'victim');
    assert.equal(out.code, 5, `${name}: ${out.code} ${out.all}`);
    assert.ok(out.all.includes(entry.split('/').at(-1)), `${name}: ${out.all}`);
  }
  assert.ok(!present('/tmp/fh-evil.txt'));
  assert.ok(!present(f.app('victim', 'work', 'evil.txt')));
  await stillServes();
});

test('what is no archive at all', async () => {
  const dir = await folder({ 'text.zip': 'this is no archive', 'empty.zip': '', 'cut.zip': 'PK\x03\x04' + 'x'.repeat(100), 'random.tar.gz': '\x1f\x8b' + 'x'.repeat(1000), 'program': '\x7fELF' });
  for (const name of await readdir(dir)) {
    const out = await f.cli('deploy', path.join(dir, name), '--app', 'victim');
    assert.ok([2, 5].includes(out.code), `${name}: ${out.code} ${out.all}`);
    // Past the command, which looks first.
    const sent = await f.api('POST', '/v1/apps/victim/deployments?from=x', await readFile(path.join(dir, name)));
    if (sent.status !== 201) continue;
    const { state, error } = await f.settled('victim');
    assert.equal(state, 'failed', name);
    assert.ok(['invalid', 'refused'].includes(error.code), `${name}: ${error.code} ${error.message}`);
  }
  for (const address of ['ext::sh -c id', 'file:///etc', '--upload-pack=id', 'git://host/x', 'https://', '/nowhere/at/all', '/dev/zero', '/dev/null', '/etc/passwd'])
    assert.ok([2, 3, 5].includes((await f.cli('deploy', '--app', 'victim', '--', address)).code), address);
  await stillServes();
});

test('a package.json of 100 MB, or of a million folds', async () => {
  for (const text of [`{"name":"x","x":"${'x'.repeat(100 << 20)}"}`, '['.repeat(1e6), `{"a":`.repeat(1e5)]) {
    const out = await f.cli('deploy', await folder({ 'index.html': '<p>x', 'vite.config.js': '', 'package.json': text }), '--app', 'victim');
    assert.ok([2, 5, 7].includes(out.code), `${out.code} ${out.all}`);
    assert.match(out.all, /package\.json/);
  }
  await stillServes();
});

test('folders with links', async () => {
  const dir = await folder({ 'index.html': '<p>x' });
  await symlink('/etc/passwd', path.join(dir, 'passwd.txt'));
  const out = await f.cli('deploy', dir, '--app', 'victim');
  assert.ok([2, 5].includes(out.code), `${out.code} ${out.all}`);
  assert.match(out.all, /passwd\.txt/);
  await stillServes();
});

// An app that needs nothing from anywhere; its build is ours to write.
const built = (script, files = {}, scripts = {}) => folder({
  'package.json': JSON.stringify({ name: 'spy', version: '1.0.0', private: true, scripts: { build: 'node build.cjs', ...scripts } }),
  'vite.config.js': 'export default {}',
  'index.html': '<!doctype html><title>spy</title>',
  'build.cjs': `const fs = require('fs'); fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', '<!doctype html><title>spy</title>');\n${script}`,
  ...files,
});

test('an output with a link to a file of the machine', async () => {
  await f.deploy(await built(''), 'spy');
  for (const [what, script] of Object.entries({
    'passwd.txt': "fs.symlinkSync('/etc/passwd', 'dist/passwd.txt')",
    'up.txt': "fs.symlinkSync('../package.json', 'dist/up.txt')",
    folder: "fs.symlinkSync('/etc', 'dist/folder')",
    dist: "fs.rmSync('dist', { recursive: true }); fs.symlinkSync('/etc', 'dist')",
  })) {
    const out = await f.cli('deploy', await built(script), '--app', 'spy');
    assert.equal(out.code, 5, `${what}: ${out.code} ${out.all}`);
    assert.ok(out.all.includes(what), out.all);
    assert.equal(await f.live('spy'), 1);
  }
});

// Everything that a build has no business with, looked at from wherever this runs. Prints READ, OPEN (a socket that took a connection) or nothing.
const look = `
const fs = require('fs'), net = require('net'), path = require('path');
const home = process.argv[2], port = Number(process.argv[3]);
const say = (word, what) => console.log(word + ' ' + what);
for (const p of ['/etc/shadow', '/root', '/etc/ssl/private', '/proc/1/root/etc/shadow', ...['freehold.db', 'secret.key', 'apps/victim', 'apps/victim/postgres', 'apps/victim/postgres/data/PG_VERSION', 'apps/victim/backend.json',
  'apps/victim/repo.git', 'apps/victim/repo.git/HEAD', 'apps/victim/logs', 'apps/victim/logs/postgres.log', 'apps/victim/logs/backend.log', 'apps/victim/logs/deployment-1.ndjson', 'apps/victim/work', 'apps/victim/releases/1/release.json', 'run/victim/backend', 'run/victim/postgres',
  'edge/access.log', 'logs/edge.log'].map((n) => path.join(home, n))])
  try { fs.statSync(p).isDirectory() ? fs.readdirSync(p) : fs.closeSync(fs.openSync(p)); say('READ', p); } catch {}
for (const p of ['apps/victim/evil', 'run/evil', 'run/victim/evil', 'edge/hosts/evil.localhost', 'apps/victim/releases/1/public/evil', 'apps/victim/assets/evil', 'cache/evil'].map((n) => path.join(home, n)))
  try { fs.writeFileSync(p, 'x'); say('WROTE', p); } catch {}
const doors = ['run/control.sock', 'run/victim/postgres/.s.PGSQL.5432', 'run/victim/backend/backend.sock', 'apps/victim/backend.sock'].map((n) => ({ path: path.join(home, n) })).concat([{ port, host: '127.0.0.1' }]);
for (const door of doors) { const name = door.path ?? 'edge'; net.connect(door, function () { say('OPEN', name); this.destroy(); }).on('error', () => {}); }
say('LOOKED', 'around');
`;

test('a build and an install that look around', async () => {
  const command = `node look.cjs ${f.home} ${f.port}`;
  const out = await f.cli('deploy', await built(`process.stdout.write(require('child_process').execSync('${command}'));`, { 'look.cjs': look }, { postinstall: command, preinstall: command }), '--app', 'spy');
  assert.equal(out.code, 0, out.all);
  assert.ok(out.all.match(/LOOKED around/g).length >= 2, out.all);
  assert.deepEqual(out.all.match(/(READ|WROTE|OPEN) .*/g) ?? [], []);
  await stillServes();
});

test('the user of a build, should it get out of its box', { skip: !isRoot && 'without root every app is one user' }, async () => {
  const { uid, gid } = await stat(f.app('spy', 'repo.git'));
  assert.notEqual(uid, 0);
  const dir = await folder({ 'look.cjs': look });
  await run('chmod', ['-R', 'a+rX', dir]);
  const { stdout } = await run('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', process.execPath, path.join(dir, 'look.cjs'), f.home, String(f.port)]);
  assert.match(stdout, /LOOKED around/);
  const own = f.home + '/';
  const found = (stdout.match(/(READ|WROTE|OPEN) .*/g) ?? []).map((line) => line.replace(own, '')).filter((line) => line !== 'OPEN edge');
  assert.deepEqual(found, []);
  // A socket that lets everybody knock still asks who it is.
  await assert.rejects(run('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'psql', '-h', path.join(f.home, 'run/victim/postgres'), '-U', 'postgres', '-c', 'select 1', 'postgres']));
  await stillServes();
});

test('a build and variables whose values are more than one line', async () => {
  const value = 'one\nTWO=two $(id)';
  assert.equal((await f.cli('env', 'spy', 'set', `EVIL=${value}`, '--build')).code, 0);
  const out = await f.cli('deploy', await built("console.log('VALUE ' + JSON.stringify(process.env.EVIL) + ' ' + process.env.TWO)"), '--app', 'spy');
  assert.equal(out.code, 0, out.all);
  assert.ok(out.all.includes(`VALUE ${JSON.stringify(value)} undefined`), out.all);
});
