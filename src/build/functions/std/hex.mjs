// SPDX-License-Identifier: Apache-2.0
// std/encoding/hex. Its old encode() and decode() go from bytes to bytes.
import { Buffer } from 'node:buffer';

export const encodeHex = (data) => Buffer.from(typeof data === 'string' ? data : new Uint8Array(data)).toString('hex');
export function decodeHex(text) {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new TypeError('not a text of hexadecimal digits');
  return new Uint8Array(Buffer.from(text, 'hex'));
}
export const encode = (data) => new TextEncoder().encode(encodeHex(data));
export const decode = (data) => decodeHex(new TextDecoder().decode(data));
export const encodeToString = encodeHex, decodeString = decodeHex;
