// SPDX-License-Identifier: Apache-2.0
//
// Sign-in as its owner sets it: before there is an app, while it runs, without a restart; keys that are turned; texts of
// mails; users. Secrets are never shown.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, example, folder, until } from './freehold.mjs';

let f, publishable, anon;
const SECRET = 'GOCSPX-never-to-be-seen';
const auth = async (query = '') => (await f.api('GET', `/v1/apps/site/auth${query}`)).body;
const setting = (answer, name) => answer.settings.find((s) => s.name === name);
const post = (url, body, headers = {}) => f.get('site', url, { method: 'POST', body: JSON.stringify(body),
  headers: { apikey: publishable, 'content-type': 'application/json', ...headers } });
const header = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
const jwks = async () => (await f.get('site', '/auth/v1/.well-known/jwks.json')).body.keys;

before(async () => { f = await Freehold.start(); });
after(async () => { await f?.end(); });

test('is set before there is an app', async () => {
  const made = await f.cli('auth', 'site', 'set', 'minimum_password_length=7', 'jwt_expiry=2h');
  assert.equal(made.code, 0, made.all);
  assert.match(made.stdout, /no app named site yet/);
  const wrong = await f.cli('auth', 'other', 'set', 'minimum_password_length=3');
  assert.match(wrong.stderr, /minimum_password_length must be 6 to 72, not 3/);
  assert.deepEqual((await f.api('GET', '/v1/apps')).body.apps.map((a) => a.name), ['site']);
  await f.deploy(example('static-site'), 'site');
  const { keys } = (await f.api('GET', '/v1/apps/site')).body;
  ({ publishable, anon } = keys);
});

test('holds at once, all of it or nothing', async () => {
  const first = await post('/auth/v1/signup', { email: 'ada@example.com', password: 'short123' });
  assert.equal(first.body.expires_in, 7200, first.text);
  const { pid } = (await f.api('GET', '/v1/apps/site')).body.processes.find((p) => p.name === 'backend');
  assert.equal((await f.cli('auth', 'site', 'unset', 'jwt_expiry')).code, 0);
  await until('the default holds', async () => {
    const answer = await post('/auth/v1/token?grant_type=password', { email: 'ada@example.com', password: 'short123' });
    return answer.body.expires_in === 3600;
  });
  assert.equal((await f.cli('auth', 'site', 'set', 'jwt_expiry=2h')).code, 0);
  const wrong = await f.cli('auth', 'site', 'set', 'jwt_expiry=1h', 'email.otp_length=3');
  assert.equal(wrong.code, 2, wrong.all);
  assert.match(wrong.stderr, /email\.otp_length must be 6 to 10/);
  assert.equal(setting(await auth(), 'jwt_expiry').value, '2h');
  assert.equal((await f.cli('auth', 'site', 'set', 'enable_sign_up=true')).code, 2);
  assert.equal((await f.cli('auth', 'site', 'unset', 'jwt_issuer')).code, 2);
  assert.equal((await f.api('GET', '/v1/apps/site')).body.processes.find((p) => p.name === 'backend').pid, pid);
});

