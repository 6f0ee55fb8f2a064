// SPDX-License-Identifier: Apache-2.0
//
// tests/system/stripe.mjs ADDRESS CERTIFICATE KEY: stands in for Stripe, as far as apps of builders ask it: customers, checkout sessions
// with the page where one pays, subscriptions, the customers' portal, and signed events. api.stripe.com, checkout.stripe.com and
// billing.stripe.com are one server. Its answers have the fields that are read, under Stripe's own names (docs.stripe.com/api). Prints "ready".
//
//   GET api.stripe.com/stand-in/events    what has happened: [{payload, header}], `header` as Stripe-Signature signs `payload` with WEBHOOK_SECRET
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { fileURLToPath } from 'node:url';

export const NAMES = ['api.stripe.com', 'checkout.stripe.com', 'billing.stripe.com'];
export const SECRET_KEY = 'sk_test_standin', WEBHOOK_SECRET = 'whsec_standin';
const MONTH_S = 2_592_000;
const id = (kind) => `${kind}_${randomBytes(8).toString('hex')}`;
const now = () => Math.floor(Date.now() / 1000);
const customers = [], sessions = new Map(), subscriptions = [], events = [];

// "line_items[0][price_data][currency]=usd" → {line_items: {0: {price_data: {currency: "usd"}}}}
function parseForm(text) {
  const form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const keys = name.split(/[[\]]+/).filter((key) => key !== '');
    let at = form;
    for (const key of keys.slice(0, -1)) at = at[key] ??= {};
    at[keys.at(-1)] = value;
  }
  return form;
}

const list = (data) => [200, { object: 'list', data, has_more: false }];
const wrong = (status, message) => [status, { error: { type: 'invalid_request_error', message } }];

function createSession(form) {
  const items = Object.values(form.line_items ?? {});
  const price = items.map((item) => ({ name: item.price_data.product_data.name, each: Number(item.price_data.unit_amount), quantity: Number(item.quantity) }));
  if (items.length === 0 || price.some((one) => !Number.isInteger(one.each))) return wrong(400, 'line_items: each needs a price in whole cents');
  const session = {
    id: id('cs_test'), object: 'checkout.session', mode: form.mode, status: 'open', payment_status: 'unpaid', payment_intent: null, subscription: null, currency: items[0].price_data.currency,
    amount_total: price.reduce((sum, one) => sum + one.each * one.quantity, 0), customer: form.customer ?? null, customer_email: form.customer_email ?? null, metadata: form.metadata ?? {},
    success_url: form.success_url, cancel_url: form.cancel_url, url: null,
  };
  session.url = `https://checkout.stripe.com/c/pay/${session.id}`;
  sessions.set(session.id, { session, price });
  return [200, session];
}

function emit(type, object) {
  const payload = JSON.stringify({ id: id('evt'), object: 'event', type, created: now(), data: { object } });
  const t = now();
  events.push({ payload, header: `t=${t},v1=${createHmac('sha256', WEBHOOK_SECRET).update(`${t}.${payload}`).digest('hex')}` });
}

function pay({ session }) {
  let customer = customers.find((one) => one.id === session.customer || one.email === session.customer_email);
  if (!customer) customers.push(customer = { id: id('cus'), object: 'customer', email: session.customer_email });
  Object.assign(session, { status: 'complete', payment_status: 'paid', customer: customer.id });
  if (session.mode === 'subscription') {
    session.subscription = id('sub');
    subscriptions.push({ id: session.subscription, object: 'subscription', customer: customer.id, status: 'active', current_period_end: now() + MONTH_S });
  } else session.payment_intent = id('pi');
  emit('checkout.session.completed', session);
}

function answerApi(method, url, form) {
  const query = url.searchParams, path = url.pathname;
  if (method === 'GET' && path === '/v1/customers') return list(customers.filter((one) => one.email === query.get('email')));
  if (method === 'GET' && path === '/v1/subscriptions') return list(subscriptions.filter((one) => one.customer === query.get('customer') && one.status === query.get('status')));
  if (method === 'POST' && path === '/v1/checkout/sessions') return createSession(form);
  if (method === 'GET' && path.startsWith('/v1/checkout/sessions/')) {
    const found = sessions.get(path.split('/').at(-1));
    return found ? [200, found.session] : wrong(404, 'No such checkout.session');
  }
  if (method === 'POST' && path === '/v1/billing_portal/sessions') {
    if (!customers.some((one) => one.id === form.customer)) return wrong(404, 'No such customer');
    return [200, { id: id('bps'), object: 'billing_portal.session', url: `https://billing.stripe.com/p/session?back=${encodeURIComponent(form.return_url)}` }];
  }
  return wrong(404, `the stand-in has no ${method} ${path}`);
}

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title>${body}`;
const dollars = (cents) => `$${(cents / 100).toFixed(2)}`;

function checkoutPage({ session, price }) {
  const rows = price.map((one) => `<li>${one.quantity} × ${one.name}, ${dollars(one.each)}</li>`).join('');
  return page('Checkout', `<h1>Pay ${dollars(session.amount_total)}</h1><ul>${rows}</ul><form method="post"><button>Pay</button></form><a href="${session.cancel_url}">Back</a>`);
}

function serveCheckout(req, res, url) {
  const found = sessions.get(url.pathname.split('/').at(-1));
  if (!found) return res.writeHead(404).end();
  if (req.method !== 'POST') return res.writeHead(200, { 'content-type': 'text/html' }).end(checkoutPage(found));
  pay(found);
  return res.writeHead(303, { location: found.session.success_url.replace('{CHECKOUT_SESSION_ID}', found.session.id) }).end();
}

function serve(req, res, body) {
  const host = req.headers.host, url = new URL(req.url, `https://${host}`);
  if (host === 'checkout.stripe.com') return serveCheckout(req, res, url);
  if (host === 'billing.stripe.com') return res.writeHead(200, { 'content-type': 'text/html' }).end(page('Portal', `<h1>Your subscription</h1><a href="${url.searchParams.get('back')}">Back</a>`));
  const isOurs = url.pathname === '/stand-in/events', isAllowed = isOurs || req.headers.authorization === `Bearer ${SECRET_KEY}`;
  const [status, reply] = isOurs ? [200, events] : isAllowed ? answerApi(req.method, url, parseForm(body)) : wrong(401, 'Invalid API Key provided');
  return res.writeHead(status, { 'content-type': 'application/json', 'request-id': id('req') }).end(JSON.stringify(reply));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [address, certificate, key] = process.argv.slice(2);
  const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (req, res) => {
    let body = '';
    req.on('data', (bytes) => { body += bytes; });
    req.on('end', () => serve(req, res, body));
  });
  server.listen(443, address, () => console.log('ready'));
}
