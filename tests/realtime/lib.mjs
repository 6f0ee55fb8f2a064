// SPDX-License-Identifier: Apache-2.0
//
// What the tests of realtime share: the backend's address and keys (tests/pg/with_backend.c), clients of the real
// realtime-js, tokens, SQL.
import { execFile } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { createClient } from '@supabase/supabase-js';

const run = promisify(execFile);
export const port = new URL(process.env.FREEHOLD_ORIGIN_LIVE).port;
export const origin = `http://127.0.0.1:${port}`;
export const anonKey = process.env.FREEHOLD_ANON_KEY_LIVE;
export const serviceKey = process.env.FREEHOLD_SERVICE_KEY_LIVE;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function sql(text, role = 'postgres') {
  const { stdout } = await run('psql', ['-h', process.env.FREEHOLD_DATABASE, '-U', role, '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', text]);
  return stdout.trim();
}

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export function token(claims, secret = process.env.FREEHOLD_JWT_SECRET) {
  const body = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}
export const userToken = (sub = randomUUID(), seconds = 3600, more = {}) =>
  token({ role: 'authenticated', sub, aud: 'authenticated', exp: Math.floor(Date.now() / 1000) + seconds, ...more });

const open = new Set();
// A supabase-js client; with a token it speaks for that user.
export function client({ jwt, version = '2.0.0', key = anonKey, ...realtime } = {}) {
  const c = createClient(origin, key, { realtime: { vsn: version, ...realtime }, auth: { persistSession: false, autoRefreshToken: false }, ...(jwt ? { accessToken: async () => jwt } : {}) });
  open.add(c);
  return c;
}
export async function closeAll() {
  await Promise.all([...open].map(async (c) => {
    if (c instanceof WebSocket) return c.close();
    await c.removeAllChannels();
    await c.realtime.disconnect();
  }));
  open.clear();
}

export async function until(what, check, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

// Joins; resolves with the channel once it is SUBSCRIBED, and for changes once PostgreSQL is heard.
export function joined(channel, { changes = false, ms = 15000 } = {}) {
  return new Promise((resolve, reject) => {
    let isJoined = false, isHeard = !changes;
    const timer = setTimeout(() => reject(new Error(`${channel.topic} is not joined after ${ms} ms`)), ms);
    const check = () => { if (isJoined && isHeard) { clearTimeout(timer); resolve(channel); } };
    channel.systems = [];
    channel.on('system', {}, (m) => {
      channel.systems.push(m);
      if (m.extension === 'postgres_changes' && m.status === 'ok') { isHeard = true; check(); }
    });
    channel.subscribe((status, error) => {
      channel.lastStatus = status;
      channel.lastError = error;
      if (status === 'SUBSCRIBED') { isJoined = true; check(); }
      if (status === 'CHANNEL_ERROR' && !isJoined) { clearTimeout(timer); reject(error ?? new Error('CHANNEL_ERROR')); }
    });
  });
}

// One WebSocket without a client, for what no client does.
export async function raw({ version = '2.0.0', key = anonKey } = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/realtime/v1/websocket?apikey=${key}&vsn=${version}`);
  socket.binaryType = 'arraybuffer';
  const got = [];
  socket.onmessage = (m) => got.push(typeof m.data === 'string' ? JSON.parse(m.data) : m.data);
  const closed = new Promise((resolve) => { socket.onclose = (e) => resolve(e); });
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('refused')); });
  open.add(socket);
  return { socket, got, closed, send: (m) => socket.send(typeof m === 'string' || m instanceof Uint8Array ? m : JSON.stringify(m)), next: (check) => until('a message', () => got.find(check)) };
}
