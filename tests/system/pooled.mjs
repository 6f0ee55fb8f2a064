// SPDX-License-Identifier: Apache-2.0
// A server that connects to PostgreSQL by itself, with the driver that most use; it is told by its paths what to do there.
import { folder } from './freehold.mjs';

const server = `
const http = require('node:http');
const { Client, Pool } = require('pg');
const url = process.env.DATABASE_URL, direct = process.env.DIRECT_URL;
const pool = new Pool({ connectionString: url, max: 5 });
pool.on('error', (e) => console.log('idle', e.message));
const held = [];
const named = (c, i) => c.query({ name: 'add', text: 'select $1::int + 1 as n, pg_backend_pid() as pid, current_user::text as who', values: [i] }).then((r) => r.rows[0]);
async function once(connectionString, i) {
  const c = new Client({ connectionString });
  c.on('error', () => {});
  await c.connect();
  try { const rows = [await named(c, i), await named(c, i)]; return rows.every((r) => r.n === i + 1 && r.who === 'postgres') ? rows[0].pid : 'wrong'; } finally { await c.end(); }
}
const ways = {
  urls: async () => ({ url, direct, pg: process.env.PGPORT }),
  named: async () => named(pool, 41),
  who: async () => (await pool.query('select current_user, session_user')).rows[0],
  direct: async () => ({ pid: await once(direct, 1) }),
  many: async (q) => {
    const all = await Promise.allSettled(Array.from({ length: Number(q.get('n')) }, (_, i) => once(url, i)));
    return { errors: all.filter((a) => a.status === 'rejected').map((a) => a.reason.message), pids: new Set(all.map((a) => a.value)).size, wrong: all.some((a) => a.value === 'wrong') };
  },
  hold: async (q) => {
    for (let i = 0; i < Number(q.get('n')); i++) { const c = new Client({ connectionString: url }); c.on('error', () => {}); await c.connect(); held.push(c); await named(c, i); }
    return { held: held.length };
  },
  drop: async () => { await Promise.all(held.splice(0).map((c) => c.end())); return {}; },
  sleep: async (q) => (await pool.query('select pg_sleep($1)::text, 7 as n', [Number(q.get('s'))])).rows[0],
  once: async (q) => { const c = new Client({ connectionString: url }); c.on('error', () => {}); await c.connect(); await c.query('select pg_sleep($1)', [Number(q.get('s'))]); await c.end(); return {}; },
  wrong: async () => once(url.replace(/:[^:@]+@/, ':wrong@'), 1),
  other: async () => once(url.replace('freehold_app', 'supabase_admin'), 1),
  console: async () => once(url.replace('freehold_app', 'pgbouncer').replace('/postgres?', '/pgbouncer?'), 1),
};
http.createServer(async (q, r) => {
  const at = new URL(q.url, 'http://x'), way = ways[at.pathname.slice(1)];
  try { r.end(JSON.stringify(way ? await way(at.searchParams) : 'hello')); } catch (e) { r.end(JSON.stringify({ error: e.message, code: e.code })); }
}).listen(process.env.PORT);
`;

export const source = () => folder({
  'package.json': JSON.stringify({ name: 'pooled', private: true, scripts: { start: 'node server.js' }, dependencies: { pg: '8.13.1' } }),
  'server.js': server,
});