test('the app\'s own keys are made anew, and the former ones are refused', async () => {
  const kept = async () => JSON.parse(await readFile(f.app('site', 'backend.json')));
  const users = async (apikey) => (await f.get('site', '/auth/v1/admin/users', { headers: { apikey, authorization: `Bearer ${apikey}` } })).status;
  const read = async (path, apikey) => (await f.get('site', path, { headers: { apikey } })).status;
  const old = await kept();
  // The same signature, written with other bits where the last letter has some to spare.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = old.service_role_key.slice(0, -1) + letters[letters.indexOf(old.service_role_key.at(-1)) ^ 1];
  assert.deepEqual([await users(old.service_role_key), await users(old.secret_key)], [200, 200]);
  assert.match((await f.cli('auth', 'site', 'keys', 'renew')).stderr, /renew service .*or public/);
  const renewed = await f.cli('auth', 'site', 'keys', 'renew', 'service');
  assert.equal(renewed.code, 0, renewed.all);
  const now = await kept();
  assert.deepEqual([await users(now.service_role_key), await users(now.secret_key)], [200, 200]);
  for (const key of [old.service_role_key, old.secret_key, twin]) {
    assert.ok([401, 403].includes(await users(key)), key);
    for (const path of ['/rest/v1/', '/storage/v1/bucket']) assert.ok((await read(path, key)) >= 400, `${path} ${key}`);
  }
  assert.equal(now.anon_key, old.anon_key);
  assert.equal(await read('/auth/v1/settings', old.anon_key), 200);
  assert.equal((await f.cli('auth', 'site', 'keys', 'revoke', 'public')).code, 4);
  assert.equal((await f.cli('auth', 'site', 'keys', 'renew', 'public')).code, 0);
  ({ publishable, anon } = (await f.api('GET', '/v1/apps/site')).body.keys);
  assert.ok(anon !== old.anon_key && publishable !== old.publishable_key);
  for (const key of [anon, publishable, old.anon_key, old.publishable_key]) assert.equal(await read('/rest/v1/', key), 200, key);
  assert.equal((await f.cli('auth', 'site', 'keys', 'revoke', 'public')).code, 0);
  for (const key of [anon, publishable]) assert.equal(await read('/rest/v1/', key), 200, key);
  for (const key of [old.anon_key, old.publishable_key]) assert.equal(await read('/rest/v1/', key), 401, key);
});

test('public keys that are made anew stand in the pages at once, and in those that a rollback brings back', async () => {
  const KEY = 'freehold-anon-key-placeholder-5d0c81f2'; // what a build has in their place
  const site = (words) => folder({ 'index.html': `<p>${words} ${KEY}</p><script src="/assets/app-Ab12Cd34.js"></script>`, 'assets/app-Ab12Cd34.js': `key = "${KEY}"`, 'plain.txt': words });
  for (const words of ['one', 'two']) await f.deploy(await site(words), 'paged');
  const [page, script, plain] = ['/', '/assets/app-Ab12Cd34.js', '/plain.txt'];
  const now = async () => (await f.api('GET', '/v1/apps/paged')).body.keys.anon;
  const read = async (at) => { const { text, headers } = await f.get('paged', at); return { text, etag: headers.etag }; };
  const old = await now(), before = await read(page);
  assert.deepEqual([before.text.includes(`two ${old}`), (await read(script)).text], [true, `key = "${old}"`]);
  const renewed = await f.cli('auth', 'paged', 'keys', 'renew', 'public');
  assert.match(renewed.stdout, /Pages have the new anon and publishable key/, renewed.all);
  const fresh = await now();
  assert.notEqual(fresh, old);
  const after = await read(page);
  assert.ok(after.text.includes(`two ${fresh}`), after.text);
  assert.notEqual(after.etag, before.etag);
  assert.equal((await read(script)).text, `key = "${fresh}"`);
  assert.equal((await f.cli('rollback', 'paged')).code, 0);
  const earlier = await read(page);
  assert.deepEqual([earlier.text.includes(`one ${fresh}`), (await read(plain)).text], [true, 'one']);
  assert.equal(new Set([before.etag, after.etag, earlier.etag]).size, 3, 'no browser takes one for another');
  assert.equal((await f.cli('auth', 'paged', 'keys', 'revoke', 'public')).code, 0);
  assert.ok((await read(page)).text.includes(fresh));
  const { number, hash_bound: hash, bind } = JSON.parse(await readFile(f.app('paged', 'releases/1/release.json')));
  assert.deepEqual([number, bind.hash_bound], [1, hash]);
  // What it is written from is gone: said, and the other release gets them all the same.
  await rm(f.app('paged', 'releases/1/unbound'), { recursive: true });
  const gone = await f.cli('auth', 'paged', 'keys', 'renew', 'public');
  assert.equal(gone.code, 3, gone.all);
  assert.match(gone.stderr, /release 1 of paged: assets\/app-Ab12Cd34\.js as it was built is gone/);
  assert.ok((await readFile(f.app('paged', 'releases/2/public/index.html'), 'utf8')).includes(await now()));
  assert.equal((await f.cli('destroy', 'paged', '--confirm', 'paged')).code, 0);
});

