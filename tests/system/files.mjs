// SPDX-License-Identifier: Apache-2.0
// An app with storage for a test: its keys, requests to /storage/v1 through the edge, its rows, its files.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import dns from 'node:dns';
import http from 'node:http';
import path from 'node:path';
import { Freehold, example, until } from './freehold.mjs';

// *.localhost is this machine in browsers only.
export function resolveLocalhost() {
  const { lookup } = dns;
  dns.lookup = (name, options, done) => lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, options, done);
}

export class Site {
  static async start(options) {
    const site = new Site();
    site.f = await Freehold.start(options);
    await site.f.deploy(example('static-site'), 'site');
    site.keys = JSON.parse(readFileSync(site.f.app('site', 'backend.json')));
    site.origin = `http://site.localhost:${site.f.port}`;
    return site;
  }

  end() { return this.f.end(); }

  async bucket(name, settings = {}) {
    const made = await this.ask('POST', '/bucket', { json: { name, ...settings } });
    if (made.status !== 200) throw new Error(made.text);
  }

  // One request; key null: none is given. slow: called between the two halves of the body; upTo: the connection is cut
  // after so many bytes of it.
  ask(method, at, { json, body, headers = {}, key = this.keys.service_role_key, slow, upTo, raw } = {}) {
    const bytes = json !== undefined ? Buffer.from(JSON.stringify(json)) : body;
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port: this.f.port, method, path: raw ?? `/storage/v1${at}`, agent: false,
        headers: Object.fromEntries(Object.entries({
          Host: `site.localhost:${this.f.port}`,
          ...(key ? { Authorization: `Bearer ${key}` } : {}),
          ...(json !== undefined ? { 'Content-Type': 'application/json' } : {}),
          ...(bytes ? { 'Content-Length': bytes.length } : {}),
          ...headers,
        }).filter(([, value]) => value !== undefined)),
      }, (reply) => {
        const parts = [];
        reply.on('data', (part) => parts.push(part));
        reply.on('end', () => {
          const all = Buffer.concat(parts);
          let value;
          try { value = JSON.parse(all); } catch { /* a file */ }
          resolve({ status: reply.statusCode, headers: reply.headers, bytes: all, text: all.toString().slice(0, 500), json: value });
        });
        reply.on('error', reject);
      });
      request.on('error', reject);
      if (upTo !== undefined) { request.write(bytes.subarray(0, upTo), () => request.destroy(new Error('cut'))); return; }
      if (slow === undefined) { request.end(bytes); return; }
      const half = bytes.length >> 1;
      request.write(bytes.subarray(0, half), async () => {
        try { await slow(request); } catch (error) { request.destroy(error); return; }
        if (!request.destroyed) request.end(bytes.subarray(half));
      });
    });
  }

  upload(at, body, headers = {}) { return this.ask('POST', `/object/${at}`, { body, headers: { 'Content-Type': 'application/x', ...headers } }); }

  psql(sql) {
    return execFileSync('psql', ['-XAtq', '-h', path.join(this.f.home, 'run/site/postgres'), '-U', 'supabase_admin', '-d', 'postgres', '-c', sql],
      { encoding: 'utf8', ...(process.getuid() === 0 ? { uid: statSync(this.f.app('site', 'postgres/data')).uid } : {}) }).trim();
  }

  // Regular files below storage/NAME, without those of records.
  files(name) {
    const dir = this.f.app('site', 'storage', name);
    return existsSync(dir) ? readdirSync(dir, { recursive: true }).filter((n) => /[0-9a-f]{12}$/.test(n) && statSync(path.join(dir, n), { throwIfNoEntry: false })?.isFile()) : []; // one may go meanwhile
  }

  async backendPid() { return (await this.f.api('GET', '/v1/apps/site')).body.processes.find((p) => p.name === 'backend').pid; }

  // The one that runs: the last one's number may be told a moment longer than it lives.
  killBackend() {
    return until('a backend to kill', async () => {
      const pid = await this.backendPid();
      try { return pid > 0 && process.kill(pid, 'SIGKILL'); } catch { return false; }
    });
  }

  answers() { return until('the backend answers', async () => (await this.ask('GET', '/status').catch(() => ({}))).status === 200); }

  // Every row has its file, whole.
  assertWhole() {
    for (const row of this.psql(`select version || ' ' || (metadata->>'size') from storage.objects`).split('\n').filter(Boolean)) {
      const [version, size] = row.split(' ');
      const found = statSync(this.f.app('site', 'storage/objects', version.slice(0, 2), version));
      if (found.size !== Number(size)) throw new Error(`${version} has ${found.size} of ${size} bytes`);
    }
  }
}
