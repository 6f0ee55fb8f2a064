// SPDX-License-Identifier: Apache-2.0
//
// The real supabase-js against an app's origin, and people to use it as.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createClient } from "@supabase/supabase-js";
import { edgeFetch } from "./fetch.js";

export const word = () => randomBytes(5).toString("hex");
export const address = (name) => `${name}-${word()}@example.com`;

export function connect(app, key = app.anonKey()) {
  return createClient(app.origin, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: edgeFetch },
  });
}

export async function person(app, name, data = {}) {
  const client = connect(app);
  const email = address(name);
  const password = `secret-${word()}`;
  const reply = await client.auth.signUp({ email, password, options: { data } });
  assert.equal(reply.error, null, `sign up ${email}`);
  assert.ok(reply.data.session, "an account needs no confirmation by mail here");
  return { client, email, password, id: reply.data.user.id, session: reply.data.session };
}

// Rows, or a failure that shows the whole error.
export function rows(reply) {
  assert.equal(reply.error, null, JSON.stringify(reply.error));
  return reply.data;
}

export function failed(reply, status, code) {
  assert.ok(reply.error, `expected ${code}, got ${JSON.stringify(reply.data)}`);
  assert.equal(reply.error.code, code, JSON.stringify(reply.error));
  assert.equal(reply.status, status, JSON.stringify(reply.error));
  assert.equal(reply.data, null);
  for (const field of ["message", "details", "hint"]) assert.ok(field in reply.error, `error has ${field}`);
  return reply.error;
}
