// SPDX-License-Identifier: Apache-2.0
// What Freehold does not serve yet says so: 501, in words that a supabase-js client can show. A path leaves this list when
// it is served. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("tool-library");

for (const [method, path] of [
  ["GET", "/storage/v1/iceberg/bucket"],
  ["POST", "/graphql/v1"],
]) {
  test(`${method} ${path} answers 501 in words`, async () => {
    const body = method === "POST" ? "{}" : undefined;
    const reply = await edgeFetch(app.origin + path, { method, body, headers: { apikey: app.anonKey() } });
    assert.equal(reply.status, 501);
    assert.match(reply.headers.get("content-type") ?? "", /application\/json/);
    const { message } = await reply.json();
    assert.ok(message.length > 20, message);
  });
}

test("supabase-js hands the words on", async () => {
  const { data, error } = await connect(app, app.serviceKey()).storage.createBucket("figures", { type: "ANALYTICS" });
  assert.equal(data, null);
  assert.ok(error.message.length > 20, error.message);
});
