// SPDX-License-Identifier: Apache-2.0
// Loaded before an app's server (Node) and before each of its functions (Deno): what they ask of the services that Lovable gives its apps is
// led to the app's own backend, which asks whom the owner has set (docs/ai.md). Only where LOVABLE_API_KEY is the app's own key here.
// Written by Freehold; not part of the app.
const env = globalThis.process?.env ?? globalThis.Deno?.env.toObject() ?? {};
const home = env.FREEHOLD_URL, key = env.LOVABLE_API_KEY;

const doors = [
  { host: 'ai.gateway.lovable.dev', path: '/', door: '/~ai' },
  { host: 'api.lovable.dev', path: '/v1/messaging/email/', door: '/~mail' },
];

function led(address) {
  if (!address.startsWith('https://')) return null;
  let url;
  try { url = new URL(address); } catch { return null; }
  const found = doors.find((one) => url.hostname === one.host && url.pathname.startsWith(one.path));
  return found ? `${home}${found.door}${url.pathname}${url.search}` : null;
}

if (home && key?.startsWith('fh_lovable_')) {
  const elsewhere = globalThis.fetch;
  globalThis.fetch = function fetch(input, init) {
    const isRequest = input instanceof Request, to = led(isRequest ? input.url : String(input));
    if (!to) return elsewhere(input, init);
    return elsewhere(isRequest ? new Request(to, input) : to, init);
  };
}
