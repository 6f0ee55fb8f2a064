// SPDX-License-Identifier: Apache-2.0
// examples/tool-library-next: Next.js, as v0 makes it. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commonshed, html } from "./lib/commonshed.js";
import { commonshedRows } from "./lib/commonshed-rows.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("tool-library-next");

commonshed(app, { missing: /404/, rendersWall: true });
commonshedRows(app);

describe("tool-library-next, served", () => {
  test("its scripts and fonts are kept for good, the picture beside them is served", async () => {
    const { text } = await html(app, "/");
    const parts = [...text.matchAll(/["'](\/_next\/static\/[^"'?\\]+\.(?:js|css|woff2))["'?]/g)].map((match) => match[1]);
    assert.ok(parts.some((path) => path.endsWith(".js")) && parts.some((path) => path.endsWith(".css")));
    for (const path of new Set(parts)) {
      const reply = await edgeFetch(app.origin + path);
      assert.equal(reply.status, 200, path);
      assert.match(reply.headers.get("cache-control"), /immutable/, path);
    }
    assert.equal((await edgeFetch(`${app.origin}/icon.svg`)).status, 200);
    assert.equal((await edgeFetch(`${app.origin}/_next/static/chunks/none-AAAAAAAA.js`)).status, 404);
  });

  test("a shed behind the proxy is a redirect for a stranger", async () => {
    const reply = await edgeFetch(`${app.origin}/shed`);
    assert.equal(reply.status, 307);
    assert.equal(new URL(reply.headers.get("location"), app.origin).pathname, "/auth");
    assert.equal(new URL(reply.headers.get("location"), app.origin).origin, app.origin);
  });
});
