// SPDX-License-Identifier: Apache-2.0
// What an app asks of somebody else's server, and what that sends back: a shop whose functions make a checkout session at Stripe
// and take its signed event. Stripe is stood in for (stripe.mjs) by an address outside of this machine, with a certificate of an
// authority that only this machine's owner added (outside.mjs). As root only.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Freehold, folder } from './freehold.mjs';
import { Outside } from './outside.mjs';
import { NAMES, SECRET_KEY, WEBHOOK_SECRET } from './stripe.mjs';

const MEMBERS = 'import Stripe from "https://esm.sh/stripe@14.21.0"; import { createClient } from "https://esm.sh/@supabase/supabase-js@2.45.0";\n'
  + 'const stripe = new Stripe(Deno.env.get("STRIPE_SECRET_KEY")!, { apiVersion: "2023-10-16" });\n'
  + 'const db = createClient(Deno.env.get("SUPABASE_URL")!, Deno.env.get("SUPABASE_SERVICE_ROLE_KEY")!);\n';
const shop = () => folder({
  'package.json': JSON.stringify({ name: 'shop', private: true, type: 'module', scripts: { start: 'node server.mjs' } }),
  'package-lock.json': JSON.stringify({ name: 'shop', lockfileVersion: 3, requires: true, packages: { '': { name: 'shop' } } }),
  'server.mjs': `import http from 'node:http';
    http.createServer(async (req, res) => {
      const said = req.url === '/ask' ? await fetch('https://api.stripe.com/v1/customers?email=x', { headers: { authorization: 'Bearer ${SECRET_KEY}' } }).then((r) => r.status, (e) => e.cause?.code ?? e.message) : 'shop';
      res.end(String(said));
    }).listen(process.env.PORT);`,
  'supabase/config.toml': '[functions.stripe-webhook]\nverify_jwt = false\n',
  'supabase/migrations/1_orders.sql': "create table public.orders (id uuid primary key default gen_random_uuid(), what text not null, session text unique, status text not null default 'open');\n"
    + 'alter table public.orders enable row level security;\n',
  'supabase/functions/create-checkout/index.ts': `${MEMBERS}
    Deno.serve(async (req) => {
      const { what, cents } = await req.json();
      const session = await stripe.checkout.sessions.create({
        mode: 'payment', line_items: [{ quantity: 2, price_data: { currency: 'eur', unit_amount: cents, product_data: { name: what } } }],
        success_url: 'http://shop.localhost/thanks?session={CHECKOUT_SESSION_ID}', cancel_url: 'http://shop.localhost/',
      });
      const { error } = await db.from('orders').insert({ what, session: session.id });
      return error ? Response.json(error, { status: 500 }) : Response.json({ url: session.url });
    });`,
  'supabase/functions/stripe-webhook/index.ts': `${MEMBERS}
    Deno.serve(async (req) => {
      try {
        const event = await stripe.webhooks.constructEventAsync(await req.text(), req.headers.get('stripe-signature')!, Deno.env.get('STRIPE_WEBHOOK_SECRET')!);
        const { data, error } = await db.from('orders').update({ status: event.data.object.payment_status }).eq('session', event.data.object.id).select();
        return Response.json({ changed: data?.length, error });
      } catch (error) {
        return new Response(error.message, { status: 400 });
      }
    });`,
});

const skip = process.getuid() !== 0 && 'a network of its own is made by root only';
let outside, f, keys;
const call = (name, body, headers) => f.get('shop', `/functions/v1/${name}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
const orders = async () => (await f.cli('db', 'shop', 'psql', '--', '-Atc', 'select what, status from orders')).stdout.trim();

before(async () => {
  if (skip) return;
  outside = await Outside.start({ program: 'stripe.mjs', names: NAMES });
  // No variable says whom to trust: what the build fetches, where something opens it on the way, is had as well.
  f = await Freehold.start({ wrap: outside.wrap, env: { NODE_EXTRA_CA_CERTS: '' } });
  await f.deploy(await shop(), 'shop');
  keys = (await f.api('GET', '/v1/apps/shop')).body.keys;
  const set = await f.cli('env', 'shop', '--functions', 'set', `STRIPE_SECRET_KEY=${SECRET_KEY}`, `STRIPE_WEBHOOK_SECRET=${WEBHOOK_SECRET}`);
  assert.equal(set.code, 0, set.all);
});
after(async () => {
  await f?.end();
  await outside?.stop();
});

test('functions and server trust whom the machine was made to trust', { skip }, async () => {
  assert.equal((await f.get('shop', '/ask')).text, '200');
});

test('an order is paid when the signed event comes, and by none that is not signed', { skip }, async () => {
  const made = await call('create-checkout', JSON.stringify({ what: 'a lamp', cents: 1250 }), { authorization: `Bearer ${keys.anon}` });
  assert.equal(made.status, 200, `${made.text}\n${(await f.cli('logs', 'shop', '--functions')).all}`);
  const at = new URL(made.body.url);
  assert.equal(await orders(), 'a lamp|open');
  assert.match((await outside.ask(at.host, at.pathname)).text, /Pay \$25\.00/);
  const paid = await outside.ask(at.host, at.pathname, { method: 'POST' });
  assert.equal(paid.location, `http://shop.localhost/thanks?session=${at.pathname.split('/').at(-1)}`);

  const [{ payload, header }] = (await outside.ask('api.stripe.com', '/stand-in/events')).body;
  const forged = await call('stripe-webhook', payload.replace('"paid"', '"free"'), { 'stripe-signature': header });
  assert.equal(forged.status, 400, forged.text);
  assert.equal(await orders(), 'a lamp|open');
  const taken = await call('stripe-webhook', payload, { 'stripe-signature': header });
  assert.deepEqual([taken.status, taken.body], [200, { changed: 1, error: null }]);
  assert.equal(await orders(), 'a lamp|paid');
});
