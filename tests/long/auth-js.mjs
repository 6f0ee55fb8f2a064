#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// tests/long/auth-js.mjs CHECKOUT
//
// The tests of supabase-js's own client for sign-in against our backend, those included that upstream runs against a GoTrue of
// other settings each (docker-tests). CHECKOUT is a checkout of supabase/supabase-js whose packages are installed (pnpm install
// --ignore-scripts); it needs the Node that it says (22). Nothing in it is changed: the tests are copied beside themselves, with
// our addresses in them. What Freehold does not serve stands in `unserved`, by name, and must fail; anything else must pass.
// FREEHOLD_BUILD names the folder of the build. The exit status is 0 when all is as it should be. About a minute.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

// The whole name of a test begins so, or the file is that one.
const unserved = [
  { why: 'passkeys are not served (docs/backend.md)', file: 'passkey.e2e.test.ts' },
  { why: 'a second factor by WebAuthn is not served', name: 'WebAuthn MFA enroll WebAuthn should ' },
  { why: 'a second factor by WebAuthn is not served', name: 'WebAuthn MFA unenroll WebAuthn should remove factor' },
  { why: 'a second factor by WebAuthn is not served', name: 'WebAuthn MFA should enroll WebAuthn factor' },
  { why: 'an app is no OAuth server for others', name: 'GoTrueAdminApi OAuth Admin ' },
];

if (process.argv[2] === '--hold') {
  const { FREEHOLD_ORIGIN_HELD } = process.env;
  process.stdout.write(`${FREEHOLD_ORIGIN_HELD.replace('held.localhost', '127.0.0.1')}\n`);
  process.stdin.resume();
  await new Promise((resolve) => { process.stdin.once('end', resolve); });
  process.exit(0);
}

const checkout = process.argv[2];
if (!checkout) {
  process.stderr.write('usage: tests/long/auth-js.mjs CHECKOUT-OF-SUPABASE-JS\n');
  process.exit(2);
}
const build = process.env.FREEHOLD_BUILD ?? path.join(import.meta.dirname, '../../build');
const scratch = await mkdtemp(path.join(os.tmpdir(), 'fh-auth-js-'));
const servers = [];

// One backend with these settings, as long as our end of its input is open.
async function serve(config) {
  const file = path.join(scratch, `${servers.length}.json`);
  await writeFile(file, JSON.stringify(config));
  const child = spawn(path.join(build, 'tests/pg/with_backend'), [path.join(build, 'src/bin/freehold-backend'), '-', 'held', process.execPath, import.meta.filename, '--hold'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, BACKEND_CONFIG: file } });
  servers.push(child);
  const line = await new Promise((resolve) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    child.once('exit', (code) => resolve(`ended with ${code}`));
  });
  if (!line.startsWith('http')) throw new Error(`a backend did not start: ${line}`);
  return line.trim();
}

const closed = (child) => new Promise((resolve) => {
  child.once('exit', resolve);
  child.stdin.end();
});

function signingKey() {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  return { ...jwk, kid: randomUUID(), key_ops: ['sign', 'verify'], alg: 'RS256' };
}

