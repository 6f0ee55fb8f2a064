// SPDX-License-Identifier: Apache-2.0
// examples/tool-library-express: Express, Vite and Drizzle, as Replit makes it. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commonshed, html } from "./lib/commonshed.js";
import { connect, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("tool-library-express");
const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

commonshed(app, { missing: /404.*\/api\/tools/, rendersWall: false });

async function call(method, path, { body, cookie } = {}) {
  const isForm = body instanceof FormData;
  const headers = { ...(cookie ? { cookie } : {}), ...(body && !isForm ? { "content-type": "application/json" } : {}) };
  const reply = await edgeFetch(app.origin + path, { method, headers, body: isForm ? body : body && JSON.stringify(body) });
  const text = await reply.text();
  return { status: reply.status, cookie: reply.headers.get("set-cookie")?.split(";")[0], body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
}

async function register(displayName) {
  const reply = await call("POST", "/api/register", { body: { displayName, email: `${displayName}-${word()}@example.com`, password: "secret-1" } });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return reply.cookie;
}

describe("tool-library-express, by its own API", () => {
  test("a session is kept, a picture is kept, and nobody else can change them", async () => {
    const [ada, bruno] = [await register("ada"), await register("bruno")];
    assert.equal((await call("GET", "/api/shed")).status, 401);
    const form = new FormData();
    form.set("name", `Camera stand ${word()}`);
    form.set("picture", new Blob([dot], { type: "image/png" }), "stand.png");
    const made = await call("POST", "/api/tools", { body: form, cookie: ada });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const picture = await edgeFetch(app.origin + made.body.picture);
    assert.equal(picture.status, 200);
    assert.deepEqual(Buffer.from(await picture.arrayBuffer()), dot);
    assert.equal((await call("PATCH", `/api/tools/${made.body.id}`, { body: { isListed: false }, cookie: bruno })).status, 404);
    assert.equal((await call("GET", "/api/shed", { cookie: ada })).body.tools.length, 1);
    assert.deepEqual((await call("GET", "/api/shed", { cookie: bruno })).body, { tools: [], loans: [] });
  });

  test("its tables have no row security, so the public keys cannot read them", async () => {
    for (const table of ["users", "session", "tools"]) {
      const reply = await connect(app).from(table).select();
      assert.ok(reply.error, table);
      assert.equal(reply.data, null);
    }
  });

  test("any path is the page, and a missing script is not", async () => {
    const home = await html(app, "/");
    const deep = await html(app, "/tools/12345");
    assert.equal(deep.text, home.text);
    assert.equal((await html(app, "/assets/index-AAAAAAAA.js")).headers.get("content-type")?.startsWith("text/javascript"), false);
  });
});
