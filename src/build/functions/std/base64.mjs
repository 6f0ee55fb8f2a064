// SPDX-License-Identifier: Apache-2.0
// std/encoding/base64, under the names of its old and new versions.
import { Buffer } from 'node:buffer';

const bytes = (data) => (typeof data === 'string' ? Buffer.from(data) : data instanceof ArrayBuffer ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength));
export const encodeBase64 = (data) => bytes(data).toString('base64');
export const decodeBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
export { encodeBase64 as encode, decodeBase64 as decode };
