// SPDX-License-Identifier: Apache-2.0
// std/crypto: Web Crypto, with the digests that Node adds.
import { createHash, timingSafeEqual as equal } from 'node:crypto';

const web = globalThis.crypto;
const WEB = new Set(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']);
const view = (data) => (data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

async function digest(algorithm, data) {
  const name = (typeof algorithm === 'string' ? algorithm : algorithm.name).toUpperCase();
  if (WEB.has(name)) return await web.subtle.digest(name, data);
  return new Uint8Array(createHash(name.toLowerCase().replace(/^sha-/, 'sha')).update(view(data)).digest()).buffer;
}

const subtle = new Proxy(web.subtle, { get: (on, name) => (name === 'digest' ? digest : typeof on[name] === 'function' ? on[name].bind(on) : on[name]) });
export const crypto = { subtle, getRandomValues: (array) => web.getRandomValues(array), randomUUID: () => web.randomUUID() };
export const timingSafeEqual = (a, b) => a.byteLength === b.byteLength && equal(view(a), view(b));
