// SPDX-License-Identifier: Apache-2.0
// examples/studio-daybook in a browser: from an empty book to a paid invoice. The environment is described in lib/env.js.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, seen, visitor } from "./lib/browser.js";
import { address, connect, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";
import { servedSinglePageApp } from "./lib/served.js";

const app = appFromEnv("studio-daybook");

async function join(page, email, password) {
  await page.goto("/");
  await page.getByRole("button", { name: "New here?" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "The week" }).waitFor();
}

describe("studio-daybook, served", () => servedSinglePageApp(app, "/invoices/1"));

describe("studio-daybook, used", () => {
  const odile = { email: address("odile"), password: `pw-${word()}` };
  let browser;
  let owner;
  let other;
  let clientPath;
  let invoicePath;

  before(async () => {
    browser = await launch();
    owner = await visitor(browser, app);
    other = await visitor(browser, app);
  });
  after(() => browser?.close());

  test("the owner signs up and fills a week, which a reload keeps", () => seen(owner, "daybook-week", async () => {
    const { page } = owner;
    await join(page, odile.email, odile.password);
    assert.equal(await page.getByTestId("whoami").innerText(), odile.email);
    await page.getByRole("button", { name: "Fill in a sample week" }).click();
    await page.getByTestId("session").nth(4).waitFor();
    await page.reload();
    await page.getByTestId("session").nth(4).waitFor();
    assert.equal(await page.getByTestId("session").count(), 5);
    await page.getByText("€1,550.00").waitFor();
    owner.assertQuiet();
  }));

  test("what is done becomes an invoice, and the invoice gets paid", () => seen(owner, "daybook-invoice", async () => {
    const { page } = owner;
    await page.getByRole("button", { name: "Portraits, first set is done" }).click();
    await page.getByTestId("session").filter({ hasText: "Portraits, first set" }).locator(".line-through").waitFor();
    await page.getByTestId("session").filter({ hasText: "Portraits, first set" }).getByRole("link").click();
    await page.getByRole("heading", { name: "Odile Marchetti" }).waitFor();
    clientPath = new URL(page.url()).pathname;
    await page.getByRole("button", { name: "Bill what is done" }).click();
    await page.getByTestId("number").waitFor();
    invoicePath = new URL(page.url()).pathname;
    assert.match(await page.getByTestId("number").innerText(), /^\d{4}-0001$/);
    assert.equal(await page.getByTestId("total").innerText(), "€340.00");
    await page.getByRole("button", { name: "Mark as sent" }).click();
    await page.getByRole("button", { name: "Write a reminder" }).click();
    const letter = page.getByTestId("letter");
    await letter.getByText(/Dear Odile Marchetti,\s+invoice \d{4}-0001 over 340\.00 was due on/).waitFor();
    await letter.getByText(odile.email).waitFor();
    await page.getByRole("button", { name: "Money is here" }).click();
    await page.getByText("paid", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("paid", { exact: true }).waitFor();
    await page.goto("/invoices");
    await page.getByTestId("invoice").filter({ hasText: "€340.00" }).waitFor();
    await page.getByText("Nobody owes you anything").waitFor();
    await page.goto("/week");
    assert.equal(await page.locator("dt:text-is('Paid') + dd").innerText(), "€340.00");
    owner.assertQuiet();
  }));

  test("nobody gets a letter about somebody else's invoice", async () => {
    const call = (token) => edgeFetch(`${app.origin}/functions/v1/reminder`, { method: "POST", headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ invoiceId: invoicePath.split("/").at(-1) }) });
    assert.deepEqual([(await call()).status, (await call(app.anonKey())).status], [401, 401]);
    const stranger = connect(app);
    const { data } = await stranger.auth.signUp({ email: address("stranger"), password: `pw-${word()}` });
    const reply = await call(data.session.access_token);
    assert.equal(reply.status, 404);
    assert.deepEqual(await reply.json(), { error: "No such invoice" });
  });

  test("a second bill finds nothing, and a client with invoices stays", () => seen(owner, "daybook-client", async () => {
    const { page } = owner;
    await page.goto(clientPath);
    await page.getByRole("button", { name: "Bill what is done" }).click();
    await page.getByRole("alert").getByText("Nothing to bill").waitFor();
    await owner.expectTrouble(/409.*\/rest\/v1\/clients/, async () => {
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("alert").getByText("the client stays in the book").waitFor();
    });
    owner.assertQuiet();
  }));

  test("clients are added, found and put away", () => seen(owner, "daybook-clients", async () => {
    const { page } = owner;
    await page.goto("/clients");
    await page.getByLabel("Name").fill("Zoë \"100%\" O'Neill, Ltd.");
    await page.getByRole("button", { name: "Add client" }).click();
    await page.getByText("4 clients").waitFor();
    await page.getByLabel("Search clients").fill("zoë");
    await page.getByText("1 client", { exact: true }).waitFor();
    await page.getByTestId("client").getByText("Zoë \"100%\" O'Neill, Ltd.").click();
    await page.getByRole("button", { name: "Put away" }).click();
    await page.getByRole("button", { name: "Take out again" }).waitFor();
    await page.goto("/clients");
    await page.getByTestId("client").nth(3).getByText("put away").waitFor();
    owner.assertQuiet();
  }));

  test("the studio's own row is written once and then changed", () => seen(owner, "daybook-settings", async () => {
    const { page } = owner;
    for (const name of ["Studio North", "Studio North & Light"]) {
      await page.goto("/settings");
      await page.getByLabel("Name").fill(name);
      await page.getByLabel("Currency").selectOption("CHF");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("status").getByText("Saved").waitFor();
    }
    await page.goto(invoicePath);
    await page.getByText("Studio North & Light").waitFor();
    assert.match(await page.getByTestId("total").innerText(), /CHF/);
    owner.assertQuiet();
  }));

  test("another studio sees an empty book, even by the address of a page", () => seen(other, "daybook-other", async () => {
    const { page } = other;
    await join(page, address("else"), `pw-${word()}`);
    await page.getByRole("heading", { name: "A fresh book" }).waitFor();
    await page.goto("/clients");
    await page.getByText("0 clients").waitFor();
    for (const path of [clientPath, invoicePath]) {
      await page.goto(path);
      await page.getByRole("heading", { name: "This page was torn out" }).waitFor();
    }
    other.assertQuiet();
  }));

  test("signing out closes the book; a wrong password is said; the right one opens it", () => seen(owner, "daybook-again", async () => {
    const { page } = owner;
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Open your book" }).waitFor();
    await page.getByLabel("Email").fill(odile.email);
    await page.getByLabel("Password").fill("not-the-password");
    await owner.expectTrouble(/400.*\/auth\/v1\/token/, async () => {
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").getByText("Invalid login credentials").waitFor();
    });
    await page.getByLabel("Password").fill(odile.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    // the address stayed, so the page opened where it was left
    await page.getByText("Studio North & Light").waitFor();
    owner.assertQuiet();
  }));
});
