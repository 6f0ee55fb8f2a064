// SPDX-License-Identifier: Apache-2.0
// The npm packages that a folder of tests names, installed where they are not.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from './freehold.mjs';

// Gives what imports one of them. npm writes node_modules/.package-lock.json last, so one that is newer than the lockfile is a
// whole install of it.
export async function packages(of = 'tests/storage') {
  const folder = path.join(root, of), changedAt = (name) => stat(path.join(folder, name)).then((found) => found.mtimeMs, () => 0);
  if ((await changedAt('node_modules/.package-lock.json')) <= (await changedAt('package-lock.json')))
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  return (name) => import(path.join(folder, 'node_modules', name));
}
