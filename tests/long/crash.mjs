// SPDX-License-Identifier: Apache-2.0
// Every point of every step, over a live release and in a first deployment; then twice: the daemon is also killed while it
// takes back; and every point of a restore and of a branch. node tests/long/crash.mjs
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../system/freehold.mjs';

const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=spec', path.join(root, 'tests/system/crash.test.mjs'), path.join(root, 'tests/system/restore.test.mjs'), path.join(root, 'tests/system/branch.test.mjs')],
  { stdio: 'inherit', env: { ...process.env, CRASH_ALL: '1' } });
process.exit(status ?? 1);
