// SPDX-License-Identifier: Apache-2.0
//
// The same two neighbours by supabase-js, past the app's own server: what row security gives whom.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect, failed, person, rows, word } from "./client.js";

export function commonshedRows(app) {
  describe(`${app.name}, by supabase-js`, () => {
    const mark = word();
    const wall = "id, name, is_listed, owner:profiles!tools_owner_id_fkey(display_name)";

    test("row security decides who sees and changes what, and relations are embedded", async () => {
      const ada = await person(app, "ada", { display_name: "Ada" });
      const bruno = await person(app, "bruno", { display_name: "Bruno" });
      const stranger = connect(app);
      const [saw, plane] = rows(await ada.client.from("tools").insert([
        { owner_id: ada.id, name: `Saw ${mark}`, is_listed: true },
        { owner_id: ada.id, name: `Plane ${mark}`, is_listed: false },
      ]).select(wall).order("name", { ascending: false }));
      assert.deepEqual(saw.owner, { display_name: "Ada" });

      for (const client of [stranger, bruno.client]) {
        const seen = rows(await client.from("tools").select(wall).like("name", `%${mark}`));
        assert.deepEqual(seen, [saw]);
      }
      failed(await bruno.client.from("tools").insert({ owner_id: ada.id, name: "Forged" }), 403, "42501");
      failed(await stranger.from("tools").insert({ owner_id: ada.id, name: "Forged" }), 401, "42501");
      assert.deepEqual(rows(await bruno.client.from("tools").update({ name: "Mine now" }).eq("id", saw.id).select()), []);

      const loan = { tool_id: saw.id, borrower_id: bruno.id, lender_id: bruno.id, note: mark };
      const asked = rows(await bruno.client.from("loans").insert(loan).select("id, lender_id, tool:tools(name)").single());
      assert.equal(asked.lender_id, ada.id);
      assert.equal(asked.tool.name, saw.name);
      assert.deepEqual(rows(await bruno.client.from("loans").update({ status: "approved" }).eq("id", asked.id).select()), []);
      assert.deepEqual(rows(await stranger.from("loans").select()), []);
      assert.equal(rows(await ada.client.from("loans").update({ status: "approved" }).eq("id", asked.id).select()).length, 1);
      failed(await bruno.client.from("loans").insert({ ...loan, tool_id: plane.id }), 400, "P0001");
    });
  });
}
