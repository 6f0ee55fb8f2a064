// SPDX-License-Identifier: Apache-2.0
// github.com/AKIRA14-sys/connect-chat: a messenger, rendered by a server (TanStack Start). Two people who write to each other,
// and a third who must not read it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const title = /WHATSXUP/;

// Fonts from elsewhere; it embeds profiles in blocks, and no foreign key leads there; and presence, calls and pictures are not
// served yet, which it logs.
export const ownTrouble = /foreign: https:\/\/fonts\.|PGRST200|console: .*(realtime|channel|storage|presence)/i;

const word = () => randomBytes(4).toString("hex");

async function join(who, name) {
  const { page } = who;
  await page.goto("/auth", { waitUntil: "networkidle" });
  const create = page.getByRole("button", { name: "Create one" });
  if (await create.isVisible()) await create.click();
  await page.getByLabel("Email").fill(`${name}@example.com`);
  await page.getByLabel("Password").fill(`secret-${name}`);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Display name").fill(`The ${name}`);
  await page.getByRole("button", { name: "Start chatting" }).click();
  await page.waitForURL("**/chats");
}

export async function drive({ visitor, step, get }) {
  const mark = word();
  const names = ["ann", "ben", "cat"].map((name) => `${name}${mark}`);
  const [ann, ben, cat] = [await visitor("ann"), await visitor("ben"), await visitor("cat")];
  assert.match(await get("/auth"), /WHATSXUP/);
  step("the page comes rendered from the server");

  for (const [i, who] of [ann, ben, cat].entries()) await join(who, names[i]);
  step("three people sign up and name themselves through the app's forms");

  await ann.page.goto("/contacts");
  await ann.page.getByPlaceholder("Search @username").fill(names[1]);
  await ann.page.getByText(`@${names[1]}`).waitFor();
  await ann.page.getByTitle("Add contact").click();
  await ann.page.getByRole("button", { name: "Message", exact: true }).click();
  await ann.page.getByPlaceholder(/^Message/).fill(`hello ${mark}`);
  await ann.page.keyboard.press("Enter");
  await ann.page.getByText(`hello ${mark}`).first().waitFor();
  step("one finds the other, adds and writes to them");

  // What it fetched before is kept for half a minute, and what came since is to be told by realtime.
  await ben.page.evaluate(() => Object.keys(localStorage).filter((name) => !/auth-token/.test(name)).forEach((name) => localStorage.removeItem(name)));
  await ben.page.goto("/chats");
  await ben.page.getByText(`hello ${mark}`).first().waitFor();
  step("the other reads it");

  const messages = async (who) => (await who.rest("GET", "messages?select=content")).body;
  assert.deepEqual(await messages(ben), [{ content: `hello ${mark}` }]);
  assert.deepEqual(await messages(cat), []);
  assert.deepEqual((await cat.rest("GET", "contacts?select=id")).body, []);
  step("the third reads neither message nor contact");
}
