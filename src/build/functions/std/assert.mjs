// SPDX-License-Identifier: Apache-2.0
// std/assert, by Node's.
import node from 'node:assert';

export { AssertionError } from 'node:assert';
export const assert = (value, message) => node.ok(value, message);
export const assertEquals = node.deepStrictEqual, assertNotEquals = node.notDeepStrictEqual;
export const assertStrictEquals = node.strictEqual, assertNotStrictEquals = node.notStrictEqual;
export const assertExists = (value, message) => node.ok(value !== undefined && value !== null, message);
export const assertThrows = (call, kind, text) => node.throws(call, (error) => (!kind || error instanceof kind) && (!text || String(error.message).includes(text)));
export const assertRejects = (call, kind, text) => node.rejects(call, (error) => (!kind || error instanceof kind) && (!text || String(error.message).includes(text)));
export const assertMatch = (text, pattern, message) => node.match(text, pattern, message);
export const assertStringIncludes = (text, part, message) => node.ok(text.includes(part), message);
export const fail = (message) => node.fail(message);