test('pages ask the address by https from the moment on that everybody is sent there', async () => {
  const ADDRESS = 'https://freehold-origin-placeholder.invalid'; // what a build has in its place
  await f.deploy(await folder({ 'index.html': `<p>at ${ADDRESS}/rest`, 'data.json': `"${ADDRESS}"` }), 'secured');
  const data = async () => (await f.get('secured', '/data.json')).text;
  assert.equal(await data(), `"http://secured.localhost:${f.port}"`);
  const on = await f.cli('tls', 'secured', 'redirect', 'on');
  assert.match(on.stdout, /Its pages, links in mails and sign-in use https/, on.all);
  const release = async () => JSON.parse(await readFile(f.app('secured', 'releases/1/release.json'))).bind.origin;
  assert.equal(await release(), `https://secured.localhost:${f.tlsPort}`);
  assert.match(await readFile(f.app('secured', 'live/public/data.json'), 'utf8'), /^"https:/);
  assert.doesNotMatch((await f.cli('status')).stdout, /astray|The pages of secured/);
  assert.equal((await f.cli('tls', 'secured', 'redirect', 'off')).code, 0);
  assert.equal(await data(), `"http://secured.localhost:${f.port}"`);
  assert.equal((await f.cli('destroy', 'secured', '--confirm', 'secured')).code, 0);
});

test('a provider: its secret is kept and not shown', async () => {
  const asked = await f.cli('auth', 'site', 'provider', 'google');
  assert.match(asked.stdout, new RegExp(`http://site\\.localhost:${f.port}/auth/v1/callback`));
  const set = await f.cli('auth', 'site', 'provider', 'google', '--client-id', '1.apps.example', { input: `${SECRET}\n` });
  assert.equal(set.code, 0, set.all);
  const config = JSON.parse(await readFile(f.app('site', 'backend.json')));
  assert.equal(config.auth.external.google.secret, SECRET);
  for (const words of [['auth', 'site'], ['auth', 'site', 'list', '--all'], ['auth', 'site', '--json'], ['auth', 'site', 'provider', '--json']])
    assert.ok(!(await f.cli(...words)).all.includes(SECRET), words.join(' '));
  assert.deepEqual((await auth()).providers, ['google']);
  assert.ok(!(await readFile(path.join(f.home, 'freehold.db'))).includes(SECRET));
  assert.equal((await f.cli('auth', 'site', 'provider', 'google', 'off')).code, 0);
  assert.deepEqual((await auth()).providers, []);
});

test('a provider that nobody knows is asked back about, and needs the address of its issuer', async () => {
  const asked = await f.cli('auth', 'site', 'provider', 'goggle');
  assert.match(asked.stdout, /none of the providers.*google.*\nDid you mean: freehold auth site provider google\n.*--url https:/);
  const set = await f.cli('auth', 'site', 'provider', 'goggle', '--client-id', '1', { input: 'secret\n' });
  assert.notEqual(set.code, 0);
  assert.match(set.all, /Did you mean/);
  assert.deepEqual((await auth()).providers, []);
  assert.match((await f.cli('auth', 'site', 'users', '--search', 'nobody@nowhere')).stdout, /^site has no user that has "nobody@nowhere" in the address\.$/m);
});

test('keys: announced, in use, used before, revoked', async () => {
  const signIn = async () => (await post('/auth/v1/token?grant_type=password', { email: 'ada@example.com', password: 'short123' })).body.access_token;
  const user = async (token) => (await f.get('site', '/auth/v1/user', { headers: { apikey: publishable, authorization: `Bearer ${token}` } })).status;
  const rest = async (token) => (await f.get('site', '/rest/v1/nothing', { headers: { apikey: publishable, authorization: `Bearer ${token}` } })).status;
  const old = await signIn();
  assert.equal(header(old).alg, 'HS256');
  assert.deepEqual(await jwks(), []);
  assert.equal((await f.cli('auth', 'site', 'keys', 'rotate')).code, 4);
  assert.equal((await f.cli('auth', 'site', 'keys', 'standby')).code, 0);
  const [announced] = await until('it is announced', async () => { const keys = await jwks(); return keys.length === 1 && keys; });
  assert.equal(announced.alg, 'ES256');
  assert.equal(announced.d, undefined);
  assert.equal(header(await signIn()).alg, 'HS256');
  assert.equal((await f.cli('auth', 'site', 'keys', 'standby', 'RS256')).code, 4);
  const rotated = await f.cli('auth', 'site', 'keys', 'rotate');
  assert.equal(rotated.code, 0);
  assert.match(rotated.stdout, /This key was announced just now\..*may keep an old list for ten minutes/s);
  const now = await until('it signs', async () => { const token = await signIn(); return header(token).alg === 'ES256' && token; });
  assert.equal(header(now).kid, announced.kid);
  assert.deepEqual([await user(old), await user(now), await rest(old), await rest(now)], [200, 200, 404, 404]);
  assert.equal((await f.cli('auth', 'site', 'keys', 'revoke', announced.kid)).code, 4);
  assert.equal((await f.cli('auth', 'site', 'keys', 'revoke', 'legacy')).code, 0);
  await until('what the old one signed is refused', async () => (await user(old)) === 403);
  assert.deepEqual([await rest(old), await user(now), await rest(now)], [401, 200, 404]);
  // Pages that were built hold these.
  assert.equal((await f.get('site', '/rest/v1/nothing', { headers: { apikey: anon } })).status, 404);
  assert.equal((await f.get('site', '/rest/v1/nothing', { headers: { apikey: anon, authorization: `Bearer ${anon}` } })).status, 404);
  const listed = await f.cli('auth', 'site', 'keys', '--json');
  assert.deepEqual(JSON.parse(listed.stdout).keys.map((k) => [k.algorithm, k.state]), [['ES256', 'in_use'], ['HS256', 'revoked']]);
  assert.ok(!listed.stdout.includes('"d"'));
});

test("a moved project's secret: its tokens go on being accepted", async () => {
  const { createHmac } = await import('node:crypto');
  const secret = 'the-jwt-secret-of-a-project-somewhere-else';
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ role: 'anon', iss: 'supabase' })}`;
  const theirs = `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
  const asTheirs = async () => (await f.get('site', '/rest/v1/nothing', { headers: { apikey: theirs } })).status;
  assert.equal(await asTheirs(), 401);
  const file = path.join(f.home, 'jwt-secret');
  await writeFile(file, `${secret}\n`);
  const imported = await f.cli('auth', 'site', 'keys', 'import', file);
  assert.equal(imported.code, 0, imported.all);
  await until('it is accepted', async () => (await asTheirs()) === 404);
  await writeFile(file, 'short');
  assert.equal((await f.cli('auth', 'site', 'keys', 'import', file)).code, 2);
});

