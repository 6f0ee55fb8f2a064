// SPDX-License-Identifier: Apache-2.0
// Makes of an export's functions what runs without a network: run by Deno in the build's sandbox, where it reads and fetches
// and runs nothing of the app. Arguments: none; it reads /app/wish.json and leaves
//
//   /app/src             supabase/functions of the export, and what else of it they import
//   /app/gen/NAME        deno.json, the function's import map with every import led to where it really comes from; deno.lock
//   /app/deno            DENO_DIR: all that is locked, and nothing else
//   /app/functions.json  {functions: [{name, entry, verify_jwt, refusal|null}], problems: [{function, file, line, url, why}],
//                        adaptations: [{file, line, what}], packages: [NAME@VERSION], deno}
//
// /export is the export, /cache/deno what earlier builds of the app fetched.
import { resolve } from './resolve.mjs';

const APP = '/app', EXPORT = '/export', SRC = `${APP}/src`, ENTRIES = ['ts', 'js', 'tsx', 'jsx', 'mts', 'mjs'].map((end) => `index.${end}`);
const FILES_MAX = 20000, BYTES_MAX = 256 << 20, ROUNDS_MAX = 20, WHY_MAX = 300;
const wish = JSON.parse(Deno.readTextFileSync(`${APP}/wish.json`));
const base = wish.folder; // of supabase/, within the export: "supabase" or "apps/web/supabase"
const found = { functions: [], problems: [], adaptations: [], packages: [], deno: Deno.version.deno };
let files = 0, bytes = 0;

const read = (path) => { try { return Deno.readTextFileSync(path); } catch { return null; } };
const isFile = (path) => { try { return Deno.lstatSync(path).isFile; } catch { return false; } };
const url = (path) => new URL(`file://${path.split('/').map(encodeURIComponent).join('/')}`).href;
const pathOf = (href) => decodeURIComponent(new URL(href).pathname);
const clip = (text) => text.replace(/\x1b\[[0-9;]*m/g, '').trim().slice(0, WHY_MAX);

/** JSON as people write it: comments, commas before the end. */
function readJson(path) {
  const text = read(path);
  if (text === null) return null;
  const plain = text.replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string) => string ?? '').replace(/("(?:[^"\\]|\\.)*")|,(\s*[}\]])/g, (all, string, end) => string ?? end);
  try { return JSON.parse(plain); } catch (error) { throw new Error(`${path.replace(`${SRC}/`, '')} is no JSON: ${error.message}`); }
}

function copyFile(from, to, size) {
  if (++files > FILES_MAX || (bytes += size) > BYTES_MAX) throw new Error(`the functions are more than ${FILES_MAX} files or ${BYTES_MAX >> 20} MB`);
  Deno.mkdirSync(to.slice(0, to.lastIndexOf('/')), { recursive: true });
  Deno.copyFileSync(from, to);
}

/** Regular files only; no link is followed, nothing that holds secrets or packages is taken. */
function copyTree(from, to) {
  for (const entry of Deno.readDirSync(from)) {
    if (/^(?:node_modules|vendor_cache|\.git|\.env.*|\.temp|\.branches)$/.test(entry.name)) continue;
    if (entry.isDirectory) copyTree(`${from}/${entry.name}`, `${to}/${entry.name}`);
    else if (entry.isFile) copyFile(`${from}/${entry.name}`, `${to}/${entry.name}`, Deno.lstatSync(`${from}/${entry.name}`).size);
  }
}

