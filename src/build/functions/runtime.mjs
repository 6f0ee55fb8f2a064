// SPDX-License-Identifier: Apache-2.0
// Runs one function in a process of its own: what Supabase's edge runtime gives it, on plain Deno. Argument: the address of its
// entry. FREEHOLD_WORKER, which it never sees: "PORT CONTROL TOKEN", where it is to listen, and how pid 1 of the sandbox
// (serve/worker.h) is told what becomes of it: a line each, "TOKEN", then
//
//   listening          it takes requests
//   failed TEXT        it could not be loaded, or does not serve
//   waiting N          so many tasks of EdgeRuntime.waitUntil are open
import './lovable.mjs';
const [port, control, token] = (Deno.env.get('FREEHOLD_WORKER') ?? '').split(' ');
Deno.env.delete('FREEHOLD_WORKER');
const serve = Deno.serve, exit = Deno.exit, encoder = new TextEncoder();
const line = await Deno.connect({ hostname: '127.0.0.1', port: Number(control) });
let last = Promise.resolve();
function tell(text) {
  const bytes = encoder.encode(`${text.replace(/\s+/g, ' ').slice(0, 400)}\n`);
  last = last.then(async () => { for (let at = 0; at < bytes.length;) at += await line.write(bytes.subarray(at)); }).catch(() => {});
  return last;
}
tell(token);

const tasks = new Set();
globalThis.EdgeRuntime = Object.freeze({
  waitUntil(task) {
    const one = Promise.resolve(task).catch((error) => console.error('EdgeRuntime.waitUntil:', error)).finally(() => { tasks.delete(one); tell(`waiting ${tasks.size}`); });
    tasks.add(one);
    tell(`waiting ${tasks.size}`);
    return task;
  },
});

// One stray rejection would end the requests of everybody else with it.
globalThis.addEventListener('unhandledrejection', (event) => {
  if (event.defaultPrevented) return;
  console.error('Unhandled rejection:', event.reason);
  event.preventDefault();
});
globalThis.addEventListener('error', (event) => {
  if (event.defaultPrevented) return;
  console.error('Uncaught:', event.error ?? event.message);
  event.preventDefault();
});

let server = null;
/** Deno.serve(handler), (options, handler) or ({...options, handler}): where it listens is ours to say. */
function serveHere(first, second) {
  const options = typeof first === 'function' ? second ?? {} : first ?? {};
  const handler = typeof first === 'function' ? first : typeof second === 'function' ? second : options.handler;
  if (typeof handler !== 'function') throw new TypeError('Deno.serve wants a function that answers requests');
  if (server) { console.warn('This function already serves; what it gave Deno.serve a second time is not used.'); return server; }
  const onError = options.onError ?? ((error) => { console.error(error); return new Response('Internal Server Error', { status: 500 }); });
  server = serve({ hostname: '127.0.0.1', port: Number(port), signal: options.signal, onError, onListen: () => { tell('listening'); } }, handler);
  return server;
}
Deno.serve = serveHere;

let isLeaving = false;
Deno.addSignalListener('SIGTERM', async () => {
  if (isLeaving) return;
  isLeaving = true;
  globalThis.dispatchEvent(Object.assign(new Event('beforeunload', { cancelable: true }), { detail: { reason: 'termination' } }));
  await server?.shutdown().catch(() => {});
  while (tasks.size > 0) await Promise.all([...tasks]);
  exit(0);
});

try {
  const module = await import(Deno.args[0]);
  const own = module.default;
  if (!server && typeof own?.fetch === 'function') serveHere((request, info) => own.fetch(request, info));
  else if (!server && typeof own === 'function') serveHere((request, info) => own(request, info));
  // One that awaits something first may serve a little later.
  if (!server) await new Promise((resolve) => setTimeout(resolve, 2000));
  if (!server) throw new Error('it was loaded and does not serve: it calls neither Deno.serve nor exports fetch');
} catch (error) {
  console.error(error);
  await tell(`failed ${error?.message ?? error}`);
  exit(1);
}
