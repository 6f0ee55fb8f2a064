// SPDX-License-Identifier: Apache-2.0
// The npm packages that a folder of tests names, installed where they are not.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from './freehold.mjs';

// Gives what imports one of them. npm writes node_modules/.package-lock.json last, so one that is newer than the lockfile is a
// whole install of it; of two tests that find none, the second waits for the first's.
const WHOLE = '[ node_modules/.package-lock.json -nt package-lock.json ]';
export async function packages(of = 'tests/storage') {
  const folder = path.join(root, of);
  await promisify(execFile)('flock', ['package-lock.json', 'sh', '-c', `${WHOLE} || npm ci --no-audit --no-fund --loglevel=error`], { cwd: folder });
  return (name) => import(path.join(folder, 'node_modules', name));
}
