// SPDX-License-Identifier: Apache-2.0
// std/encoding/base64url, under the names of its old and new versions.
import { Buffer } from 'node:buffer';
import { encodeBase64 } from './base64.mjs';

export const encodeBase64Url = (data) => encodeBase64(data).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
export const decodeBase64Url = (text) => new Uint8Array(Buffer.from(text, 'base64url'));
export { encodeBase64Url as encode, decodeBase64Url as decode };
