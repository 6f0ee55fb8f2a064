// SPDX-License-Identifier: Apache-2.0
//
// The small product that the examples with a server share, tool-library-start, -next and -express: two neighbours, a tool, a
// loan. They say the same words and are made in three different ways; this is what a visitor sees of any of them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, seen, visitor } from "./browser.js";
import { address, word } from "./client.js";
import { edgeFetch } from "./fetch.js";

export async function html(app, path) {
  const reply = await edgeFetch(app.origin + path, { headers: { accept: "text/html" } });
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
}

export async function join({ page }, name, email, password) {
  await page.goto("/auth", { waitUntil: "networkidle" });
  await page.getByRole("button", { name: "New here?" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: `${name}'s shed` }).waitFor();
}

export async function hangUp({ page }, name, description = "Mind your fingers.") {
  await page.getByLabel("What is it?").fill(name);
  await page.getByLabel("What should a neighbour know?").fill(description);
  await page.getByRole("button", { name: "Hang it up" }).click();
  const row = page.getByTestId("my-tool").filter({ hasText: name });
  await row.waitFor();
  return row.getAttribute("data-id");
}

// missing: what the console says of a page that answers 404. rendersWall: the wall stands in what the server sends.
export function commonshed(app, { missing, rendersWall }) {
  const mark = word();
  const [drill, plane] = [`Drill & bits "${mark}"`, `Heirloom plane ${mark}`];
  const people = { ada: { email: address("ada"), password: `pw-${word()}` }, bruno: { email: address("bruno"), password: `pw-${word()}` } };
  let browser;
  let ada;
  let bruno;
  const ids = {};

  describe(`${app.name}, used`, () => {
    before(async () => {
      browser = await launch();
      ada = await visitor(browser, app);
      bruno = await visitor(browser, app);
    });
    after(() => browser?.close());

    test("the server answers with its page, and a reload of any path is that path", async () => {
      for (const path of ["/", "/auth"]) {
        const page = await html(app, path);
        assert.equal(page.status, 200, path);
        assert.match(page.text, /<title>Commonshed/, path);
        if (rendersWall && path === "/") assert.match(page.text, /One drill is enough for the whole street/);
      }
    });

    test("a passer-by sees the wall without one error, and is asked to sign in for a shed", async () => {
      const who = await visitor(browser, app);
      await seen(who, `${app.name}-landing`, async () => {
        await who.page.goto("/", { waitUntil: "networkidle" });
        await who.page.getByRole("heading", { level: 1, name: /One drill is enough/ }).waitFor();
        await who.page.getByRole("link", { name: "My shed" }).click();
        await who.page.waitForURL("**/auth");
      });
      who.assertQuiet();
      await who.close();
    });

    test("Ada signs up and hangs up two tools; one comes off the wall; a reload keeps it so", () => seen(ada, `${app.name}-ada`, async () => {
      await join(ada, "Ada", people.ada.email, people.ada.password);
      ids.drill = await hangUp(ada, drill);
      ids.plane = await hangUp(ada, plane);
      const row = ada.page.getByTestId("my-tool").filter({ hasText: plane });
      await row.getByRole("button", { name: "Take it off the wall" }).click();
      await row.getByText("only you see it").waitFor();
      await ada.page.reload({ waitUntil: "networkidle" });
      await row.getByText("only you see it").waitFor();
      assert.equal(await ada.page.getByTestId("my-tool").count(), 2);
      ada.assertQuiet();
    }));

    if (rendersWall)
      test("the wall that the server sends has her tool with her name, and not the one that she took off", async () => {
        const { text } = await html(app, "/");
        assert.ok(text.includes(mark), "the drill is on the page");
        assert.match(text, /From the shed of\s*(<!-- -->)?Ada/);
        assert.ok(!text.includes(plane), "the plane is not");
      });

    test("Bruno has an empty shed and does not see what Ada took off, even by its address", () => seen(bruno, `${app.name}-bruno`, async () => {
      await join(bruno, "Bruno", people.bruno.email, people.bruno.password);
      assert.equal(await bruno.page.getByTestId("my-tool").count(), 0);
      assert.equal(await bruno.page.getByTestId("loan").count(), 0);
      await bruno.page.goto("/", { waitUntil: "networkidle" });
      await bruno.page.getByRole("link", { name: drill }).waitFor();
      assert.equal(await bruno.page.getByText(plane).count(), 0);
      await bruno.expectTrouble(missing, async () => {
        await bruno.page.goto(`/tools/${ids.plane}`, { waitUntil: "networkidle" });
        await bruno.page.getByRole("heading", { name: "This hook is empty" }).waitFor();
      });
      bruno.assertQuiet();
    }));

    test("Bruno asks, Ada lends, Bruno sees it", () => seen(ada, `${app.name}-loan`, async () => {
      await bruno.page.goto(`/tools/${ids.drill}`, { waitUntil: "networkidle" });
      await bruno.page.getByText("From the shed of Ada").waitFor();
      await bruno.page.getByLabel("A word to the owner").fill(`for the bathroom ${mark}`);
      await bruno.page.getByRole("button", { name: "Ask to borrow" }).click();
      const asked = bruno.page.getByTestId("loan").filter({ hasText: drill });
      await asked.getByText(/from Ada: *requested/).waitFor();

      await ada.page.goto("/shed", { waitUntil: "networkidle" });
      const request = ada.page.getByTestId("loan").filter({ hasText: `for the bathroom ${mark}` });
      await request.getByText(/to Bruno: *requested/).waitFor();
      await request.getByRole("button", { name: "Lend it" }).click();
      await request.getByText("approved").waitFor();

      await bruno.page.reload({ waitUntil: "networkidle" });
      await asked.getByText(/from Ada: *approved/).waitFor();
      ada.assertQuiet();
      bruno.assertQuiet();
    }));

    test("signing out ends it; a wrong password is said; the right one opens the shed", () => seen(ada, `${app.name}-again`, async () => {
      const { page } = ada;
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "Back to your shed" }).waitFor();
      await page.goto("/", { waitUntil: "networkidle" });
      await page.getByRole("link", { name: "My shed" }).click();
      await page.waitForURL("**/auth");
      await page.getByLabel("Email").fill(people.ada.email);
      await page.getByLabel("Password").fill("not-the-password");
      await ada.expectTrouble(/40[01]/, async () => {
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
        await page.getByRole("alert").filter({ hasText: /\w/ }).waitFor();
      });
      await page.getByLabel("Password").fill(people.ada.password);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("heading", { name: "Ada's shed" }).waitFor();
      await page.getByTestId("my-tool").nth(1).waitFor();
      ada.assertQuiet();
    }));
  });
}