test('texts of mails: looked at, tried, changed, and back', async () => {
  const preview = await f.cli('auth', 'site', 'template', 'recovery', '--preview');
  assert.equal(preview.code, 0, preview.all);
  assert.match(preview.stdout, new RegExp(`http://site\\.localhost:${f.port}/auth/v1/verify`));
  const file = path.join(f.home, 'mail.html');
  await writeFile(file, 'Subject: A new password for {{ .Email }}\n\n<p>Hello, <a href="{{ .ConfirmationURL }}">here</a></p>\n');
  assert.equal((await f.cli('auth', 'site', 'template', 'recovery', '--file', file)).code, 0);
  const mine = JSON.parse((await f.cli('auth', 'site', 'template', 'recovery', '--preview', '--json')).stdout);
  assert.equal(mine.subject, 'A new password for ada@example.com');
  assert.match(mine.text, /Hello, here/);
  await writeFile(file, '<p>{{ .Confirm }</p>');
  const wrong = await f.cli('auth', 'site', 'template', 'recovery', '--file', file);
  assert.equal(wrong.code, 2, wrong.all);
  assert.match(wrong.stderr, /recovery/);
  const editor = path.join(f.home, 'editor');
  await writeFile(editor, '#!/bin/sh\nsed -i s/Hello/Salve/ "$1"\n', { mode: 0o755 });
  assert.equal((await f.cli('auth', 'site', 'template', 'recovery', '--edit', { env: { EDITOR: editor } })).code, 0);
  assert.match((await f.cli('auth', 'site', 'template', 'recovery')).stdout, /A new password[^]*Salve/);
  assert.equal((await f.cli('auth', 'site', 'template', 'recovery', '--reset')).code, 0);
  assert.doesNotMatch((await f.cli('auth', 'site', 'template', 'recovery')).stdout, /Salve/);
  assert.equal((await f.cli('auth', 'site', 'template', 'recovery', '--reset')).code, 3);
  assert.match((await f.cli('auth', 'site', 'template', 'nothing')).stderr, /there is no mail "nothing"/);
});

