// SPDX-License-Identifier: Apache-2.0
// examples/static-site: plain files, as they are. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, seen, visitor } from "./lib/browser.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("static-site");
let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

test("the pages render and link to each other", async () => {
  const who = await visitor(browser, app);
  await seen(who, "static-site", async () => {
    await who.page.goto("/");
    await who.page.getByRole("heading", { name: "Bread by the light" }).waitFor();
    await who.page.getByText(/The door is open|The oven sleeps/).waitFor();
    await who.page.getByRole("link", { name: "About" }).click();
    await who.page.getByRole("heading", { name: "Two bakers" }).waitFor();
    await who.page.reload();
    await who.page.getByRole("heading", { name: "Two bakers" }).waitFor();
  });
  who.assertQuiet();
  await who.close();
});

test("files come with their types; a missing one is 404", async () => {
  const type = async (path) => {
    const reply = await edgeFetch(app.origin + path);
    return [reply.status, (reply.headers.get("content-type") ?? "").split(";")[0]];
  };
  assert.deepEqual(await type("/"), [200, "text/html"]);
  assert.deepEqual(await type("/about.html"), [200, "text/html"]);
  assert.deepEqual(await type("/style.css"), [200, "text/css"]);
  assert.match((await type("/app.4f3a9c1b.js"))[1], /javascript/);
  assert.equal((await type("/app.00000000.js"))[0], 404);
});

test("a fingerprinted file may be kept, a page may not", async () => {
  const cache = async (path) => (await edgeFetch(app.origin + path)).headers.get("cache-control") ?? "";
  assert.match(await cache("/app.4f3a9c1b.js"), /immutable/);
  assert.doesNotMatch(await cache("/style.css"), /immutable/);
  assert.match(await cache("/about.html"), /no-cache|no-store|max-age=0/);
});
