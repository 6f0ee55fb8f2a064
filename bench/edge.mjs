#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Requests a second through the edge, beside what the same machine could do at most: bench/edge.mjs [ROUNDS [SECONDS]]
//   page, asset    against a plain nginx on the same files
//   REST read      20 of 10,000 rows under row security, as anon: through the edge, at the backend's own port, and the very statements that the backend
//                  sends (taken from PostgreSQL's log) by pgbench on the same cluster, in a pipeline and without what sets role and claims
import { mkdtemp, readFile, rm, stat, writeFile, chmod, mkdir } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Freehold, bin, folder, until } from '../tests/system/freehold.mjs';
import { freePort } from '../tests/system/port.mjs';
import { background, head, inTurns, median, run, table, wrk } from './lib.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 4)];
const isRoot = process.getuid() === 0;
head(`edge: requests a second, 64 connections, medians of ${rounds} rounds of ${seconds} s in turns`);

const page = `<!doctype html><title>bench</title><script src="/assets/app-Ab3dEf9h.js"></script>${'<p>a line of a page</p>'.repeat(30)}`;
const asset = `console.log(1);${'// eighty characters of a script that somebody wrote and somebody else bundled\n'.repeat(60)}`;
const items = `create table public.items (id bigint generated always as identity primary key, title text not null, price numeric not null, owner uuid, is_listed boolean not null default true, created_at timestamptz not null default now());
alter table public.items enable row level security;
create policy listed on public.items for select using (is_listed);
insert into public.items (title, price, is_listed, created_at) select 'item ' || i, i % 97, i % 10 <> 0, now() - i * interval '1 minute' from generate_series(1, 10000) i;
create index on public.items (created_at desc);
grant select on public.items to anon, authenticated;
analyze public.items;
notify pgrst;`;
const rest = '/rest/v1/items?select=id,title,price,created_at&order=created_at.desc&limit=20';

