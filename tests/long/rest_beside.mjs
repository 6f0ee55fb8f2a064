#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// freehold-backend beside a real PostgREST: POSTGREST_BIN=… tests/long/rest_beside.mjs [SEED [REQUESTS [ONLY]]]
// The same seeded requests (3,000 for each of the settings) go to both, each over a database of its own with the same in it; status, headers and bodies are held
// against each other. POSTGREST_BIN is the program of a release of PostgREST v14 (its releases have one for each system), or one built from its sources.
// What differs is printed by kind, the first request of each with both answers; the run fails when a kind is none of those that docs/rest.md tells of (`told` in
// rest_beside/compare.mjs). ONLY: a word that a request's kind has in it.
import assert from 'node:assert/strict';
import { Standalone } from '../system/standalone.mjs';
import { compare, shown, told } from './rest_beside/compare.mjs';
import { requestsOf } from './rest_beside/requests.mjs';
import { schema, secret } from './rest_beside/schema.mjs';

const [seed, requests, only] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 3000), process.argv[4] ?? ''];
const other = process.env.POSTGREST_BIN;
if (!other) throw new Error('POSTGREST_BIN is not set: name the program of a PostgREST v14, from its releases or built from its sources');
const settings = {
  usual: { PGRST_DB_AGGREGATES_ENABLED: 'true', PGRST_DB_TX_END: 'rollback-allow-override' },
  narrow: { PGRST_DB_MAX_ROWS: '3', PGRST_DB_TX_END: 'rollback', PGRST_JWT_AUD: 'us', PGRST_DB_PRE_REQUEST: 'api.before', PGRST_OPENAPI_MODE: 'ignore-privileges', PGRST_OPENAPI_SECURITY_ACTIVE: 'true', PGRST_SERVER_CORS_ALLOWED_ORIGINS: 'https://a.example,https://b.example' },
  closed: { PGRST_DB_ANON_ROLE: '', PGRST_DB_TX_END: 'rollback', PGRST_OPENAPI_MODE: 'disabled', PGRST_JWT_ROLE_CLAIM_KEY: '.app.role', PGRST_DB_PLAN_ENABLED: 'true', PGRST_SERVER_TRACE_HEADER: 'X-Trace' },
};

const [kinds, expected] = [new Map(), new Map()];
const count = (map, key, found) => { const had = map.get(key) ?? { times: 0, first: found }; had.times++; map.set(key, had); };
let [asked, served] = [0, 0];
for (const [name, env] of Object.entries(settings)) {
  const own = { PGRST_DB_SCHEMAS: 'api,other', PGRST_JWT_SECRET: secret, PGRST_OPENAPI_SERVER_PROXY_URI: 'http://a.example/rest', ...env };
  const sides = [];
  try {
    for (const program of [undefined, other]) sides.push(await Standalone.start({ schema, settings: own, program }));
    for (const request of requestsOf(seed, requests, name)) {
      if (!request.kind.includes(only)) continue;
      const ask = (side) => side.ask(request.method, request.target, { ...request, signal: AbortSignal.timeout(5000) }).catch((error) => ({ status: error.message, headers: {}, body: '' }));
      const [ours, theirs] = await Promise.all(sides.map(ask));
      if (ours === null) continue;
      asked++;
      if (theirs.status < 300) served++;
      const again = request.method === 'GET' ? await ask(sides[0]) : ours; // what is asked twice comes another way: rest/shape.h
      for (const kind of [...compare(request, ours, theirs), ...compare(request, again, ours).map((kind) => `asked again, ${kind}`)]) {
        const known = kind.startsWith('asked again') ? undefined : told(kind, request, ours, theirs);
        count(known ? expected : kinds, known ?? `${name}: ${kind}`, { request, ours, theirs });
      }
    }
  } finally {
    for (const side of sides) await side.stop();
  }
}
const short = (text) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);
for (const [kind, { times, first }] of [...kinds].sort(([, a], [, b]) => b.times - a.times)) {
  const { method, target, headers, content } = first.request;
  console.log(`\n${times} × ${kind}\n  ${method} ${target} ${short(JSON.stringify(headers))} ${short(content)}\n${shown(first.ours, first.theirs)}`);
}
for (const [reason, { times }] of expected) console.log(`as told, ${times} ×: ${reason}`);
console.log(`seed ${seed}: ${asked} requests, ${served} of them served, ${kinds.size} kinds of difference that are not told of`);
assert.equal(kinds.size, 0, 'what differs is told of');
