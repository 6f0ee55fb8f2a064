#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// tests/long/shapes.mjs [NAME …] [--list]
//
// The smallest app of each shape that docs/shapes.md says runs, with the framework's own packages from npm and no change for
// Freehold: deployed, and asked for a page that shows an address only the running server was told. Those that cannot run are
// told so in words that are checked. Nothing is random; what differs from one day to the next is what npm has.
// FREEHOLD_BIN names the folder of the programs. The exit status is 0 when each was as it should be.
import { parseArgs } from 'node:util';
import { Freehold, folder } from '../system/freehold.mjs';

const json = (value) => JSON.stringify(value, null, 2);
const app = (name, dependencies, scripts, files, expected = {}) => ({
  name,
  files: { 'package.json': json({ name, private: true, type: 'module', scripts, dependencies }), ...files },
  ...expected,
});

// What a page that a server makes shows: that it ran there, and the address it was given.
const SHOWN = 'process.env.SUPABASE_URL';
const react = { react: '19.2.0', 'react-dom': '19.2.0' };
const types = { typescript: '5.8.3', '@types/react': '19.2.0', '@types/node': '22.16.5' };

const next = (version, more = {}, config = '') => app(`next-${version}`, { next: version, ...(/^14/.test(version) ? { react: '18.3.1', 'react-dom': '18.3.1' } : react) },
  { build: 'next build', start: 'next start' }, {
    'app/layout.jsx': 'export default ({ children }) => <html><body>{children}</body></html>',
    'app/page.jsx': `export const dynamic = "force-dynamic"; export default function Page() { return <p>shape {${SHOWN}}</p>; }`,
    ...(config && { 'next.config.mjs': config }),
    ...more,
  });

// Its fonts are served by itself, wherever they came from.
const withFont = (version, more = '') => {
  const it = next(version, { 'app/layout.jsx': 'import { Geist_Mono as Mono, Inter } from "next/font/google"; const inter = Inter({ subsets: ["latin"] }), mono = Mono({ subsets: ["latin"], weight: "400" }); export default ({ children }) => <html className={inter.className}><body className={mono.className}>{children}</body></html>' });
  const files = { ...it.files, 'package.json': it.files['package.json'].replace('next build', `next build${more}`) };
  return { ...it, files, name: `${it.name}-font${more.replace(/\W+/g, '-')}`, page: /<link rel="preload" href="\/_next\/static\/media\/[^"]+\.woff2"/ };
};

const start = { '@tanstack/react-start': '1.168.32', '@tanstack/react-router': '1.170.18', '@tanstack/router-plugin': '1.168.23', '@vitejs/plugin-react': '5.2.0', vite: '8.2.0', ...react, ...types };
const startFiles = {
  'tsconfig.json': json({ compilerOptions: { jsx: 'react-jsx', module: 'ESNext', moduleResolution: 'Bundler', skipLibCheck: true, strict: true, paths: { '@/*': ['./src/*'] } } }),
  'src/styles.css': 'body { margin: 0 }',
  'src/router.tsx': `import { createRouter } from "@tanstack/react-router"; import { routeTree } from "./routeTree.gen"; export const getRouter = () => createRouter({ routeTree });`,
  'src/routes/__root.tsx': `import { createRootRoute, HeadContent, Outlet, Scripts } from "@tanstack/react-router";
    export const Route = createRootRoute({ component: () => <html><head><HeadContent /></head><body><Outlet /><Scripts /></body></html> });`,
  'src/routes/index.tsx': `import { createFileRoute } from "@tanstack/react-router"; import { createServerFn } from "@tanstack/react-start";
    const told = createServerFn({ method: "GET" }).handler(() => ${SHOWN} ?? "nothing");
    export const Route = createFileRoute("/")({ loader: () => told(), component: () => <p>shape {Route.useLoaderData()}</p> });`,
};
const lovable = (name, config, more, vite = '8.2.0') => app(name, { ...start, vite, '@lovable.dev/vite-tanstack-config': config, '@tailwindcss/vite': '4.2.1', tailwindcss: '4.2.1', 'vite-tsconfig-paths': '6.0.2', ...more },
  { build: 'vite build' }, { ...startFiles, 'vite.config.ts': 'import { defineConfig } from "@lovable.dev/vite-tanstack-config"; export default defineConfig();' });

const svelte = (name, adapter, more = {}) => app(name, { '@sveltejs/kit': '2.49.0', '@sveltejs/vite-plugin-svelte': '6.2.1', svelte: '5.45.0', vite: '7.3.0', ...adapter.dependencies }, { build: 'vite build', preview: 'vite preview' }, {
  'svelte.config.js': `import adapter from '${Object.keys(adapter.dependencies)[0]}'; export default { kit: { adapter: adapter() } };`,
  'vite.config.js': `import { sveltekit } from '@sveltejs/kit/vite'; export default { plugins: [sveltekit()] };`,
  'src/app.html': '<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>',
  'src/routes/+page.server.js': `import { env } from '$env/dynamic/private'; export const load = () => ({ told: env.SUPABASE_URL });`,
  'src/routes/+page.svelte': '<script>let { data } = $props();</script><p>shape {data.told}</p>',
  ...more,
});