// What test/supabase/config.toml and infra/docker-compose.yml say.
const key = signingKey();
const phones = { enable_signup: true, enable_confirmations: false, max_frequency: '1s' };
const cli = {
  site_url: 'http://127.0.0.1:3000',
  additional_redirect_urls: ['https://127.0.0.1:3000', 'http://localhost:5173'],
  enable_anonymous_sign_ins: true,
  rate_limit: { email_sent: 100, sms_sent: 100, anonymous_users: 100, token_refresh: 300, sign_in_sign_ups: 100, token_verifications: 100 },
  email: { enable_confirmations: false, max_frequency: '1s' },
  sms: { ...phones, test_otp: { 1234567890: '123456' } },
  mfa: { max_enrolled_factors: 10, phone: { enroll_enabled: true, verify_enabled: true, otp_length: 6, max_frequency: '1s' } },
  external: { google: { enabled: true, client_id: 'a-client.apps.googleusercontent.com', secret: 'x', skip_nonce_check: true } },
};
const compose = { jwt_secret: '37c304f8-51aa-419a-a1af-06154e63707a' };
const addresses = {
  '127.0.0.1:54321': new URL(await serve({ signing_keys: [key], auth: cli })).host,
  'http://localhost:9999': `${await serve({ ...compose, auth: { email: { enable_confirmations: true }, sms: { enable_signup: true } } })}/auth/v1`,
  'http://localhost:9998': `${await serve({ ...compose, auth: { enable_anonymous_sign_ins: true, email: { enable_confirmations: false }, sms: phones } })}/auth/v1`,
  'http://localhost:9997': `${await serve({ ...compose, auth: { enable_signup: false } })}/auth/v1`,
  'http://localhost:9996': `${await serve({ signing_keys: [signingKey()], auth: { email: { enable_confirmations: false } } })}/auth/v1`,
};

async function copyTests(from, to) {
  await cp(from, to, { recursive: true, filter: (name) => path.basename(name) !== 'node_modules' });
  await symlink(path.join(from, 'node_modules'), path.join(to, 'node_modules'));
  for (const entry of await readdir(path.join(to, 'test'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.[jt]s$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    let text = await readFile(file, 'utf8');
    for (const [theirs, ours] of Object.entries(addresses)) text = text.replaceAll(theirs, ours);
    await writeFile(file, text);
  }
  await writeFile(path.join(to, 'test/supabase/signing_keys.json'), JSON.stringify([key]));
}

// jest's report of a folder of tests.
async function jest(where, ...options) {
  const out = path.join(scratch, 'report.json');
  await rm(out, { force: true });
  const child = spawn(path.join(where, 'node_modules/.bin/jest'), ['--runInBand', '--coverage=false', '--forceExit', '--json', `--outputFile=${out}`, ...options], { cwd: where, stdio: 'ignore', env: { ...process.env, CI: '1' } });
  await new Promise((resolve) => { child.once('exit', resolve); });
  return JSON.parse(await readFile(out, 'utf8')).testResults;
}

const from = path.resolve(checkout, 'packages/core/auth-js');
const where = path.join(path.dirname(from), `.freehold-${process.pid}`);
const count = { passed: 0, unserved: 0 };
const said = [];
try {
  await copyTests(from, where);
  const files = [...await jest(where, '--config', 'jest.config.cli.js'), ...await jest(where, '--config', 'jest.config.docker.js')];
  for (const { name, assertionResults: tests, message } of files) {
    const file = path.relative(path.join(where, 'test'), name);
    if (tests.length === 0) said.push(`${file} did not run: ${message}`);
    for (const { fullName, status, failureMessages } of tests) {
      const known = unserved.find((one) => (one.file ? one.file === file : fullName.startsWith(one.name)));
      if (status === 'passed') count.passed++;
      else if (known) count.unserved++;
      else said.push(`${file}: ${fullName}: ${status}\n  ${(failureMessages[0] ?? '').slice(0, 400)}`);
    }
  }
  for (const one of unserved) {
    const failed = files.some(({ name, assertionResults: tests }) => tests.some((test) => test.status !== 'passed' && (one.file ? name.endsWith(`/${one.file}`) : test.fullName.startsWith(one.name))));
    if (!failed) said.push(`served now, or gone: ${one.file ?? one.name}`);
  }
} finally {
  await rm(where, { recursive: true, force: true });
  await Promise.all(servers.map(closed));
  await rm(scratch, { recursive: true, force: true });
}
for (const line of said) process.stdout.write(`${line}\n`);
process.stdout.write(`${count.passed} passed, ${count.unserved} of what is not served failed, ${said.length} not as it should be\n`);
process.exit(said.length === 0 ? 0 : 1);
