// SPDX-License-Identifier: Apache-2.0
// Where an import of a function really comes from. Pure.
//
// Exports import from esm.sh, deno.land and jsr.io what the npm registry has as well. Freehold takes it from there, always
// and not only where those hosts cannot be reached: one source that locks by integrity hash, nothing that a CDN transforms
// differently tomorrow, the same release on every machine. What has no counterpart (null) is left to Deno, which fetches and
// locks it, or names it.
const PACKAGE = /^\*?((?:@[a-z0-9._~-]+\/)?[a-z0-9._~-]+)(?:@([^/?&]+))?(?:&[^/]*)?(\/.*)?$/i;
const CDNS = {
  'esm.sh': '', 'cdn.esm.sh': '', 'esm.run': '', 'cdn.skypack.dev': '', 'cdn.pika.dev': '', 'unpkg.com': '', 'jspm.dev': '',
  'cdn.jsdelivr.net': 'npm/', 'dev.jspm.io': 'npm:', 'ga.jspm.io': 'npm:',
};

/** Packages of jsr and deno.land/x that their makers publish to npm under another name. */
const SAME = {
  'jsr:@hono/hono': 'hono', 'jsr:@panva/jose': 'jose', 'jsr:@zod/zod': 'zod', 'jsr:@openai/openai': 'openai', 'jsr:@valibot/valibot': 'valibot',
  'jsr:@mary/zod': 'zod', 'jsr:@nodemailer/nodemailer': 'nodemailer', 'jsr:@stripe/stripe': 'stripe',
  'x:zod': 'zod', 'x:hono': 'hono', 'x:postgresjs': 'postgres', 'x:openai': 'openai', 'x:jose': 'jose', 'x:stripe': 'stripe',
  'x:nanoid': 'nanoid', 'x:lodash': 'lodash', 'x:date_fns': 'date-fns', 'x:ts_pattern': 'ts-pattern', 'x:supabase_js': '@supabase/supabase-js',
};

/** Modules of Deno's standard library that we answer ourselves: module, or module/file -> a file beside this one. */
const STD = {
  'http/server': 'http_server', 'http/status': 'http_status', 'http/http_status': 'http_status', 'http/cookie': 'http_cookie', 'http/cookies': 'http_cookie',
  'encoding/base64': 'base64', 'encoding/base64url': 'base64url', 'encoding/hex': 'hex', crypto: 'crypto', 'crypto/mod': 'crypto', 'crypto/crypto': 'crypto',
  'crypto/timing_safe_equal': 'crypto', path: 'path', 'path/mod': 'path', 'path/posix': 'path', 'path/posix/mod': 'path',
  assert: 'assert', 'assert/mod': 'assert', 'testing/asserts': 'assert', 'dotenv/load': 'nothing', 'async/delay': 'async', async: 'async', 'async/mod': 'async',
  uuid: 'uuid', 'uuid/mod': 'uuid', 'uuid/v4': 'uuid_v4', 'streams/conversion': 'streams', 'streams/mod': 'streams', 'io/util': 'streams', 'streams/read_all': 'streams',
};

function packageOf(text) {
  const match = PACKAGE.exec(text);
  if (!match) return null;
  const [, name, version, below] = match;
  return { name, version: version ? decodeURIComponent(version) : '', below: below ?? '' };
}

const spell = ({ name, version, below }) => `npm:${name}${version ? `@${version}` : ''}${below}`;

/** What a CDN adds to a path: the build it wants, the file it made of the package's entry. */
function withoutBuild(found) {
  const built = /^\/(?:X-[\w=-]+\/)?(?:deno|denonext|esnext|es20\d\d|node|stable)\/(.+)$/.exec(found.below);
  if (built) found.below = /^(?:index|[^/]+\.bundle|[^/]+)\.m?js$/.test(built[1]) ? '' : `/${built[1].replace(/\.m?js$/, '')}`;
  if (/^\/\+esm$/.test(found.below) || found.below === '/') found.below = '';
  return found;
}

function ofCdn(url) {
  const prefix = CDNS[url.hostname];
  if (prefix === undefined) return null;
  let path = url.pathname.slice(1);
  if (!path.startsWith(prefix)) return null;
  path = path.slice(prefix.length).replace(/^(?:v\d+|stable|pin)\//, '');
  if (path.startsWith('jsr/')) return resolve(`jsr:${path.slice(4)}`)?.to ?? null;
  if (/^(?:gh|pr|combine|github)\//.test(path) || path === '') return null;
  const found = packageOf(path);
  return found && spell(withoutBuild(found));
}

function ofStd(path) {
  const plain = path.replace(/^\//, '').replace(/\.[mc]?[jt]s$/, '').replace(/\/$/, '');
  if (plain.startsWith('node/')) return `node:${plain.slice(5)}`;
  const known = STD[plain];
  return known ? `freehold:${known}` : null;
}

/** @returns {{to: string} | null} to: "npm:NAME", "node:NAME", or "freehold:NAME", one of our own files */
export function resolve(specifier) {
  if (/\.d\.[mc]?ts(?:$|\?)/.test(specifier) && !/^(?:file:|\.|\/)/.test(specifier)) return { to: 'freehold:nothing' };
  let to = null;
  if (specifier.startsWith('jsr:')) {
    const found = packageOf(specifier.slice(4).replace(/^\//, ''));
    if (!found) return null;
    if (found.name.startsWith('@std/')) to = ofStd(found.name.slice(5) + found.below);
    else if (found.name === '@supabase/functions-js') to = 'freehold:nothing';
    else if (found.name.startsWith('@supabase/')) to = spell(found);
    else if (SAME[`jsr:${found.name}`]) to = spell({ ...found, name: SAME[`jsr:${found.name}`] });
  } else if (/^https?:/.test(specifier)) {
    let url;
    try { url = new URL(specifier); } catch { return null; }
    if (/^(?:www\.)?deno\.land$/.test(url.hostname)) {
      const std = /^\/std(?:@[^/]+)?\/(.+)$/.exec(url.pathname);
      const third = /^\/x\/([^/@]+)(?:@v?([^/]+))?\/?(.*)$/.exec(url.pathname);
      if (std) to = ofStd(std[1]);
      else if (third?.[1] === 'xhr') to = 'freehold:nothing'; // XMLHttpRequest for libraries that use fetch since
      else if (third && SAME[`x:${third[1]}`]) {
        const file = third[3].replace(/^(?:src|lib|deno)\//, '').replace(/^(?:mod|index|main)\.[jt]s$/, '').replace(/\.[jt]s$/, '');
        to = spell({ name: SAME[`x:${third[1]}`], version: third[2] ?? '', below: file ? `/${file}` : '' });
      }
    } else if (url.hostname === 'jsr.io') to = resolve(`jsr:${url.pathname.slice(1)}`)?.to ?? null;
    else to = ofCdn(url);
  }
  return to ? { to } : null;
}
