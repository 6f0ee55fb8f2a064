// SPDX-License-Identifier: Apache-2.0
//
// Fonts of Google's for a Next.js app (next/font/google) on a machine that does not reach Google: the same files, from packages of the npm
// registry (@fontsource-variable/NAME, @fontsource/NAME). In the build's sandbox, in the folder of the project and without the network:
//
//     reach              with the network, and without the project: whether Google's hosts answer; any answer will do. Prints why not
//     look               a line for each font that the code asks for: NAME, FILE, LINE and the packages that would do, the best one first,
//                        with tabs between them
//     build COMMAND ...   runs the build. Next is told the style sheet of every address that it would ask Google for, which it takes from a
//                        module that NEXT_FONT_GOOGLE_MOCKED_RESPONSES names; what is a mock to its own tests is the real one here. The
//                        files themselves webpack reads from the disk, Turbopack wants them by HTTP: they are on loopback while it builds.
//     /fonts/TOOL        the packages; TOOL is "fontsource-variable-inter-5"
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { spawn } from 'node:child_process';

const FILES_MAX = 20000, FILE_BYTES_MAX = 1 << 20, CALLS_MAX = 64, DEPTH_MAX = 8, PORT = 20765;
const SKIPPED = new Set(['node_modules', '.git', '.next']), SKIPPED_ON_TOP = new Set(['dist', 'build', 'out', 'public', 'supabase']);
const READ = /\.(m?[jt]sx?|cts|mts)$/;
const DATA = ['next/dist/compiled/@next/font/dist/google/font-data.json', '@next/font/dist/google/font-data.json'];
const STANDARD_AXES = new Set(['ital', 'opsz', 'slnt', 'wdth', 'wght']);
const DISPLAYS = ['auto', 'block', 'swap', 'fallback', 'optional'];

