// SPDX-License-Identifier: Apache-2.0
//
// What every single-page app must get from the edge, whatever it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeFetch } from "./fetch.js";

const FOREIGN_PROJECT = /[a-z0-9]{20}\.supabase\.(co|in)/;

async function text(app, path, init) {
  const reply = await edgeFetch(app.origin + path, init);
  return { reply, type: reply.headers.get("content-type") ?? "", cache: reply.headers.get("cache-control") ?? "", body: await reply.text() };
}

// Every script a visitor can come to load: those of the page, and the chunks that scripts name.
async function scripts(app, page) {
  const found = new Map();
  const waiting = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1]);
  while (waiting.length) {
    const path = waiting.pop();
    if (found.has(path)) continue;
    const { reply, body } = await text(app, path);
    assert.equal(reply.status, 200, path);
    found.set(path, body);
    for (const match of body.matchAll(/["'`](?:\.\/|\/?assets\/)([\w.-]+-[\w-]{8}\.js)["'`]/g)) waiting.push(`/assets/${match[1]}`);
  }
  return found;
}

export function servedSinglePageApp(app, deepPath) {
  test("an unknown page path is the app, with status 200, and is not kept by caches", async () => {
    const home = await text(app, "/");
    assert.equal(home.reply.status, 200);
    for (const path of ["/", deepPath, "/no/such/page", "/with.dot/in-it"]) {
      const page = await text(app, path, { headers: { accept: "text/html" } });
      assert.equal(page.reply.status, 200, path);
      assert.match(page.type, /^text\/html/, path);
      assert.equal(page.body, home.body, path);
      assert.match(page.cache, /no-cache|no-store|max-age=0/, path);
      assert.equal(page.reply.headers.get("x-content-type-options"), "nosniff", path);
    }
  });

  test("a missing fingerprinted asset is 404, never the page", async () => {
    for (const path of ["/assets/index-AAAAAAAA.js", "/assets/index-AAAAAAAA.css", "/assets/no/index-BBBBBBBB.woff2"]) {
      const { reply, body, cache } = await text(app, path);
      assert.equal(reply.status, 404, path);
      assert.doesNotMatch(body, /id="root"/, path);
      assert.doesNotMatch(cache, /immutable/, path);
    }
  });

  test("fingerprinted assets are kept for good and travel compressed", async () => {
    const [path] = (await scripts(app, (await text(app, "/")).body)).keys();
    const plain = await text(app, path);
    assert.match(plain.type, /javascript/);
    assert.match(plain.cache, /immutable/);
    assert.match(plain.cache, /max-age=31536000/);
    const packed = await edgeFetch(app.origin + path, { headers: { "accept-encoding": "gzip" } });
    assert.equal(packed.headers.get("content-encoding"), "gzip");
    assert.ok((await packed.arrayBuffer()).byteLength < plain.body.length / 2);
  });

  test("the scripts carry this origin and public key, no foreign project and no service key", async () => {
    const all = [...(await scripts(app, (await text(app, "/")).body)).entries()];
    assert.ok(all.length > 1, "a lazy route is a chunk of its own");
    const whole = all.map(([, body]) => body).join("\n");
    assert.ok(whole.includes(app.origin), "the origin is bound");
    assert.ok(whole.includes(app.anonKey()), "the public key is bound");
    assert.ok(!whole.includes(app.serviceKey()), "the service key stays on the server");
    for (const [path, body] of all) assert.doesNotMatch(body, FOREIGN_PROJECT, path);
  });

  test("what the backend serves is never the page", async () => {
    for (const path of ["/rest/v1/no_such_table", "/auth/v1/no-such-path"]) {
      const { reply, type } = await text(app, path, { headers: { apikey: app.anonKey() } });
      assert.equal(reply.status, 404, path);
      assert.match(type, /application\/json/, path);
    }
  });
}