function run(args, dir, more = {}) {
  const env = { ...more, DENO_DIR: dir, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_NO_PROMPT: '1', NPM_CONFIG_REGISTRY: wish.registry };
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), { args, env, cwd: SRC, stdin: 'null' }).outputSync();
  return { ok: success, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** What the function's own deno.json or import map says, with addresses made absolute. */
function ownConfig(f) {
  const dir = f.entry.slice(0, f.entry.lastIndexOf('/'));
  const named = f.import_map ? [`${SRC}/${base}/${f.import_map}`.replace(/\/\.\//g, '/')] : [];
  const places = [...named, `${dir}/deno.json`, `${dir}/deno.jsonc`, `${dir}/import_map.json`, `${SRC}/${base}/functions/deno.json`, `${SRC}/${base}/functions/deno.jsonc`, `${SRC}/${base}/functions/import_map.json`, `${SRC}/${base}/deno.json`, `${SRC}/${base}/deno.jsonc`];
  const path = places.find(isFile);
  if (!path) return { config: {}, from: dir };
  let config = readJson(path);
  let from = path.slice(0, path.lastIndexOf('/'));
  if (typeof config.importMap === 'string') {
    const map = new URL(config.importMap, url(path));
    config = { ...config, ...(readJson(pathOf(map.href)) ?? {}) };
    from = pathOf(map.href).slice(0, pathOf(map.href).lastIndexOf('/'));
  }
  return { config, from };
}

const absolute = (from, address) => (/^\.{0,2}\//.test(address) ? new URL(address, `${url(from)}/`).href : address);
function absoluteMap(from, map) {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([, to]) => typeof to === 'string').map(([key, to]) => [absolute(from, key), absolute(from, to)]));
}

const ourFile = (to) => (to.startsWith('freehold:') ? url(`${APP}/freehold/${to.slice(9)}.mjs`) : to);

/** Written anew for each look at the graph. */
function writeConfig(f, { config, from }, found) {
  const imports = absoluteMap(from, config.imports);
  for (const [key, to] of Object.entries(imports)) { // "std/": "https://deno.land/std@0.168.0/" stays; a whole address is led on
    const led = /^(?:https?:|jsr:)/.test(to) && !to.endsWith('/') ? resolve(to) : null;
    if (led) imports[key] = ourFile(led.to);
  }
  const scopes = Object.fromEntries(Object.entries(config.scopes ?? {}).map(([scope, map]) => [absolute(from, scope), absoluteMap(from, map)]));
  const written = { nodeModulesDir: 'none', imports: { ...imports, ...found }, scopes, ...(config.compilerOptions && { compilerOptions: config.compilerOptions }), ...(Array.isArray(config.unstable) && { unstable: config.unstable }) };
  Deno.writeTextFileSync(`${f.gen}/deno.json`, JSON.stringify(written, null, 1));
}

const lineOf = (dependency) => ((dependency.code ?? dependency.type)?.span ?? dependency.code?.span)?.start.line + 1 || 0;
const shown = (specifier) => pathOf(specifier).replace(`${SRC}/`, '');

function graph(f, remote) {
  const { ok, out, err } = run(['info', '--json', '--no-lock', ...(remote ? [] : ['--no-remote', '--no-npm']), '--config', `${f.gen}/deno.json`, url(f.entry)], '/cache/deno');
  if (!ok) throw new Error(clip(err) || 'deno info gives no answer');
  return JSON.parse(out);
}

/** Files of the export outside supabase/functions that the code imports. True: one was found, look again. */
function fetchLocal(modules) {
  let more = false;
  for (const module of modules) {
    if (!module.error || !module.specifier.startsWith(`${url(SRC)}/`)) continue;
    const rest = pathOf(module.specifier).slice(SRC.length);
    if (rest.includes('/../') || isFile(SRC + rest) || !isFile(EXPORT + rest)) continue;
    copyFile(EXPORT + rest, SRC + rest, Deno.lstatSync(EXPORT + rest).size);
    more = true;
  }
  return more;
}

/** Leads every import that is not the app's own to where it comes from. */
function lead(f, own) {
  const led = {};
  for (let round = 0; round < ROUNDS_MAX; round++) {
    writeConfig(f, own, led);
    const { modules } = graph(f, false);
    let more = fetchLocal(modules);
    for (const module of modules) {
      if (!module.specifier.startsWith('file:')) continue;
      for (const dependency of module.dependencies ?? []) {
        if (led[dependency.specifier]) continue;
        const target = dependency.code?.specifier ?? dependency.type?.specifier ?? dependency.specifier;
        const to = resolve(target)?.to;
        if (!to) continue;
        led[dependency.specifier] = ourFile(to);
        const isOurs = module.specifier.startsWith(url(`${APP}/freehold/`));
        if (!isOurs) note(shown(module.specifier), lineOf(dependency), target, to);
        more = true;
      }
    }
    if (!more) return;
  }
}

function note(file, line, from, to) {
  const what = to === 'freehold:nothing' ? `imports ${from}, which nothing here needs`
    : to.startsWith('freehold:') ? `imports ${from}; Freehold has what functions use of it`
      : to.startsWith('node:') ? `imports ${from}; Deno has it as ${to}` : `imports ${from}; taken from the npm registry as ${to.slice(4)}`;
  if (!found.adaptations.some((one) => one.file === file && one.line === line)) found.adaptations.push({ file, line, what });
}

function problem(f, file, line, address, why) {
  const foreign = /Requires import access to "([^"]+)"/.exec(why);
  if (foreign) why = `code is not fetched from ${foreign[1].replace(/:443$/, '')}, which anybody may have`;
  found.problems.push({ function: f.name, file, line, url: address, why: clip(why) });
  f.refusal ??= `${file}${line ? ` line ${line}` : ''}: ${address ? `${address} cannot be had` : clip(why).split('\n')[0]}`;
}