// The text without its comments, each character where it was. A quote that its line does not close is an apostrophe of a page's text.
export function blank(text) {
  const token = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|`(?:[^`\\]|\\[^])*`/g;
  return text.replace(token, (it) => (it.startsWith('//') || it.startsWith('/*') ? it.replace(/[^\n]/g, ' ') : it));
}

// What a call is given. Next takes literals only, so that nothing else need be understood here; null for anything else.
export function literalAt(text, from) {
  let at = from;
  const space = () => { while (/\s/.test(text[at] ?? '')) at++; };
  const take = (pattern) => {
    space();
    const found = new RegExp(pattern, 'y');
    found.lastIndex = at;
    const it = found.exec(text)?.[0];
    if (it !== undefined) at += it.length;
    return it;
  };
  const need = (pattern) => take(pattern) ?? (() => { throw new SyntaxError(`expected ${pattern} at ${at}`); })();
  const word = (it) => it.slice(1, -1).replace(/\\([^])/g, '$1');
  const STRING = String.raw`"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|` + '`(?:[^`\\\\$]|\\\\[^])*`', NAMES = { true: true, false: false, null: null, undefined };
  const list = (close, one) => {
    while (!take(close)) {
      one();
      if (!take(',')) { need(close); return; }
    }
  };
  const value = (depth) => {
    if (depth > DEPTH_MAX) throw new SyntaxError('too deep');
    let it;
    if (take('\\[')) list('\\]', () => { it.push(value(depth + 1)); }, it = []);
    else if (take('\\{')) {
      it = {};
      list('\\}', () => {
        const key = need(`${STRING}|[A-Za-z_$][\\w$]*`);
        need(':');
        it[/^["'`]/.test(key) ? word(key) : key] = value(depth + 1);
      });
    } else {
      const text = need(`${STRING}|-?\\d[\\d.]*|(?:true|false|null|undefined)\\b`);
      it = /^["'`]/.test(text) ? word(text) : text in NAMES ? NAMES[text] : Number(text);
    }
    if (take('as\\s+const\\b') === undefined) take('satisfies\\s+[A-Za-z_$][\\w$.]*');
    return it;
  };
  try {
    if (take('\\)')) return {};
    const it = value(0);
    take(',');
    need('\\)');
    return it;
  } catch { return null; }
}

const lineOf = (text, at) => text.slice(0, at).split('\n').length;

// Each call of a font in a file: { name: "Roboto_Mono", options, line }.
export function callsIn(source) {
  if (!source.includes('next/font/google')) return [];
  const text = blank(source), calls = [];
  for (const found of text.matchAll(/\bimport\s*\{([^}]*)\}\s*from\s*(["'])@?next\/font\/google\2/g))
    for (const part of found[1].split(',')) {
      const [, name, local = name] = /^\s*(\w+)(?:\s+as\s+([\w$]+))?\s*$/.exec(part) ?? [];
      if (name === undefined) continue;
      for (const call of text.matchAll(new RegExp(`(?<![\\w$.])${local.replaceAll('$', '\\$')}\\s*\\(`, 'g')))
        calls.push({ name, options: literalAt(text, call.index + call[0].length), line: lineOf(text, call.index) });
    }
  return calls;
}

const listed = (it) => (it === undefined || it === null || it === '' ? [] : [...new Set([it].flat())]);

// What Next asks Google for by such a call, by the rules of next/font (nextjs.org/docs/app/api-reference/components/font) and of the CSS
// API (developers.google.com/fonts/docs/css2). Null where Next refuses the call itself, and says why.
export function wish({ name, options }, data) {
  const family = name.replaceAll('_', ' '), known = Object.hasOwn(data, family) ? data[family] : null;
  if (known === null || options === null || typeof options !== 'object') return null;
  const weights = listed(options.weight), styles = listed(options.style), axes = listed(options.axes), display = options.display ?? 'swap';
  if (weights.length === 0) weights.push('variable');
  if (styles.length === 0) styles.push(known.styles.length === 1 ? known.styles[0] : 'normal');
  const isVariable = weights[0] === 'variable';
  if (!weights.every((it) => known.weights.includes(it)) || !styles.every((it) => known.styles.includes(it)) || !DISPLAYS.includes(display) ||
      (isVariable && weights.length > 1) || (isVariable && !known.axes) || (!isVariable && axes.length > 0)) return null;
  const range = ({ min, max }) => `${min}..${max}`, wght = isVariable ? known.axes.find((it) => it.tag === 'wght') : undefined;
  return { family, id: family.toLowerCase().replaceAll(' ', '-'), styles, display, isVariable, hasAxes: known.axes !== undefined,
    weights: isVariable ? (wght ? [range(wght)] : []) : weights,
    axes: isVariable ? known.axes.filter((it) => it.tag !== 'wght' && axes.includes(it.tag)).map((it) => [it.tag, range(it)]) : [] };
}

// Small letters before capitals, as Google wants the axes.
const byTag = ([a], [b]) => { const capital = (it) => Number(/^[A-Z]/.test(it)); return capital(a) - capital(b) || (a < b ? -1 : 1); };

export function addressOf(it) {
  const variants = [], italics = it.styles.includes('italic') ? [...(it.styles.includes('normal') ? ['0'] : []), '1'] : [null];
  if (it.weights.length === 0 && it.axes.length > 0) variants.push(it.axes);
  for (const ital of italics)
    for (const weight of [...it.weights].sort((a, b) => parseInt(a, 10) - parseInt(b, 10)))
      variants.push([...(ital === null ? [] : [['ital', ital]]), ['wght', weight], ...it.axes]);
  for (const one of variants) one.sort(byTag);
  const asked = variants.length === 0 ? '' : `:${variants[0].map(([tag]) => tag).join(',')}@${variants.map((one) => one.map(([, value]) => value).join(',')).join(';')}`;
  return `https://fonts.googleapis.com/css2?family=${it.family.replaceAll(' ', '+')}${asked}&display=${it.display}`;
}

// One fixed weight is half the bytes in a file of its own; more of them are one file of the variable font, as Google gives it, too.
export function packagesOf(it) {
  const variable = `@fontsource-variable/${it.id}`, fixed = `@fontsource/${it.id}`;
  if (!it.hasAxes) return [fixed];
  if (it.isVariable) return it.weights.length === 0 && it.axes.length === 0 ? [fixed, variable] : [variable];
  return it.weights.length === 1 ? [fixed, variable] : [variable, fixed];
}

export const toolOf = (name) => `${name.slice(1).replace('/', '-')}-5`;

// The sheets of a package that hold a style of a font in a weight, the best one first.
function sheetsOf(it, isVariable, style, weight) {
  const end = style === 'italic' ? '-italic.css' : '.css', tags = it.axes.map(([tag]) => tag);
  if (!isVariable) return [`${it.weights.length === 0 ? '400' : weight}${end}`];
  const all = tags.every((tag) => STANDARD_AXES.has(tag)) ? ['standard', 'full'] : ['full'];
  return [...(tags.length === 0 ? ['wght'] : tags.length === 1 ? [tags[0].toLowerCase()] : []), ...all].map((one) => one + end);
}

const valueOf = (block, name) => new RegExp(`\\b${name}:\\s*([^;]+);`).exec(block)?.[1].trim();

// "/* noto-sans-jp-[0]-wght-normal */ @font-face { ... }" of a sheet as Google writes it, for one weight.
function faceOf(it, subset, block, style, weight, fileOf) {
  const file = /url\((?:\.\/)?(files\/[\w.-]+\.woff2)\)/.exec(block)?.[1];
  if (file === undefined) return '';
  const isSlanted = it.axes.some(([tag]) => tag === 'slnt'), stretch = valueOf(block, 'font-stretch'), range = valueOf(block, 'unicode-range');
  const lines = [`font-family: '${it.family}'`, `font-style: ${isSlanted ? valueOf(block, 'font-style') : style}`, `font-weight: ${weight?.replace('..', ' ') ?? valueOf(block, 'font-weight')}`,
    ...(stretch ? [`font-stretch: ${stretch}`] : []), `font-display: ${it.display}`, `src: url(${fileOf(file)}) format('woff2')`, ...(range ? [`unicode-range: ${range}`] : [])];
  return `/* ${subset} */\n@font-face {\n${lines.map((line) => `  ${line};\n`).join('')}}\n`;
}

// The answer to a wish, from the first of its packages that holds it. read(package, sheet) is a sheet's text, or null; fileOf(package, file)
// where one of its files is found.
export function styleSheet(it, read, fileOf) {
  for (const name of packagesOf(it)) {
    const isVariable = name.startsWith('@fontsource-variable/');
    const parts = it.styles.flatMap((style) => (it.weights.length > 0 ? it.weights : [undefined]).map((weight) => {
      const sheet = sheetsOf(it, isVariable, style, weight).map((one) => read(name, one)).find((text) => text !== null) ?? '';
      return [...sheet.matchAll(/\/\*\s*(\S+?)-[^-\s]+-(?:normal|italic)\s*\*\/\s*@font-face\s*\{([^}]*)\}/g)]
        .map(([, subset, block]) => faceOf(it, subset.slice(it.id.length + 1), block, style, weight, (file) => fileOf(name, file))).join('');
    }));
    if (parts.every((part) => part !== '')) return { name, css: parts.join('') };
  }
  return null;
}

function* walk(dir, count = { files: 0 }, isTop = true) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const at = path.join(dir, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name) && !(isTop && SKIPPED_ON_TOP.has(entry.name))) yield* walk(at, count, false);
    else if (entry.isFile() && READ.test(entry.name) && count.files++ < FILES_MAX && statSync(at).size <= FILE_BYTES_MAX) yield at;
  }
}

function knownFonts(dir) {
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    for (const name of DATA) {
      const file = path.join(at, 'node_modules', name);
      if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
    }
    if (at === path.dirname(at)) throw new Error('the list of fonts in the package next is not there');
  }
}