const astro = (name, version, extra, config, page, more) => app(name, { astro: version, ...extra }, { build: 'astro build', preview: 'astro preview' },
  { 'astro.config.mjs': config, 'src/pages/index.astro': page }, more);

const router = (name, ssr, more) => app(name, { 'react-router': '7.9.6', '@react-router/node': '7.9.6', '@react-router/serve': '7.9.6', '@react-router/dev': '7.9.6', isbot: '5.1.31', vite: '7.3.0', ...react },
  { build: 'react-router build', start: 'react-router-serve ./build/server/index.js' }, {
    'react-router.config.ts': `export default { ssr: ${ssr} };`,
    'vite.config.ts': `import { reactRouter } from "@react-router/dev/vite"; export default { plugins: [reactRouter()] };`,
    'app/routes.ts': `import { index } from "@react-router/dev/routes"; export default [index("home.tsx")];`,
    'app/root.tsx': `import { Outlet, Scripts } from "react-router"; export default () => <html><head /><body><Outlet /><Scripts /></body></html>;`,
    'app/home.tsx': ssr ? `export const loader = () => ({ told: ${SHOWN} }); export default ({ loaderData }) => <p>shape {loaderData.told}</p>;` : 'export default () => <p>shape</p>;',
  }, more);

const server = (name, code, dependencies = {}, more = {}) => app(name, dependencies, { start: 'node server.js' }, { 'server.js': code }, more);
const files = { isFiles: true };

const apps = [
  lovable('tanstack-lovable-new', '2.13.1', { nitro: '3.0.260603-beta' }),
  lovable('tanstack-lovable-newest', '2.25.0', { nitro: '3.0.260603-beta' }),
  lovable('tanstack-lovable-old', '2.3.2', { '@cloudflare/vite-plugin': '1.15.0' }, '7.3.0'),
  app('tanstack-bare', start, { build: 'vite build' }, { ...startFiles, 'vite.config.ts': `import { tanstackStart } from "@tanstack/react-start/plugin/vite"; import react from "@vitejs/plugin-react"; export default { plugins: [tanstackStart(), react()] };` }),
  next('14.2.35'), next('15.5.9'), next('16.1.1'),
  { ...next('16.1.1', { 'app/page.jsx': 'export default function Page() { return <p>shape</p>; }' }, 'export default { output: "export" };'), name: 'next-export', ...files },
  withFont('14.2.35'), withFont('15.5.9'), withFont('16.1.1'), withFont('16.1.1', ' --webpack'),
  { ...next('16.1.1', { 'app/page.jsx': `export default async function Page() { const reply = await fetch(${SHOWN} + '/rest/v1/things'); return <p>{reply.status}</p>; }` }), name: 'next-prerender', fails: /asks its database, which no build has/ },
  app('nuxt-4', { nuxt: '4.2.1', vue: '3.5.25' }, { build: 'nuxt build', dev: 'nuxt dev' }, { 'app/app.vue': `<script setup>const told = useState('told', () => ${SHOWN});</script><template><p>shape {{ told }}</p></template>` }),
  app('nuxt-3', { nuxt: '3.20.1', vue: '3.5.25' }, { build: 'nuxt build', dev: 'nuxt dev' }, { 'app.vue': `<script setup>const told = useState('told', () => ${SHOWN});</script><template><p>shape {{ told }}</p></template>` }),
  svelte('sveltekit-node', { dependencies: { '@sveltejs/adapter-node': '5.4.0' } }),
  svelte('sveltekit-auto', { dependencies: { '@sveltejs/adapter-auto': '7.0.0' } }),
  { ...svelte('sveltekit-static', { dependencies: { '@sveltejs/adapter-static': '3.0.10' } }, { 'src/routes/+page.server.js': '', 'src/routes/+layout.js': 'export const prerender = true;', 'src/routes/+page.svelte': '<p>shape</p>' }), ...files },
  astro('astro-static', '5.16.3', {}, 'export default {};', '<p>shape</p>', files),
  astro('astro-node', '5.16.3', { '@astrojs/node': '9.5.1' }, 'import node from "@astrojs/node"; export default { output: "server", adapter: node({ mode: "standalone" }) };', `<p>shape {${SHOWN}}</p>`),
  router('react-router-ssr', true), router('react-router-spa', false, { isFiles: true, page: /entry.client/ }),
  app('remix', { '@remix-run/node': '2.17.2', '@remix-run/react': '2.17.2', '@remix-run/serve': '2.17.2', '@remix-run/dev': '2.17.2', isbot: '5.1.31', vite: '6.4.1', react: '18.3.1', 'react-dom': '18.3.1' }, { build: 'remix vite:build', start: 'remix-serve ./build/server/index.js' }, {
    'vite.config.js': `import { vitePlugin as remix } from "@remix-run/dev"; export default { plugins: [remix()] };`,
    'app/root.jsx': `import { Outlet, Scripts } from "@remix-run/react"; export default function App() { return <html><head /><body><Outlet /><Scripts /></body></html>; }`,
    'app/routes/_index.jsx': `import { useLoaderData } from "@remix-run/react"; export const loader = () => ({ told: ${SHOWN} }); export default function Index() { return <p>shape {useLoaderData().told}</p>; }`,
  }),
  app('expo', { expo: '54.0.25', 'react-native': '0.81.5', 'react-native-web': '0.21.0', react: '19.1.0', 'react-dom': '19.1.0', '@expo/metro-runtime': '6.1.2' }, { start: 'expo start' }, {
    'app.json': json({ expo: { name: 'shape', slug: 'shape', web: { bundler: 'metro', output: 'single' } } }),
    'App.js': `import { Text } from 'react-native'; export default () => <Text>shape</Text>;`,
    'index.js': `import { registerRootComponent } from 'expo'; import App from './App'; registerRootComponent(App);`,
    'package.json': json({ name: 'expo', private: true, main: 'index.js', scripts: { start: 'expo start' }, dependencies: { expo: '54.0.25', 'react-native': '0.81.5', 'react-native-web': '0.21.0', react: '19.1.0', 'react-dom': '19.1.0', '@expo/metro-runtime': '6.1.2' } }),
  }, { isFiles: true, page: /<div id="root">/ }),
  server('hono', `import { serve } from '@hono/node-server'; import { Hono } from 'hono'; const app = new Hono(); app.get('/', (c) => c.text('shape ' + ${SHOWN})); serve({ fetch: app.fetch, port: 8787 });`, { hono: '4.10.6', '@hono/node-server': '1.19.6' }),
  server('fastify', `import fastify from 'fastify'; const app = fastify(); app.get('/', async () => 'shape ' + ${SHOWN}); await app.listen({ port: Number(process.env.PORT) });`, { fastify: '5.6.2' }),
  server('bare-node', `import http from 'node:http'; http.createServer((q, r) => r.end('shape ' + ${SHOWN})).listen(process.env.PORT, '127.0.0.1');`),
  { name: 'node-24', files: { 'package.json': json({ name: 'node-24', private: true, engines: { node: '24.x' }, scripts: { start: 'node server.js' } }), 'server.js': `require('http').createServer((q, r) => r.end('shape ' + ${SHOWN} + ' ' + process.version)).listen(process.env.PORT)` }, page: / v24\./ },
  { name: 'cloudflare', refused: /KV namespace.*SESSIONS.*wrangler\.toml|wrangler\.toml.*KV namespace.*SESSIONS/s, files: { 'package.json': json({ name: 'cf', private: true, scripts: { build: 'wrangler deploy --dry-run' }, devDependencies: { wrangler: '4.50.0' } }), 'wrangler.toml': 'name = "cf"\nmain = "src/index.ts"\n[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "x"\n', 'src/index.ts': 'export default {}' } },
];