test("what the export's config.toml says, where the owner says nothing else", async () => {
  const dir = await folder({
    'index.html': '<!doctype html><p>ours',
    'supabase/config.toml': ['[auth]', 'site_url = "http://localhost:3000"', 'additional_redirect_urls = ["https://old.example/welcome"]',
      'jwt_expiry = 1800', 'minimum_password_length = 8', '[auth.email]', 'otp_length = 8', '[auth.email.template.invite]',
      'subject = "Come in"', 'content_path = "./supabase/mails/invite.html"', '[auth.external.github]', 'enabled = true',
      'client_id = "gh"', 'secret = "env(GITHUB_SECRET)"'].join('\n'),
    'supabase/mails/invite.html': '<p>Come in: <a href="{{ .ConfirmationURL }}">here</a>',
  });
  const out = await f.cli('deploy', dir, '--app', 'site');
  assert.equal(out.code, 0, out.all);
  assert.match(out.all, /config\.toml.*sign-in is set by \[auth\]/);
  assert.match(out.all, /site_url: http:\/\/localhost:3000 is not this server/);
  assert.match(out.all, /freehold env site set GITHUB_SECRET=-/);
  const now = await auth();
  assert.equal(now.site_url, `http://site.localhost:${f.port}`);
  assert.deepEqual(['jwt_expiry', 'minimum_password_length', 'email.otp_length'].map((n) => [setting(now, n).value, setting(now, n).from]),
    [['2h', 'owner'], [7, 'owner'], [8, 'export']]);
  assert.deepEqual(now.providers, []);
  assert.deepEqual(now.missing, [{ name: 'external.github.secret', variable: 'GITHUB_SECRET' }]);
  assert.match((await f.cli('auth', 'site')).stdout, /GITHUB_SECRET: freehold env site set GITHUB_SECRET=-/);
  assert.match((await f.cli('auth', 'site', 'template', 'invite', '--preview')).stdout, /Subject: Come in[^]*Come in: here/);
  assert.equal((await f.cli('env', 'site', 'set', 'GITHUB_SECRET=s')).code, 0);
  assert.deepEqual((await auth()).providers, ['github']);
  await until('the backend knows', async () => (await f.get('site', '/auth/v1/settings')).body.external.github !== undefined);
  assert.equal(JSON.parse(await readFile(f.app('site', 'backend.json'))).auth.external.github.secret, 's');
});

