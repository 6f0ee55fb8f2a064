// SPDX-License-Identifier: Apache-2.0
// examples/tool-library in a browser: two neighbours, a tool and a loan. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, seen, visitor } from "./lib/browser.js";
import { address, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";
import { servedSinglePageApp } from "./lib/served.js";

const app = appFromEnv("tool-library");

async function join(who, name, email, password) {
  const { page } = who;
  await page.goto("/auth");
  await page.getByRole("button", { name: "New here?" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Street").fill("Lime Lane 7");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  // the name comes from the profile row that the trigger on auth.users made
  await page.getByRole("heading", { name: `${name}'s shed` }).waitFor();
}

async function hangUp(page, name, picture) {
  await page.getByRole("button", { name: "Hang up a tool" }).click();
  await page.getByLabel("What is it?").fill(name);
  await page.getByLabel("Where it hangs").selectOption("wood");
  await page.getByLabel("What should a neighbour know?").fill("Blade is new, \"mind\" your fingers (really), 100%.");
  if (picture) await page.getByLabel("A picture").setInputFiles({ name: "tool.png", mimeType: "image/png", buffer: picture });
  await page.getByRole("button", { name: "Hang it up" }).click();
  await page.getByTestId("my-tool").filter({ hasText: name }).waitFor();
}

async function onTheWall(page, search) {
  await page.goto("/tools");
  await page.getByLabel("Search tools").fill(search);
  await page.locator("article, .border-dashed").first().waitFor();
  await page.waitForLoadState("networkidle");
  return page.locator("article h3").allInnerTexts();
}

describe("tool-library, served", () => servedSinglePageApp(app, "/tools/00000000-0000-0000-0000-000000000000"));

describe("tool-library, used", () => {
  const mark = word();
  const [cutter, secret] = [`Tile cutter ${mark}`, `Heirloom plane ${mark}`];
  const ada = { email: address("ada"), password: `pw-${word()}` };
  const bruno = { email: address("bruno"), password: `pw-${word()}` };
  let browser;
  let adaSees;
  let brunoSees;
  let cutterPath;
  let secretPath;

  before(async () => {
    browser = await launch();
    adaSees = await visitor(browser, app);
    brunoSees = await visitor(browser, app);
  });
  after(() => browser?.close());

  test("a passer-by sees the landing page and an empty 404 page, without one error", async () => {
    const who = await visitor(browser, app);
    await seen(who, "tool-library-landing", async () => {
      await who.page.goto("/", { waitUntil: "networkidle" });
      await who.page.getByRole("heading", { level: 1, name: /twelve drills/ }).waitFor();
      await who.page.goto("/no/such/page");
      await who.page.getByRole("heading", { name: "This hook is empty" }).waitFor();
      await who.page.goto("/shed");
      await who.page.waitForURL("**/auth");
    });
    who.assertQuiet();
    await who.close();
  });

  test("Ada signs up, hangs up tools and finds them after a reload", () => seen(adaSees, "tool-library-ada", async () => {
    const { page } = adaSees;
    await join(adaSees, "Ada", ada.email, ada.password);
    await page.getByRole("button", { name: "Hang up the usual three" }).click();
    await page.getByTestId("my-tool").nth(2).waitFor();
    await hangUp(page, cutter);
    await hangUp(page, secret);
    await page.getByRole("button", { name: `Take ${secret} off the wall` }).click();
    await page.getByTestId("my-tool").filter({ hasText: secret }).getByText("only you see it").waitFor();
    await page.reload();
    await page.getByTestId("my-tool").nth(4).waitFor();
    assert.equal(await page.getByTestId("my-tool").count(), 5);
    cutterPath = await page.getByRole("link", { name: cutter }).getAttribute("href");
    secretPath = await page.getByRole("link", { name: secret }).getAttribute("href");
    adaSees.assertQuiet();
  }));

  test("a picture is kept, and the neighbours see it", () => seen(adaSees, "tool-library-picture", async () => {
    const { page } = adaSees;
    const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    await hangUp(page, `Camera stand ${mark}`, dot);
    const picture = page.getByTestId("my-tool").filter({ hasText: "Camera stand" }).locator("img");
    const src = await picture.getAttribute("src");
    assert.match(src, /\/storage\/v1\/object\/public\/tool-pictures\//);
    const kept = await edgeFetch(new URL(src, app.origin).href);
    assert.equal(kept.headers.get("content-type"), "image/png");
    assert.deepEqual(Buffer.from(await kept.arrayBuffer()), dot);
    assert.ok(await picture.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)), "the browser shows it");
    await page.getByRole("button", { name: `Remove Camera stand ${mark}` }).click();
    await page.getByTestId("my-tool").filter({ hasText: "Camera stand" }).waitFor({ state: "detached" });
    adaSees.assertQuiet();
  }));

  test("Bruno sees what hangs on the wall and not what Ada took off it", () => seen(brunoSees, "tool-library-bruno", async () => {
    const { page } = brunoSees;
    await join(brunoSees, "Bruno", bruno.email, bruno.password);
    assert.equal(await page.getByTestId("my-tool").count(), 0);
    assert.deepEqual(await onTheWall(page, mark), [cutter]);
    await page.goto(secretPath);
    await page.getByRole("heading", { name: "This hook is empty" }).waitFor();
    await page.goto(cutterPath);
    await page.getByText("From the shed of Ada").waitFor();
    await page.reload();
    await page.getByText("From the shed of Ada").waitFor();
    brunoSees.assertQuiet();
  }));

  test("a favourite is remembered once, and forgotten", () => seen(brunoSees, "tool-library-favourite", async () => {
    const { page } = brunoSees;
    await page.goto(cutterPath);
    await page.getByRole("button", { name: "Remember this tool" }).click();
    await page.getByRole("button", { name: "Forget this tool" }).waitFor();
    await page.goto("/shed");
    await page.getByRole("link", { name: cutter }).waitFor();
    await page.goto(cutterPath);
    await page.getByRole("button", { name: "Forget this tool" }).click();
    await page.getByRole("button", { name: "Remember this tool" }).waitFor();
    brunoSees.assertQuiet();
  }));

  test("Bruno asks, Ada lends, and the days are taken", () => seen(adaSees, "tool-library-loan", async () => {
    await brunoSees.page.goto(cutterPath);
    await brunoSees.page.getByText("Free on those days").waitFor();
    await brunoSees.page.getByLabel("A word to the owner").fill("For the bathroom");
    await brunoSees.page.getByRole("button", { name: "Ask to borrow" }).click();
    const asked = brunoSees.page.getByTestId("borrowing-loan").filter({ hasText: cutter });
    await asked.getByText("requested").waitFor();
    await asked.getByText("from Ada").waitFor();

    await adaSees.page.goto("/shed");
    const request = adaSees.page.getByTestId("lending-loan").filter({ hasText: cutter });
    await request.getByText("to Bruno").waitFor();
    await request.getByText("For the bathroom").waitFor();
    await request.getByRole("button", { name: "Lend it" }).click();
    await request.getByText("approved").waitFor();

    await brunoSees.page.reload();
    await asked.getByText("approved").waitFor();
    await brunoSees.page.goto(cutterPath);
    await brunoSees.page.getByText("Somebody else has it on those days").waitFor();
    adaSees.assertQuiet();
    brunoSees.assertQuiet();
  }));

  test("a passer-by sees neither sheds nor people", async () => {
    const who = await visitor(browser, app);
    await seen(who, "tool-library-anon", async () => {
      assert.deepEqual(await onTheWall(who.page, mark), [cutter]);
      await who.page.getByText("A neighbour's shed").waitFor();
      await who.page.goto(secretPath);
      await who.page.getByRole("heading", { name: "This hook is empty" }).waitFor();
    });
    who.assertQuiet();
    await who.close();
  });

  test("signing out ends it; a wrong password is said; the right one opens the shed", () => seen(adaSees, "tool-library-again", async () => {
    const { page } = adaSees;
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    await page.goto("/auth");
    await page.getByLabel("Email").fill(ada.email);
    await page.getByLabel("Password").fill("not-the-password");
    await adaSees.expectTrouble(/400.*\/auth\/v1\/token/, async () => {
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("alert").getByText("Invalid login credentials").waitFor();
    });
    await page.getByLabel("Password").fill(ada.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { name: "Ada's shed" }).waitFor();
    adaSees.assertQuiet();
  }));
});