/** Whom an import that failed belongs to. */
function users(modules, specifier) {
  const list = [];
  for (const module of modules)
    for (const dependency of module.dependencies ?? [])
      if (dependency.specifier === specifier || dependency.code?.specifier === specifier) list.push({ file: module.specifier.startsWith('file:') ? shown(module.specifier) : module.specifier, line: lineOf(dependency), specifier: dependency.specifier });
  return list;
}

/** Every import that cannot be had, by name. */
function judge(f) {
  const { modules, roots } = graph(f, true);
  for (const module of modules) {
    if (module.error) {
      const by = users(modules, module.specifier)[0];
      const isRoot = roots.includes(module.specifier);
      problem(f, by?.file ?? shown(f.entryUrl), by?.line ?? 0, isRoot ? '' : by?.specifier ?? module.specifier, module.error);
    }
    for (const dependency of module.dependencies ?? [])
      if (dependency.code?.error) problem(f, shown(module.specifier), lineOf(dependency), dependency.specifier, dependency.code.error);
  }
}

function install(f) {
  const { modules } = graph(f, false);
  const { ok, err } = run(['install', '--quiet', '--config', `${f.gen}/deno.json`, '--lock', `${f.gen}/deno.lock`, '--entrypoint', url(f.entry)], '/cache/deno');
  if (ok) return;
  const npm = /npm package '([^']+)'|"?npm:([^\s"']+)/.exec(err);
  const name = npm?.[1] ?? npm?.[2];
  const by = name && modules.flatMap((module) => (module.dependencies ?? []).map((dependency) => ({ module, dependency })))
    .find(({ dependency }) => (dependency.code?.specifier ?? '').startsWith(`npm:${name.startsWith('@') ? `@${name.slice(1).split('@')[0]}` : name.split('@')[0]}`) || (dependency.code?.specifier ?? '').startsWith(`npm:/${name.split('@')[0]}`));
  problem(f, by ? shown(by.module.specifier) : shown(f.entryUrl), by ? lineOf(by.dependency) : 0, by?.dependency.specifier ?? '', err);
}