// Says yes to everything but a recipient that it is told not to know.
async function mailServer() {
  const net = await import('node:net');
  const mails = [];
  const server = net.createServer((socket) => {
    let to, data = null, rest = '';
    socket.write('220 here\r\n');
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      rest += bytes;
      for (let end; (end = rest.indexOf('\r\n')) >= 0;) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data !== null) {
          if (line !== '.') { data += `${line}\n`; continue; }
          mails.push({ to, data });
          data = null;
          socket.write('250 2.0.0 taken as 4711\r\n');
        } else if (/^RCPT/i.test(line)) {
          [, to] = line.match(/<(.*)>/);
          socket.write(to.startsWith('nobody') ? '550 5.1.1 no such user\r\n' : '250 ok\r\n');
        } else if (/^DATA/i.test(line)) {
          data = '';
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { mails, port: server.address().port, close: () => server.close() };
}

test('a mail server: set, tried, refused, and off again', async () => {
  const smtp = await mailServer();
  try {
    const set = await f.cli('auth', 'site', 'smtp', `127.0.0.1:${smtp.port}`, '--from', 'shop@here.example', '--sender', 'The Shop');
    assert.equal(set.code, 0, set.all);
    const sent = await f.cli('auth', 'site', 'smtp', 'test', 'me@example.com');
    assert.equal(sent.code, 0, sent.all);
    assert.match(sent.stdout, /taken as 4711/);
    assert.equal(smtp.mails[0].to, 'me@example.com');
    assert.match(smtp.mails[0].data, /From: "?The Shop"? <shop@here\.example>/);
    const refused = await f.cli('auth', 'site', 'smtp', 'test', 'nobody@example.com');
    assert.equal(refused.code, 10, refused.all);
    assert.match(refused.stderr, /5\.1\.1 no such user/);
    const { mails } = JSON.parse((await f.cli('mail', 'site', '--json')).stdout);
    assert.deepEqual(mails.map((m) => [m.recipient, m.state]), [['nobody@example.com', 'dead'], ['me@example.com', 'sent']]);
    assert.match((await f.cli('mail', 'site', 'show', String(mails[0].id))).stdout, /no such user[^]*This mail came through/);
    assert.match((await f.cli('mail', 'site', 'purge', 'dead')).stdout, /1 removed/);
    assert.equal((await auth()).confirmations, true);
    assert.equal((await f.cli('auth', 'site', 'smtp', 'off')).code, 0);
    assert.equal((await auth()).confirmations, false);
  } finally {
    smtp.close();
  }
});

// What the app's migrations may make must not run with the rights of whoever looks at its users.
function shadow() {
  const sql = `create function public.trap(varchar, text) returns boolean language sql as 'select false';
    create operator public.~~* (leftarg = varchar, rightarg = text, function = public.trap);`;
  execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', path.join(f.home, 'run/site/postgres'), '-U', 'postgres', '-d', 'postgres', '-c', sql]);
}

test('users and mails', async () => {
  shadow();
  const users = JSON.parse((await f.cli('auth', 'site', 'users', '--json')).stdout);
  assert.deepEqual(users.users.map((u) => [u.email, u.confirmed, u.providers]), [['ada@example.com', true, ['email']]]);
  assert.match((await f.cli('auth', 'site', 'users', '--search', 'ADA@')).stdout, /1 of 1 users/);
  assert.match((await f.cli('auth', 'site', 'users', '--search', 'nobody')).stdout, /no user that has "nobody" in the address/);
  assert.match((await f.cli('mail', 'site')).stdout, /me@example\.com/);
  assert.equal((await f.cli('mail', 'site', 'show', '99999')).code, 3);
  assert.match((await f.cli('auth', 'site', 'smtp', 'test', 'me@example.com')).stderr, /site has no mail server/);
  assert.equal((await f.cli('stop', 'site')).code, 0);
  const away = await f.cli('auth', 'site', 'users');
  assert.match(away.stderr, /does not run; freehold start site/);
});
