// SPDX-License-Identifier: Apache-2.0
// github.com/202510085/Waha-Smart-Rural-Services-Platform: services of a village, in Arabic. Its own words are used in
// English, which it knows too; fields without a name are found by their type.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const title = /واحة/;

// Fonts and pictures it fetches from elsewhere, an icon that it names and does not bring, what its assistant answers without a key.
export const ownTrouble = /foreign: https:\/\/(fonts\.|images\.)|404 GET \/vite\.svg|Edge function error|503 POST \/functions\/v1\/chat/;

const word = () => randomBytes(4).toString("hex");

async function open(who) {
  await who.page.addInitScript(() => localStorage.setItem("waaha-lang", "en"));
  await who.page.goto("/", { waitUntil: "networkidle" });
}

async function join(who, name, mark) {
  const { page } = who;
  const email = `${name}-${mark}@example.com`;
  await page.locator("header").getByRole("button", { name: "Sign In" }).click();
  await page.getByRole("button", { name: "Create Account" }).first().click();
  const form = page.locator("form");
  await form.locator("input[type=text]").fill(`${name} ${mark}`);
  await form.locator("input[type=tel]").fill("501234567");
  await form.locator("input[type=email]").fill(email);
  await form.locator("input[type=password]").first().fill(`pw-${mark}`);
  await form.locator("input[type=password]").last().fill(`pw-${mark}`);
  const made = page.waitForResponse((reply) => reply.url().includes("/rest/v1/profiles") && reply.request().method() === "POST");
  await form.locator("button[type=submit]").click();
  assert.equal((await made).status(), 201);
  await page.reload({ waitUntil: "networkidle" });
  await page.locator("header").getByText(`${name} ${mark}`).waitFor();
  return email;
}

async function ask(who, mark) {
  const { page } = who;
  await page.locator("header nav").getByRole("button", { name: "Health", exact: true }).click();
  await page.getByRole("heading", { name: /Health|الصحة/ }).first().waitFor();
  await page.locator("main button:has(svg.lucide-stethoscope)").click();
  await page.locator("form input[type=number]").fill("45");
  await page.locator("form textarea").fill(`a cough ${mark}`);
  await page.locator("form button[type=submit]").click();
  await page.getByText(`a cough ${mark}`).waitFor();
}

async function callForHelp(who) {
  const { page } = who;
  const logged = page.waitForResponse((reply) => reply.url().includes("/rest/v1/emergency_requests"));
  await page.getByRole("button", { name: "SOS" }).first().click();
  await page.locator("main").getByRole("button", { name: "SOS", exact: true }).click();
  assert.equal((await logged).status(), 201);
}

// Its assistant is a function that wants a key of Google's: it runs, and says itself that it has none.
async function talk(who) {
  const { page } = who;
  const asked = page.waitForResponse((reply) => reply.url().includes("/functions/v1/chat"));
  await page.goto("/", { waitUntil: "networkidle" });
  await page.locator("header").getByRole("button", { name: "Assistant" }).click();
  await page.locator("input[type=text]").last().fill("Where is the market?");
  await page.keyboard.press("Enter");
  const reply = await asked;
  assert.deepEqual([reply.status(), (await reply.json()).error], [503, 'GEMINI_API_KEY not configured on server.']);
}

export async function drive({ visitor, step }) {
  const mark = word();
  const [amal, badr] = [await visitor("amal"), await visitor("badr")];
  await open(amal);
  await amal.page.getByRole("button", { name: "Health" }).first().waitFor();
  step("the home page renders");

  await open(badr);
  const email = await join(amal, "amal", mark);
  await join(badr, "badr", mark);
  step("two people sign up through the app's form, and their profiles are read back");

  await ask(amal, mark);
  await callForHelp(amal);
  step("a consultation and an emergency are filed through the app's forms");

  const calls = async (who) => (await who.rest("GET", "emergency_requests?select=emergency_type,status")).body;
  assert.equal((await calls(amal)).length, 1);
  assert.deepEqual(await calls(badr), []);
  assert.deepEqual((await badr.rest("GET", "profiles?select=full_name")).body, [{ full_name: `badr ${mark}` }]);
  const changed = await badr.rest("PATCH", "health_requests?status=neq.x", { status: "mine" });
  assert.deepEqual([changed.status, changed.body], [200, []]);
  step("the other one sees neither emergency nor profile, and changes nothing");

  await talk(badr);
  step("the assistant's function runs, and says itself that it has no key");

  await signOutAndIn(amal, email, mark);
  step("signing out and in again through the app's form");
}

async function signOutAndIn({ page }, email, mark) {
  await page.goto("/", { waitUntil: "networkidle" });
  await page.locator("header").getByText(`amal ${mark}`).click();
  await page.getByText(`a cough ${mark}`).waitFor();
  await page.locator("main button:has(svg.lucide-log-out)").click();
  await page.locator("header").getByRole("button", { name: "Sign In" }).click();
  await page.locator("form input[type=email]").fill(email);
  await page.locator("form input[type=password]").fill(`pw-${mark}`);
  await page.locator("form button[type=submit]").click();
  await page.locator("header").getByText(`amal ${mark}`).waitFor();
}