function wishes(dir) {
  const data = knownFonts(dir), all = [];
  for (const file of walk(dir))
    for (const call of callsIn(readFileSync(file, 'utf8'))) {
      const it = wish(call, data);
      if (it !== null && all.length < CALLS_MAX) all.push({ ...it, file, line: call.line });
    }
  return all;
}

function look() {
  const said = new Set();
  for (const it of wishes('.')) {
    const packages = packagesOf(it).join('\t'), key = `${it.family}\t${packages}`;
    if (!said.has(key)) console.log(`${it.family}\t${it.file}\t${it.line}\t${packages}`);
    said.add(key);
  }
}

async function reach() {
  const hosts = ['fonts.googleapis.com', 'fonts.gstatic.com'];
  try {
    await Promise.all(hosts.map((host) => fetch(`https://${host}/`, { signal: AbortSignal.timeout(8000) })));
    process.exit(0);
  } catch (error) {
    console.log(String(error.cause?.code ?? error.cause?.message ?? error.message));
    process.exit(1);
  }
}

const placeOf = (name, file) => path.join('/fonts', toolOf(name), file);

// Node, that is webpack, reads files; Turbopack runs the module in its own way and asks by HTTP.
function writeAnswers(file, answers) {
  const text = (isNode) => JSON.stringify(Object.fromEntries(Object.entries(answers).map(([address, css]) => [address, css(isNode)])), null, 1);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `module.exports = Array.isArray(module.paths) ? ${text(true)} : ${text(false)};\n`);
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (port === 0 ? reject(error) : resolve(listen(server, 0))));
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function build(command) {
  const answers = {}, served = new Map();
  const server = createServer((asked, reply) => {
    const file = served.get(asked.url);
    reply.writeHead(file === undefined ? 404 : 200, { 'content-type': 'font/woff2' }).end(file === undefined ? '' : readFileSync(file));
  });
  const port = await listen(server, PORT); // the same whenever it can be: Turbopack names files by their address
  const read = (name, sheet) => { const at = placeOf(name, sheet); return existsSync(at) ? readFileSync(at, 'utf8') : null; };
  for (const it of wishes('.')) {
    const sheet = styleSheet(it, read, (name, file) => { served.set(`/${toolOf(name)}/${file}`, placeOf(name, file)); return `FONTS/${toolOf(name)}/${file}`; });
    if (sheet === null) throw new Error(`${it.family} (${it.file}:${it.line}) in weight ${it.weights.join(', ') || 'variable'}, style ${it.styles.join(', ')}: ${packagesOf(it).join(' and ')} of the npm registry do not have it`);
    answers[addressOf(it)] = (isNode) => sheet.css.replaceAll('url(FONTS/', isNode ? 'url(/fonts/' : `url(http://127.0.0.1:${port}/`);
  }
  const file = '/tmp/freehold-fonts/answers.js';
  writeAnswers(file, answers);
  const env = { ...process.env, NEXT_FONT_GOOGLE_MOCKED_RESPONSES: file };
  for (const name of ['NO_PROXY', 'no_proxy']) env[name] = [env[name], '127.0.0.1'].filter(Boolean).join(',');
  const child = spawn(command[0], command.slice(1), { stdio: 'inherit', env });
  child.on('error', (error) => { console.error(error.message); process.exit(1); });
  child.on('close', (code, signal) => {
    if (signal !== null) console.error(`the build was ended by ${signal}`);
    process.exit(signal === null ? code : 1);
  });
}

const [, mode, ...rest] = process.argv;
if (mode === 'reach') await reach();
if (mode === 'look' || mode === 'build') {
  try {
    if (mode === 'look') look();
    else await build(rest);
  } catch (error) {
    console.error(`Error: the app's fonts: ${error.message}`);
    process.exit(1);
  }
}