/** Into the release goes what the locks name. */
function keepLocked() {
  const kept = new Set();
  let hasRemote = false;
  for (const f of found.functions) {
    const lock = f.refusal ? null : JSON.parse(read(`${f.gen}/deno.lock`) ?? '{}');
    for (const key of Object.keys(lock?.npm ?? {})) kept.add(/^(@?[^@]+@[^_]+)/.exec(key)[1]);
    hasRemote ||= Object.keys(lock?.remote ?? {}).length > 0 || Object.keys(lock?.jsr ?? {}).length > 0;
  }
  const registry = new URL(wish.registry);
  const at = `npm/${registry.host.replace(':', '_PORT')}${registry.pathname.replace(/\/$/, '')}`;
  Deno.mkdirSync(`${APP}/deno`, { recursive: true });
  for (const one of kept) {
    const cut = one.lastIndexOf('@'), place = `${at}/${one.slice(0, cut)}/${one.slice(cut + 1)}`;
    copyTree(`/cache/deno/${place}`, `${APP}/deno/${place}`);
  }
  if (hasRemote) copyTree('/cache/deno/remote', `${APP}/deno/remote`);
  found.packages = [...kept].sort();
}

/** Once as it will run: with nothing but what was kept, and a network that leads nowhere. */
function prove(f) {
  const nowhere = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
  const { ok, err } = run(['cache', '--quiet', '--frozen', '--config', `${f.gen}/deno.json`, '--lock', `${f.gen}/deno.lock`, url(f.entry), url(`${APP}/freehold/runtime.mjs`)], `${APP}/deno`, nowhere);
  if (!ok) problem(f, shown(f.entryUrl), 0, '', err);
}

function entryOf(f) {
  const dir = `${SRC}/${base}/functions/${f.name}`;
  const named = f.entrypoint ? pathOf(new URL(f.entrypoint, `${url(`${SRC}/${base}`)}/`).href) : null;
  return named ?? ENTRIES.map((name) => `${dir}/${name}`).find(isFile) ?? null;
}

Deno.mkdirSync('/cache/deno', { recursive: true });
try { copyTree(`${EXPORT}/${base}/functions`, `${SRC}/${base}/functions`); } catch (error) { if (!(error instanceof Deno.errors.NotFound)) throw error; }
for (const name of ['deno.json', 'deno.jsonc']) if (isFile(`${EXPORT}/${base}/${name}`)) copyFile(`${EXPORT}/${base}/${name}`, `${SRC}/${base}/${name}`, 0);
for (const wanted of wish.functions) {
  const f = { ...wanted, entry: entryOf(wanted), gen: `${APP}/gen/${wanted.name}`, refusal: null };
  if (f.entry === null && !wanted.entrypoint) continue; // a folder without an entry is no function
  if (f.entry && !f.entry.startsWith(`${SRC}/`)) f.entry = null;
  if (f.entry && !isFile(f.entry) && isFile(EXPORT + f.entry.slice(SRC.length))) copyFile(EXPORT + f.entry.slice(SRC.length), f.entry, 0);
  found.functions.push(f);
  if (!f.entry || !isFile(f.entry)) { problem(f, `${base}/config.toml`, 0, wanted.entrypoint, 'the entry point is not there'); continue; }
  f.entryUrl = url(f.entry);
  Deno.mkdirSync(f.gen, { recursive: true });
  const dir = f.entry.slice(0, f.entry.lastIndexOf('/'));
  const lock = [`${dir}/deno.lock`, `${SRC}/${base}/functions/deno.lock`].find(isFile);
  try {
    if (lock) Deno.copyFileSync(lock, `${f.gen}/deno.lock`);
    lead(f, ownConfig(f));
    judge(f);
    if (!f.refusal) install(f);
    if (f.refusal && lock) { // a lock of another Deno, or one that does not agree, is no reason not to run
      Deno.removeSync(`${f.gen}/deno.lock`);
    }
  } catch (error) {
    problem(f, shown(f.entryUrl), 0, '', error.message);
  }
}
keepLocked();
for (const f of found.functions) if (!f.refusal) prove(f);
found.functions = found.functions.map(({ name, verify_jwt, entry, refusal }) => ({ name, verify_jwt, entry: entry ? entry.slice(SRC.length + 1) : null, refusal }));
Deno.writeTextFileSync(`${APP}/functions.json`, JSON.stringify(found));
