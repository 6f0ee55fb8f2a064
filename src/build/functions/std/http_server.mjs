// SPDX-License-Identifier: Apache-2.0
// std/http/server: serve(), which became Deno.serve.
export const serve = (handler, options = {}) => Deno.serve({ onError: options.onError, signal: options.signal }, handler).finished;
export const serveListener = (_listener, handler, options = {}) => serve(handler, options);
