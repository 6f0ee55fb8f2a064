// SPDX-License-Identifier: Apache-2.0
// Live connections as a page has them: Chromium, the edge, supabase-js (the one of older exports and the newest), both
// versions of the protocol. Two users and a visitor who is nobody hear each what row security lets them.
// The environment is described in lib/env.js; the app is live-app beside this file.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, visitor } from "./lib/browser.js";
import { connect, person, rows, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";

const app = appFromEnv("live-app");
const umd = (name) => path.join(import.meta.dirname, "node_modules", name, "dist/umd/supabase.js");
const clients = [["@supabase/supabase-js", undefined], ["supabase-js-newest", "1.0.0"], ["supabase-js-newest", "2.0.0"]];

// Runs in the page: a client, and what it heard by kind.
function begin({ origin, key, token, vsn }) {
  const options = token ? { accessToken: async () => token } : { auth: { persistSession: false } };
  window.db = window.supabase.createClient(origin, key, { ...options, ...(vsn ? { realtime: { vsn } } : {}) });
  window.heard = { changes: [], broadcasts: [], kinds: [] };
  window.join = async (topic, config, events) => {
    if (token) await window.db.realtime.setAuth(token);
    const channel = window.db.channel(topic, { config });
    for (const [kind, filter] of events)
      channel.on(kind, filter, (m) => {
        if (kind === "postgres_changes") window.heard.changes.push(`${m.eventType} ${m.new.body ?? ""}`.trim());
        if (kind === "broadcast") window.heard.broadcasts.push(m.payload.n);
      });
    const hears = !events.some(([kind]) => kind === "postgres_changes") ? Promise.resolve() : new Promise((resolve) => {
      channel.on("system", {}, (m) => m.extension === "postgres_changes" && m.status === "ok" && resolve());
    });
    window.channels = { ...window.channels, [topic]: channel };
    const status = await new Promise((resolve) => channel.subscribe((s, e) => s !== "CLOSED" && resolve(e ? `${s} ${e.message}` : s)));
    if (status === "SUBSCRIBED") await hears;
    return status;
  };
}

const becomes = async (who, what, expected) => {
  await who.page.waitForFunction(([name, n]) => window.heard[name].length >= n, [what, expected.length]);
  assert.deepEqual(await who.page.evaluate((name) => window.heard[name], what), expected);
};

describe("live connections in a browser", () => {
  let browser, ann, bob;
  before(async () => {
    browser = await launch();
    [ann, bob] = [await person(app, "ann"), await person(app, "bob")];
  });
  after(() => browser?.close());

  for (const [name, vsn] of clients) {
    test(`${name}, ${vsn ?? "the protocol it knows"}`, async () => {
      const open = async (who) => {
        const v = await visitor(browser, app);
        await v.page.goto("/");
        await v.page.addScriptTag({ path: umd(name) });
        await v.page.evaluate(begin, { origin: app.origin, key: app.anonKey(), token: who?.session.access_token, vsn });
        return v;
      };
      const [a, b, nobody] = [await open(ann), await open(bob), await open()];
      const everybody = [a, b, nobody];
      const join = (v, ...args) => v.page.evaluate((given) => window.join(...given), args);

      const notes = ["postgres_changes", { event: "*", schema: "public", table: "notes" }];
      for (const v of everybody) assert.equal(await join(v, "notes", {}, [notes]), "SUBSCRIBED");
      const add = (v, body) => v.page.evaluate(async (text) => (await window.db.from("notes").insert({ body: text })).error, body);
      assert.equal(await add(a, "of ann"), null);
      assert.equal(await add(b, "of bob"), null);
      rows(await connect(app, app.serviceKey()).from("notes").insert({ body: "of nobody", owner: null }).select());
      assert.equal(await a.page.evaluate(async () => (await window.db.from("notes").update({ body: "again" }).eq("body", "of ann")).error), null);
      await becomes(a, "changes", ["INSERT of ann", "UPDATE again"]);
      await becomes(b, "changes", ["INSERT of bob"]);
      await becomes(nobody, "changes", ["INSERT of nobody"]);
      assert.equal(await a.page.evaluate(async () => (await window.db.from("notes").delete().eq("body", "again")).error), null);

      const room = `room-${word()}`;
      for (const v of everybody) assert.equal(await join(v, room, { broadcast: { ack: true } }, [["broadcast", { event: "x" }]]), "SUBSCRIBED");
      for (let n = 0; n < 5; n++) assert.equal(await a.page.evaluate(([t, i]) => window.channels[t].send({ type: "broadcast", event: "x", payload: { n: i } }), [room, n]), "ok");
      await becomes(b, "broadcasts", [0, 1, 2, 3, 4]);
      await becomes(nobody, "broadcasts", [0, 1, 2, 3, 4]);
      await becomes(a, "broadcasts", []);

      const here = `here-${word()}`;
      for (const [v, key] of [[a, "ann"], [b, "bob"], [nobody, "nobody"]]) assert.equal(await join(v, here, { presence: { key } }, [["presence", { event: "sync" }]]), "SUBSCRIBED");
      for (const v of [a, b]) assert.equal(await v.page.evaluate((t) => window.channels[t].track({ at: "table" }), here), "ok");
      const present = (names) => nobody.page.waitForFunction(([t, expected]) => Object.keys(window.channels[t].presenceState()).sort().join() === expected, [here, names]);
      await present("ann,bob");
      await b.close(); // the tab
      await present("ann");

      assert.equal(await join(a, "club", { private: true }, [["broadcast", { event: "x" }]]), "SUBSCRIBED");
      assert.match(await join(nobody, "club", { private: true }, [["broadcast", { event: "x" }]]), /^CHANNEL_ERROR .*You do not have permissions to read from this Channel topic: club/);
      for (const v of [a, nobody]) {
        v.assertQuiet();
        await v.close();
      }
    });
  }
});
