// SPDX-License-Identifier: Apache-2.0
//
// Two answers to one request, held against each other: compare names each kind of difference, told says which of them docs/rest.md tells of.
import assert from 'node:assert/strict';

const compared = ['content-type', 'content-range', 'content-location', 'location', 'preference-applied', 'content-profile', 'www-authenticate', 'proxy-status', 'allow', 'vary', 'retry-after', 'server-timing', 'content-length', 'access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers', 'access-control-max-age', 'access-control-expose-headers', 'access-control-allow-credentials', 'x-a', 'x-trace', 'content-disposition'];
const parsed = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
const isSame = (a, b) => { try { assert.deepStrictEqual(a, b); return true; } catch { return false; } };
const code = (reply) => parsed(reply.body)?.code ?? '';
const isPlan = (reply) => /vnd\.pgrst\.plan/.test(reply.headers['content-type'] ?? '');

// Where two JSON values are not the same: ['.paths./a.get', ours, theirs], one for each place.
export function places(a, b, where = '') {
  if (isSame(a, b)) return [];
  const areObjects = [a, b].every((x) => typeof x === 'object' && x !== null) && Array.isArray(a) === Array.isArray(b);
  return areObjects ? [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => places(a[key], b[key], `${where}.${key}`)) : [[where, a, b]];
}

// The two answers, as short as they can be told.
export function shown(ours, theirs) {
  const lines = [`status ${ours.status}, ${theirs.status}`, ...compared.filter((name) => ours.headers[name] !== theirs.headers[name]).map((name) => `${name}: ${ours.headers[name]}, ${theirs.headers[name]}`)];
  const [a, b] = [parsed(ours.body), parsed(theirs.body)];
  if (ours.body === theirs.body) lines.push(`body of both: ${ours.body}`);
  else if (a === undefined || b === undefined || isSame(a, b)) lines.push(`body: ${ours.body}`, `      ${theirs.body}`);
  else for (const [where, mine, other] of places(a, b).slice(0, 12)) lines.push(`${where}: ${JSON.stringify(mine)}`, `      ${JSON.stringify(other)}`);
  return lines.map((line) => `    ${line.length > 500 ? `${line.slice(0, 500)}…` : line}`).join('\n');
}

export function compare(request, ours, theirs) {
  const kinds = [];
  const note = (what) => kinds.push(`${request.method} ${request.kind}: ${what}`);
  if (ours.status !== theirs.status) return [`${request.method} ${request.kind}: status ${ours.status} ${code(ours)}, PostgREST's ${theirs.status} ${code(theirs)}`];
  for (const name of compared) if (ours.headers[name] !== theirs.headers[name] && !(name === 'content-length' && (ours.body !== theirs.body || theirs.headers['transfer-encoding']))) note(`header ${name} (${theirs.status} ${code(theirs)})`);
  if (ours.body === theirs.body || isPlan(theirs)) return kinds;
  const [a, b] = [parsed(ours.body), parsed(theirs.body)];
  if (a === undefined || b === undefined) note(`body, ${theirs.status} ${theirs.headers['content-type']}`);
  else if (isSame(a, b)) note(`the bytes of the same JSON (${theirs.status} ${code(theirs)})`);
  else if (theirs.status >= 400) note(`error ${Object.keys({ ...a, ...b }).filter((k) => !isSame(a[k], b[k])).join(', ')} (${theirs.status} ${code(ours)}, ${code(theirs)})`);
  else note(`body ${theirs.status}`);
  return kinds;
}

const part = (request, n) => Buffer.from((request.headers.Authorization ?? '').split(' ').pop().split('.')[n] ?? '', 'base64url').toString();
const claims = (request) => part(request, 1);
const reasons = [
  ['the header of server-trace-header is not sent where the request has none', (kind, request) => kind.includes('header x-trace') && request.headers['X-Trace'] === undefined],
  ['the text of request.jwt.claims is the token\'s own', (kind, request, ours, theirs) => /\/rpc\/who/.test(request.target) && places(parsed(ours.body), parsed(theirs.body)).every(([where, a, b]) => where === '.claims' && isSame(parsed(a), parsed(b)))],
  ['a text that is no UTF-8', (kind, request, ours, theirs) => theirs.status === 500 && theirs.body === 'Something went wrong' && ours.status >= 300 && ours.status < 500],
  ['the message of RAISE is no phrase behind the status', (kind, request, ours, theirs) => /^Parse Error/.test(theirs.status) && /\\n/.test(request.content)],
  ['a fraction in exp counts', (kind, request) => /"exp":\d+\.\d/.test(claims(request))],
  ['a function with one unnamed parameter gets {} for an empty body', (kind, request, ours, theirs) => request.content === '' && /\/rpc\/echo$/.test(request.target) && ours.status === 200 && /22P02/.test(theirs.body)],
  ['an OPTIONS that is no preflight may be read by pages', (kind, request) => request.method === 'OPTIONS' && request.headers.Origin !== undefined && /header access-control-/.test(kind)],
  ['503 says after how many seconds', (kind, request, ours) => kind.includes('header retry-after') && ours.headers['retry-after'] === '1'],
  ['a HEAD evaluates other parts of what is not shown', (kind, request, ours, theirs) => request.method === 'HEAD' && [ours, theirs].map((reply) => reply.status).sort().join() === '200,400' && /=(22|42)/.test(ours.headers['proxy-status'] ?? theirs.headers['proxy-status'])],
  ['other names for subqueries', (kind, request, ours, theirs) => /"(42712|42702)"|=(42712|42702)/.test(theirs.body + theirs.headers['proxy-status'])],
  ['of two mistakes PostgreSQL finds the other first', (kind, request, ours, theirs) => [ours, theirs].every((reply) => /^42/.test(code(reply)) || (reply.status >= 400 && /=42/.test(reply.headers['proxy-status'])))],
  ['a name with a NUL in it', (kind, request) => request.target.includes('%00')],
  ['a body where the status allows none', (kind, request, ours) => [204, 304].includes(ours.status) && kind.includes('header content-length')],
  ['the order in the OpenAPI document', (kind, request, ours) => /openapi/.test(ours.headers['content-type']) && kind.includes('bytes of the same JSON')],
  ['PostgREST does not answer at all', (kind, request, ours, theirs) => /aborted/.test(theirs.status) && ours.status === 500],
  ['a token whose kid no key has', (kind, request, ours, theirs) => theirs.status === 401 && /"kid"/.test(part(request, 0))],
  ['a HEAD says no Content-Length', (kind, request, ours) => request.method === 'HEAD' && kind.includes('header content-length') && ours.headers['content-length'] === undefined],
];
export const told = (kind, request, ours, theirs) => reasons.find(([, is]) => is(kind, request, ours, theirs))?.[0];
