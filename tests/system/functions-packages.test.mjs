// SPDX-License-Identifier: Apache-2.0
// What functions import lies on the disk once for all releases that have the same, each of which runs as long as it is there.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Freehold, folder } from './freehold.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const deploy = async (version, n) => f.deploy(await folder({
  'index.html': '<!doctype html><title>ages</title>', 'supabase/config.toml': '[functions.age]\nverify_jwt = false\n',
  'supabase/functions/age/index.ts': `import ms from "npm:ms@${version}";\nDeno.serve(() => new Response(ms(60000) + ' from ${n}'));`,
}), 'ages');
const answer = async () => (await f.get('ages', '/functions/v1/age')).text;
const of = (release, ...rest) => f.app('ages', 'releases', String(release), 'functions/deno/npm', ...rest);

// {path: {ino, mode, uid, nlink}} of a release's packages.
async function packages(release) {
  const names = (await readdir(of(release), { recursive: true, withFileTypes: true })).filter((it) => it.isFile()).map((it) => path.relative(of(release), path.join(it.parentPath ?? it.path, it.name)));
  const found = await Promise.all(names.map(async (name) => { const { ino, mode, uid, nlink } = await stat(of(release, name)); return [name, { ino, mode, uid, nlink }]; }));
  return Object.fromEntries(found);
}

test('releases share what is the same, and what is not they have by themselves', async () => {
  await deploy('2.1.3', 1);
  assert.equal(await answer(), '1m from 1');
  await deploy('2.1.3', 2);
  await deploy('2.1.2', 3);
  const [one, two, three] = await Promise.all([1, 2, 3].map(packages));
  assert.ok(Object.keys(one).length > 3, Object.keys(one).join());
  assert.deepEqual(two, one);
  for (const [name, { mode, uid, nlink }] of Object.entries(one)) assert.deepEqual([mode & 0o222, uid, nlink], [0o200, process.getuid(), 2], name);
  assert.equal(Object.keys(three).some((name) => one[name]?.ino === three[name].ino), false);
  assert.equal(await answer(), '1m from 3');
});

// As pruning removes one.
const remove = (release) => rm(f.app('ages', 'releases', String(release)), { recursive: true });

test('an earlier release runs when those beside it are gone, and the next takes after the one that is left', async () => {
  await remove(1);
  const back = await f.cli('rollback', 'ages', '2', '--yes');
  assert.equal(back.code, 0, back.all);
  assert.equal(await answer(), '1m from 2');
  await remove(3);
  await deploy('2.1.3', 4);
  const [two, four] = await Promise.all([2, 4].map(packages));
  assert.deepEqual(four, two);
  assert.equal(await answer(), '1m from 4');
});

test('one that was changed on the disk is not taken over', async () => {
  const [name] = Object.keys(await packages(4)).filter((it) => it.endsWith('/index.js'));
  await rm(of(4, name));
  await writeFile(of(4, name), 'module.exports = () => "broken";');
  await deploy('2.1.3', 5);
  assert.equal(await answer(), '1m from 5');
  const [four, five] = await Promise.all([4, 5].map(packages));
  assert.deepEqual(Object.keys(five).filter((it) => five[it].ino !== four[it].ino), [name]);
});
