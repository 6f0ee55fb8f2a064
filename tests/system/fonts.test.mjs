// SPDX-License-Identifier: Apache-2.0
// A Next.js app that takes fonts from Google, where Google is not asked: they come from the npm registry, by both of Next's bundlers.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Freehold, folder } from './freehold.mjs';

let f, earlier;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const layout = (fonts) => `import { ${fonts}, Roboto_Mono as Mono } from "next/font/google";
const one = ${fonts}({ subsets: ["latin"], variable: "--font-one" });
const mono = Mono({ subsets: ["latin"], weight: ["400", "700"], style: ["normal", "italic"], display: "optional" });
export default ({ children }) => <html className={one.className + " " + one.variable}><body className={mono.className}>{children}</body></html>;`;
const app = (bundler, fonts = 'Geist') => folder({
  'package.json': JSON.stringify({ name: 'n', private: true, scripts: { build: `next build ${bundler}` }, dependencies: { next: '16.1.1', react: '19.2.3', 'react-dom': '19.2.3' } }),
  'next.config.mjs': 'export default { output: "export" };',
  'app/layout.jsx': layout(fonts),
  'app/page.jsx': 'export default () => <p>a page</p>;',
});

// The faces of a page's style sheets, and the files that they name as this server gives them.
async function facesOf(name) {
  const page = await f.get(name, '/');
  assert.match(page.text, /a page/);
  const faces = [], files = new Map();
  for (const [, sheet] of page.text.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)) {
    const { text } = await f.get(name, sheet);
    for (const [, face] of text.matchAll(/@font-face\s*\{([^}]*)\}/g)) {
      const at = /url\(([^)]+)\)/.exec(face)?.[1];
      if (at === undefined) continue;
      const file = new URL(at.replaceAll('"', ''), `http://own.test${sheet}`);
      assert.equal(file.host, 'own.test', 'of its own origin');
      faces.push(face.replaceAll(/["']/g, ''));
      if (!files.has(file.pathname)) files.set(file.pathname, await f.get(name, file.pathname));
    }
  }
  return { page: page.text, faces, files };
}

function check({ page, faces, files }) {
  const of = (pattern) => faces.filter((face) => pattern.test(face));
  const geist = of(/font-family:\s*Geist/), mono = of(/font-family:\s*Roboto Mono/);
  assert.ok(geist.length >= 2, 'a face for each subset');
  for (const face of geist) assert.match(face, /font-style:\s*normal.*font-weight:\s*100 900.*font-display:\s*swap.*unicode-range:/s);
  const kinds = new Set(mono.map((face) => `${/font-style:\s*(\w+)/.exec(face)[1]} ${/font-weight:\s*(\w+)/.exec(face)[1]} ${/font-display:\s*(\w+)/.exec(face)[1]}`));
  assert.deepEqual([...kinds].sort(), ['italic 400 optional', 'italic 700 optional', 'normal 400 optional', 'normal 700 optional']);
  assert.equal(new Set(geist.map((face) => /unicode-range:\s*([^;]+)/.exec(face)[1])).size, geist.length, 'each subset has a range of its own');
  assert.ok(files.size >= 6, [...files.keys()].join());
  for (const [at, { status, text, headers }] of files) {
    assert.deepEqual([status, text.slice(0, 4), headers['content-type']], [200, 'wOF2', 'font/woff2'], at);
    assert.match(headers['cache-control'], /immutable/, at);
  }
  assert.equal([...page.matchAll(/<link rel="preload" href="[^"]+\.woff2"[^>]* as="font"/g)].length, 3, 'latin of three files is loaded before');
}

test('its fonts come from the npm registry, said and listed', { timeout: 900_000 }, async () => {
  await f.deploy(await folder({ 'index.html': 'first' }), 'fonts');
  assert.equal((await f.cli('env', 'fonts', 'set', 'FREEHOLD_FONTS=npm')).code, 0);
  const first = await f.cli('deploy', await app('--turbopack'), '--app', 'fonts');
  assert.equal(first.code, 0, first.all);
  assert.match(first.all, /fetching @fontsource-variable\/geist@5 from the npm registry/);
  assert.match(first.all, /app\/layout\.jsx:2 +Geist comes from @fontsource-variable\/geist 5\.\S+ of the npm registry: FREEHOLD_FONTS=npm is set/);
  assert.match(first.all, /app\/layout\.jsx:3 +Roboto Mono comes from @fontsource-variable\/roboto-mono 5/);
  earlier = await facesOf('fonts');
  check(earlier);
});

test('webpack is given the same, and nothing is fetched again', { timeout: 900_000 }, async () => {
  const second = await f.cli('deploy', await app('--webpack'), '--app', 'fonts');
  assert.equal(second.code, 0, second.all);
  assert.doesNotMatch(second.all, /fetching @fontsource/);
  check(await facesOf('fonts'));
  // A tab of the release before still asks for its parts.
  const parts = [...earlier.page.matchAll(/\/_next\/static\/(?:chunks|css|media)\/[\w./~-]+\.(?:js|css|woff2)/g)].map(([at]) => at);
  assert.ok(parts.some((at) => /\.js$/.test(at)) && parts.some((at) => /\.css$/.test(at)) && parts.some((at) => /\.woff2$/.test(at)), parts.join());
  for (const at of new Set([...parts, ...earlier.files.keys()])) {
    const { status, headers } = await f.get('fonts', at);
    assert.deepEqual([at, status], [at, 200]);
    assert.match(headers['cache-control'], /immutable/, at);
  }
  const tools = await readdir(path.join(f.home, 'cache/tools'));
  assert.deepEqual(tools.filter((name) => /^fontsource/.test(name)).sort(), ['fontsource-variable-geist-5', 'fontsource-variable-roboto-mono-5']);
});
