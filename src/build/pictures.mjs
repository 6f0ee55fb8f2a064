// SPDX-License-Identifier: Apache-2.0
//
// Pictures and films of a Lovable app that lie on Lovable's servers only: its code, and the *.asset.json files beside it, name them as
// /__l5e/assets-v1/ID/NAME, which every host but Lovable's answers with nothing. They are fetched from where the app is published and
// put into public/, as if they had been exported. Runs in the build's sandbox, in the folder of the project, with the network.
//
//     FREEHOLD_PICTURES_FROM   the app's published address; else the *.lovable.app addresses that its files name are tried
//     /cache/pictures/         what came before, as ID/NAME
//
// The last line that it prints says how it went; what is missing stands in lines before.
import { mkdir, readFile, readdir, rename, stat, copyFile, open, rm } from 'node:fs/promises';
import path from 'node:path';

const FILES_MAX = 20000, FILE_BYTES_MAX = 4 << 20, WANTED_MAX = 1000, PICTURE_BYTES_MAX = 200 << 20, ALL_BYTES_MAX = 2 ** 30;
const AT_ONCE = 6, DEADLINE_MS = 60000, SHOWN = 10;
const SKIPPED = new Set(['node_modules', '.git', 'dist', 'build', '.output', '.next', 'supabase']);
const READ = /\.(m?[jt]sx?|json|css|scss|html|md|mdx|vue|svelte|astro)$/;
const NAMED = /(?<!\w)\/__l5e\/assets-v1\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([A-Za-z0-9._~%@+-]{1,200})/g;
const PUBLISHED = /https:\/\/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.lovable\.app(?![a-z0-9.-])/g;

async function* walk(dir) {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const at = path.join(dir, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) yield* walk(at);
    else if (entry.isFile() && READ.test(entry.name)) yield at;
  }
}

// A name as the web server looks for it; null for one that is no name of a file.
function nameOf(text) {
  try {
    const name = decodeURIComponent(text);
    return /[/\\\0]/.test(name) || name.startsWith('.') ? null : name;
  } catch { return null; }
}

async function look() {
  const wanted = new Map(), published = new Set();
  let count = 0;
  for await (const at of walk('.')) {
    if (++count > FILES_MAX) break;
    if ((await stat(at)).size > FILE_BYTES_MAX) continue;
    const text = await readFile(at, 'utf8');
    for (const [, id, raw] of text.matchAll(NAMED)) {
      const name = nameOf(raw);
      if (name !== null && wanted.size < WANTED_MAX) wanted.set(`${id}/${raw}`, { id, raw, file: path.join(id, name) });
    }
    for (const [address] of text.matchAll(PUBLISHED)) published.add(address);
  }
  return { wanted: [...wanted.values()], published: [...published] };
}

// Where to ask, the owner's word first. Plain http is for this machine only.
function origins(published) {
  const said = process.env.FREEHOLD_PICTURES_FROM;
  if (!said) return published.slice(0, 3);
  const url = URL.canParse(said) ? new URL(said) : null;
  const isHere = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)))
    throw new Error('FREEHOLD_PICTURES_FROM is not an address that begins with https://');
  return [url.origin];
}

let bytes = 0;

async function take(answer, to) {
  await mkdir(path.dirname(to), { recursive: true });
  const part = `${to}.part`, file = await open(part, 'w');
  try {
    let size = 0;
    for await (const chunk of answer.body) {
      size += chunk.length;
      bytes += chunk.length;
      if (size > PICTURE_BYTES_MAX || bytes > ALL_BYTES_MAX) throw new Error('it is too large');
      await file.write(chunk);
    }
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally { await file.close(); }
  await rename(part, to);
}

// Why it did not come, or null. A page in place of a picture is how a host says that it has none.
async function fetchFrom(origin, { id, raw }, to) {
  try {
    const answer = await fetch(`${origin}/__l5e/assets-v1/${id}/${raw}`, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!answer.ok) return `${origin} answers ${answer.status}`;
    if (/^text\/html/.test(answer.headers.get('content-type') ?? '')) return `${origin} answers with a page`;
    await take(answer, to);
    return null;
  } catch (error) { return `${origin}: ${error.cause?.code ?? error.message}`; }
}

const isThere = (at) => stat(at).then((it) => it.isFile(), () => false);

async function bring(picture, from, cache, came) {
  const to = path.join('public/__l5e/assets-v1', picture.file), kept = path.join(cache, picture.file);
  if (await isThere(to)) return 'here';
  let why = 'nobody says where the app is published', isNew = false;
  if (!(await isThere(kept)))
    for (const origin of from) {
      why = await fetchFrom(origin, picture, kept);
      isNew = why === null;
      if (isNew) { came.add(origin); break; }
    }
  if (!(await isThere(kept))) {
    came.missing.push(`/__l5e/assets-v1/${picture.id}/${picture.raw} is missing: ${why}`);
    return 'missing';
  }
  await mkdir(path.dirname(to), { recursive: true });
  await copyFile(kept, to);
  return isNew ? 'fetched' : 'kept';
}

const { wanted, published } = await look();
const came = Object.assign(new Set(), { missing: [] }), ends = { here: 0, fetched: 0, kept: 0, missing: 0 };
const from = origins(published), left = [...wanted];
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let picture; (picture = left.pop()) !== undefined;) ends[await bring(picture, from, '/cache/pictures', came)]++;
}));
for (const line of came.missing.slice(0, SHOWN)) console.log(line);
const parts = [`${wanted.length} that the app names`, ends.here && `${ends.here} in the export`, ends.kept && `${ends.kept} from before`,
  ends.fetched && `${ends.fetched} fetched from ${[...came].join(', ')}`, ends.missing && `${ends.missing} missing (${came.missing[0]})`].filter(Boolean);
const hint = ends.missing ? '. Say where the app is published: freehold env APP set FREEHOLD_PICTURES_FROM=https://NAME.lovable.app' : '';
console.log(`pictures of Lovable's: ${parts.join(', ')}${hint}`);