const { values, positionals } = parseArgs({ options: { list: { type: 'boolean', default: false } }, allowPositionals: true });
if (values.list) { for (const { name } of apps) console.log(name); process.exit(0); }

const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);

// null when it is as it should be, else what is not.
async function one(f, shape) {
  const result = await f.cli('deploy', await folder(shape.files), '--app', shape.name);
  const said = result.all.trim().split('\n').filter((line) => !line.startsWith('build|')).slice(-12).join('\n    ');
  const refusal = shape.refused ?? shape.fails;
  if (refusal) return result.code !== 0 && refusal.test(result.all) ? null : `it was to be told ${refusal}:\n    ${said}`;
  if (result.code !== 0) return `not deployed:\n    ${said}`;
  const { status, text } = await f.get(shape.name, '/');
  const words = text.replaceAll(/<!--.*?-->/g, '');
  const wanted = shape.page ?? (shape.isFiles ? /shape/ : new RegExp(`shape\\s*http://${shape.name}\\.localhost:${f.port}`));
  if (status !== 200 || !wanted.test(words)) return `GET / is ${status}, without ${wanted}: ${words.slice(0, 300)}`;
  const { body } = await f.api('GET', `/v1/apps/${shape.name}`);
  const servers = body.processes.filter((it) => it.name === 'server').length;
  return servers === (shape.isFiles ? 0 : 1) ? null : `${servers} servers run`;
}

const f = await Freehold.start();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => f.end().finally(() => process.exit(130)));
let failed = 0;
try {
  for (const shape of apps.filter(({ name }) => positionals.length === 0 || positionals.some((it) => name.startsWith(it)))) {
    const began = Date.now();
    const problem = await one(f, { ...shape, name: shape.name.replaceAll('.', '-') });
    console.log(`${problem ? 'NOT OK' : 'ok    '} ${shape.name} (${seconds(began)} s)${problem ? `: ${problem}` : ''}`);
    if (problem) failed++;
    await f.api('DELETE', `/v1/apps/${shape.name.replaceAll('.', '-')}`);
  }
} finally {
  await f.end();
}
process.exit(failed ? 1 : 0);