const as = (owner, program, args) => (isRoot ? ['setpriv', [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups', program, ...args]] : [program, args]);

const f = await Freehold.start();
const dir = await mkdtemp(path.join(os.tmpdir(), 'fh-edge-'));
await chmod(dir, 0o755);
const others = [];
try {
  await f.deploy(await folder({ 'index.html': page, 'assets/app-Ab3dEf9h.js': asset }), 'shop');
  const sockets = path.join(f.home, 'run/shop/postgres');
  const user = async (file) => { const [, , uid, gid] = (await run('getent', ['passwd', String((await stat(file)).uid)])).stdout.split(':'); return { uid, gid }; };
  const db = await user(f.app('shop', 'postgres')), api = await user(path.join(f.home, 'run/shop/backend'));
  const psql = async (sql) => (await run(...as(db, 'psql', ['-h', sockets, '-U', 'supabase_admin', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', sql]))).stdout;
  await psql(items);

  // The statements of one read, as they came to PostgreSQL.
  const { keys } = (await f.api('GET', '/v1/apps/shop')).body;
  const headers = { Host: 'shop.localhost', apikey: keys.anon, Authorization: `Bearer ${keys.anon}` };
  const read = () => f.get('shop', rest, { headers });
  const first = await until('the table is served', async () => { const res = await read(); return res.status === 200 && res.body.length === 20 ? res : null; });
  await psql("alter system set log_statement = 'all'");
  await psql('select pg_reload_conf()');
  const logged = async () => [...(await readFile(f.app('shop', 'logs/postgres.log'), 'utf8')).matchAll(/execute [^:\n]*: ((?:.|\n\t)*)\n(?:.*DETAIL: {2}parameters: (.*))?/g)];
  const found = await until('the statements are in the log', async () => { await read(); const list = await logged(); return list.some((m) => m[1].includes('items')) ? list : null; });
  await psql('alter system reset log_statement');
  await psql('select pg_reload_conf()');
  const literal = ([, text, parameters]) => {
    const values = new Map([...(parameters ?? '').matchAll(/(\$\d+) = ('(?:[^']|'')*'|NULL)/g)].map(([, name, value]) => [name, value]));
    return text.replaceAll('\n\t', ' ').replace(/\$\d+/g, (name) => values.get(name) ?? name);
  };
  const at = found.findLastIndex((m) => m[1].includes('items'));
  const [settings, select] = [literal(found[at - 1]), literal(found[at])];
  await writeFile(path.join(dir, 'pipeline.sql'), `\\startpipeline\n${settings};\n${select};\n\\endpipeline\n`);
  await writeFile(path.join(dir, 'select.sql'), `${select};\n`);
  if (process.env.SHOW) console.log(`${settings}\n${select}\n`);
  const pgbench = async (script, user) => {
    const owner = user === 'authenticator' ? api : db;
    const { stdout } = await run(...as(owner, '/usr/lib/postgresql/' + (await readFile(f.app('shop', 'postgres/data/PG_VERSION'), 'utf8')).trim() + '/bin/pgbench',
      ['-h', sockets, '-U', user, '-n', '-M', 'prepared', '-c', '8', '-j', '2', '-T', String(seconds), '-f', path.join(dir, script), 'postgres']));
    return { rate: Number(/tps = ([\d.]+)/.exec(stdout)[1]), p99: NaN };
  };

  // A plain nginx on the same files, and a backend of its own at a port, on the same cluster.
  const [plainPort, backendPort] = [await freePort(), await freePort()];
  const workers = isRoot ? `user ${/^user (.*);$/m.exec(await readFile(path.join(f.home, 'edge/nginx.conf'), 'utf8'))[1]};` : '';
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');
  await writeFile(path.join(dir, 'nginx.conf'), `${workers} daemon off; worker_processes auto; pid ${dir}/nginx.pid; error_log stderr warn; events { worker_connections 4096; }
http { include /etc/nginx/mime.types; sendfile on; tcp_nopush on; keepalive_timeout 65s; keepalive_requests 100000; access_log ${dir}/access.log combined buffer=32k flush=1s; ${temps}
server { listen 127.0.0.1:${plainPort} backlog=4096; root ${f.app('shop', 'releases/1/public')}; } }`);
  others.push(background('/usr/sbin/nginx', ['-p', dir, '-c', path.join(dir, 'nginx.conf')]));
  const config = JSON.parse(await readFile(f.app('shop', 'backend.json'), 'utf8'));
  await mkdir(path.join(dir, 'backend'));
  await writeFile(path.join(dir, 'backend/backend.json'), JSON.stringify({ ...config, listen: `127.0.0.1:${backendPort}` }), { mode: 0o600 });
  if (isRoot) await run('chown', ['-R', `${api.uid}:${api.gid}`, path.join(dir, 'backend')]);
  await run('cp', [path.join(bin, 'freehold-backend'), dir]);
  others.push(background(...as(api, path.join(dir, 'freehold-backend'), ['--config', path.join(dir, 'backend/backend.json')])));
  const open = (port) => until(`port ${port} answers`, () => new Promise((resolve) => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); resolve(true); }).on('error', () => resolve(false)); }));
  await Promise.all([open(plainPort), open(backendPort)]);

  const edge = (url, more = {}) => wrk(`http://127.0.0.1:${f.port}${url}`, { headers: { Host: 'shop.localhost', ...more }, seconds });
  const plain = (url) => wrk(`http://127.0.0.1:${plainPort}${url}`, { seconds });
  const results = await inTurns(rounds, {
    'page, edge': () => edge('/'),
    'page, plain nginx': () => plain('/'),
    'asset, edge': () => edge('/assets/app-Ab3dEf9h.js'),
    'asset, plain nginx': () => plain('/assets/app-Ab3dEf9h.js'),
    'REST read, edge': () => edge(rest, headers),
    'REST read, backend itself': () => wrk(`http://127.0.0.1:${backendPort}${rest}`, { headers, seconds }),
    'pgbench, the same pipeline': () => pgbench('pipeline.sql', 'authenticator'),
    'pgbench, the select alone': () => pgbench('select.sql', 'supabase_admin'),
  });
  const ratio = (a, b) => median(results[a].map((one, i) => one.rate / results[b][i].rate));
  const beside = { 'page, edge': 'page, plain nginx', 'asset, edge': 'asset, plain nginx', 'REST read, edge': 'pgbench, the same pipeline', 'REST read, backend itself': 'pgbench, the same pipeline' };
  table(['', 'requests/s', 'p99, ms', 'against', 'ratio'], Object.entries(results).map(([name, list]) => [name, Math.round(median(list.map((one) => one.rate))), Number.isNaN(list[0].p99) ? '' : median(list.map((one) => one.p99)).toFixed(1),
    beside[name] ?? '', beside[name] ? ratio(name, beside[name]).toFixed(2) : '']));
  console.log(`page ${page.length} bytes, asset ${asset.length}, answer of the read ${first.text.length}; nothing compressed; through the edge against the backend itself: ${ratio('REST read, edge', 'REST read, backend itself').toFixed(2)}`);
} finally {
  await Promise.all(others.map((one) => one.stop()));
  await f.end();
  await rm(dir, { recursive: true, force: true });
}
