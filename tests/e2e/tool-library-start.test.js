// SPDX-License-Identifier: Apache-2.0
// examples/tool-library-start: TanStack Start, as Lovable makes it now. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commonshed, html } from "./lib/commonshed.js";
import { commonshedRows } from "./lib/commonshed-rows.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("tool-library-start");

commonshed(app, { missing: /404/, rendersWall: true });
commonshedRows(app);

describe("tool-library-start, served", () => {
  test("the service key stays on the server, and its .env is not what runs", async () => {
    const page = await html(app, "/");
    const scripts = [...page.text.matchAll(/["'](\/assets\/[^"']+\.js)["']/g)].map((match) => match[1]);
    assert.ok(scripts.length > 0);
    for (const path of new Set(scripts)) {
      const script = await edgeFetch(app.origin + path);
      assert.equal(script.status, 200, path);
      assert.match(script.headers.get("cache-control"), /immutable/, path);
      const text = await script.text();
      assert.ok(!text.includes(app.serviceKey()), path);
      assert.ok(!text.includes("fhexamplenotarealref.supabase.co"), path);
    }
  });

  test("a server function refuses whoever is not signed in", async () => {
    const reply = await edgeFetch(`${app.origin}/_serverFn/nothing`, { method: "POST" });
    assert.ok(reply.status >= 400, String(reply.status));
  });
});
