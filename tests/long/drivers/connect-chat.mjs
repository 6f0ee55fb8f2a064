// SPDX-License-Identifier: Apache-2.0
// github.com/AKIRA14-sys/connect-chat: a messenger, rendered by a server (TanStack Start). Two people who write to each other, see
// each other there and send a picture, and a third who must not read it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const title = /WHATSXUP/;

// Fonts from elsewhere; and it embeds profiles in blocks, and no foreign key leads there.
export const ownTrouble = /foreign: https:\/\/fonts\.|PGRST200/i;

const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
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

  await ben.page.getByText(`hello ${mark}`).first().click();
  await ben.page.getByPlaceholder(/^Message/).waitFor();
  for (const { page } of [ann, ben]) await page.getByText("online", { exact: true }).waitFor();
  step("each sees the other online (presence)");

  await ben.page.getByPlaceholder(/^Message/).pressSequentially(`and you ${mark}`, { delay: 20 });
  await ann.page.getByText("is typing…").first().waitFor();
  await ben.page.keyboard.press("Enter");
  await ann.page.getByText(`and you ${mark}`).first().waitFor();
  step("one sees the other type (broadcast), and the answer comes without a reload");

  await ann.page.locator("input[type=file]").first().setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: dot });
  const picture = ben.page.getByAltText("Shared").first();
  await picture.waitFor();
  await ben.page.waitForFunction(() => document.querySelector("img[alt=Shared]")?.naturalWidth > 0);
  const address = await picture.getAttribute("src");
  assert.match(address, /\/storage\/v1\/object\/sign\/chat-media\/[^?]+\?token=/);
  // Who has no address of it asks as themselves; an address without its token is none.
  const asked = await cat.page.evaluate(async ({ at, key }) => {
    const name = Object.keys(localStorage).find((it) => /^sb-.*-auth-token$/.test(it));
    const headers = { apikey: key, authorization: `Bearer ${JSON.parse(localStorage.getItem(name)).access_token}`, "content-type": "application/json", "x-driver": "1" };
    const sign = await fetch(at, { method: "POST", headers, body: JSON.stringify({ expiresIn: 60 }) });
    const read = await fetch(at.replace("/object/sign/", "/object/authenticated/"), { headers });
    const bare = await fetch(at, { headers });
    return [sign.status, read.status, bare.status];
  }, { at: address.split("?")[0], key: cat.key });
  assert.deepEqual(asked, [400, 400, 400]);
  step("a picture is sent, and seen by its signed address; a stranger has none");

  await ann.page.goto("about:blank");
  await ben.page.getByText("online", { exact: true }).waitFor({ state: "detached" });
  step("who leaves is no longer online");

  const messages = async (who) => (await who.rest("GET", "messages?select=content")).body;
  assert.deepEqual((await messages(ben)).map((row) => row.content).filter(Boolean).sort(), [`and you ${mark}`, `hello ${mark}`]);
  assert.deepEqual(await messages(cat), []);
  assert.deepEqual((await cat.rest("GET", "contacts?select=id")).body, []);
  step("the third reads neither message nor contact");
}
