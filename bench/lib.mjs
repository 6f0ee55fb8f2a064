// SPDX-License-Identifier: Apache-2.0
// What the measuring scripts share: medians, tables, wrk, processes with their memory.
import { execFile, spawn } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);

export const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
};

export function head(what) {
  console.log(`${what}\n${new Date().toISOString().slice(0, 16)}Z, ${os.cpus().length} cores, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, load before ${os.loadavg()[0].toFixed(1)}\n`);
}

export function table(columns, rows) {
  const lines = [columns, columns.map(() => '---'), ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((row) => row[i].length)));
  for (const row of lines) console.log(`| ${row.map((cell, i) => (cell === '---' ? '-'.repeat(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`);
  console.log('');
}

// "  99%  12.34ms" of wrk, in ms.
const percentile = (stdout, which) => {
  const [, value, unit] = new RegExp(`${which}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout);
  return Number(value) * { us: 1e-3, ms: 1, s: 1e3 }[unit];
};

// Requests a second and percentiles in ms; what failed is thrown.
export async function wrk(url, { headers = {}, seconds = 5, connections = 64, script } = {}) {
  const args = ['-t2', `-c${connections}`, `-d${seconds}s`, '--latency', ...(script ? ['-s', script] : []), ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url];
  const { stdout } = await run('wrk', args);
  if (/Socket errors|Non-2xx/.test(stdout)) throw new Error(`wrk ${url}:\n${stdout}`);
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), p50: percentile(stdout, 50), p99: percentile(stdout, 99) };
}

// In turns, so that what else the machine does falls on all of them: {name: async () => measured} → {name: [measured …]}.
export async function inTurns(rounds, cases) {
  const found = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let i = 0; i < rounds; i++)
    for (const [name, measure] of Object.entries(cases)) {
      const value = await measure(i);
      found[name].push(value);
      process.stderr.write(`round ${i + 1}: ${name} ${typeof value === 'number' ? value.toFixed(1) : JSON.stringify(value)}\n`);
    }
  return found;
}

export async function pssKiB(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
}

// The process and everything below it.
export async function family(pid) {
  const parents = new Map();
  for (const name of (await readdir('/proc')).filter((n) => /^\d+$/.test(n))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

// Of the process and, for the first (the postmaster), of its children that have ended, which are counted in hundredths of a second only.
const fields = async (pid) => { const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''); return stat.slice(stat.lastIndexOf(')') + 2).split(' '); };
const ended = async (pid) => { const f = await fields(pid); return (Number(f[13] ?? 0) + Number(f[14] ?? 0)) * 10_000; };
// A process of several threads, of which some may have ended, is counted in hundredths of a second too.
const ran = async (pid) => {
  const f = await fields(pid);
  if (Number(f[17] ?? 1) > 1) return (Number(f[11]) + Number(f[12])) * 10_000;
  return Number((await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0')).split(' ')[0]) / 1000;
};
export const cpuMicroseconds = async (pids) => { let sum = await ended(pids[0]); for (const pid of pids) sum += await ran(pid); return sum; };

// In a session of its own, as Freehold's processes are: on a busy machine the kernel shares the processor out between sessions first, and what
// is measured must not get the share of what measures.
export function background(program, args, env = process.env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return { pid: child.pid, ended, stop: (signal = 'SIGTERM') => { child.kill(signal); return ended; } };
}

// An nginx that leads all of `port` on to another port of this machine.
export async function plainNginx(dir, port, onward, isKept) {
  const file = path.join(dir, `nginx-${port}.conf`);
  await writeFile(file, `daemon off; pid ${dir}/nginx-${port}.pid; error_log stderr warn; worker_processes auto; ${process.getuid() === 0 ? 'user www-data;' : ''}
events { worker_connections 4096; }
http { access_log ${dir}/access.log; client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
  keepalive_requests 100000;
  upstream onward { server 127.0.0.1:${onward}; ${isKept ? 'keepalive 64;' : ''} }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://onward; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } } }`);
  return background('/usr/sbin/nginx', ['-c', file]);
}
