// SPDX-License-Identifier: Apache-2.0
//
// What the copies of files hold and why they weigh what they weigh: restic's repository of a home, asked with restic alone and the
// recovery kit's key (docs/backups.md, "By hand"), so that the answer is not Freehold's.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const DAY = 86400000;

// Every regular file below.
function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* files(at);
    else if (entry.isFile()) yield at;
  }
}

export const filesIn = (folder) => [...files(folder)].length;
export const weigh = (folder) => [...files(folder)].reduce((sum, file) => sum + statSync(file).size, 0);

function partOf(file) {
  const [, of, rest] = /\/apps\/[^/]+\/([^/]+)(.*)$/.exec(file) ?? [];
  if (of === undefined) return /freehold\.db$/.test(file) ? 'the store' : 'keys and certificates';
  if (of !== 'repo.git') return { assets: 'releases and assets', releases: 'releases and assets' }[of] ?? of;
  return /^\/objects\/pack\//.test(rest) ? 'sources, packed' : /^\/objects\/..\//.test(rest) ? 'sources, an object a file' : 'sources, the rest';
}

export class Copies {
  // kit: the text that `freehold backup kit` writes.
  constructor(repository, kit) {
    const { key } = JSON.parse(/-----BEGIN [^\n]*-----\n([^]*?)\n-----END/.exec(kit)[1]);
    const password = execFileSync('python3', ['-c', 'import hashlib, sys; print(hashlib.blake2b(b"files", key=bytes.fromhex(sys.argv[1]), digest_size=32).hexdigest())', key], { encoding: 'utf8' }).trim();
    this.repository = repository;
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'fh-copies-'));
    this.env = { ...process.env, TZ: 'UTC', RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: path.join(this.folder, 'cache') };
  }

  restic(...words) { return execFileSync('restic', ['--quiet', '--no-lock', ...words], { env: this.env, encoding: 'utf8', maxBuffer: 64 << 20 }); }
  end() { rmSync(this.folder, { recursive: true, force: true }); }

  // When each snapshot was taken, by the home's clock.
  times() { return JSON.parse(this.restic('snapshots', '--json')).map(({ time }) => Date.parse(time)); }

  // Each content that any snapshot holds, once, by what it belongs to: {part: {contents, bytes, packed, newest}}. packed: as it is
  // compressed, newest: bytes in the newest snapshot. entries: files and folders, of all snapshots.
  contents() {
    const known = new Set(), parts = {};
    let entries = 0;
    for (const { id } of JSON.parse(this.restic('snapshots', '--json'))) {
      const to = path.join(this.folder, 'snapshot');
      this.restic('restore', id, '--target', to);
      for (const part of Object.values(parts)) part.newest = 0;
      for (const file of files(to)) {
        const bytes = readFileSync(file), name = createHash('sha256').update(bytes).digest('hex');
        const part = parts[partOf(file)] ??= { contents: 0, bytes: 0, packed: 0, newest: 0 };
        part.newest += bytes.length;
        if (known.has(name)) continue;
        known.add(name);
        part.contents++;
        part.bytes += bytes.length;
        part.packed += Math.min(bytes.length, deflateSync(bytes).length);
      }
      entries += readdirSync(to, { recursive: true }).length;
      rmSync(to, { recursive: true });
    }
    return { parts, entries };
  }

  // What is kept of all snapshots, without what prune left.
  used() { return JSON.parse(this.restic('stats', '--mode', 'raw-data', '--json')); }
}

// Of the times at which copies were taken, those that retention keeps: all of the last `days`, and the newest before, from which what was
// there at the first moment of those days comes back; at least `count`.
export function kept(times, { days, count }) {
  const newestFirst = [...times].sort((a, b) => b - a), edge = newestFirst[0] - days * DAY;
  const older = newestFirst.findIndex((t, i) => t <= edge && i + 1 >= count);
  return newestFirst.slice(0, older < 0 ? undefined : older + 1).reverse();
}
