// SPDX-License-Identifier: Apache-2.0
// github.com/919Motorsports/rocktone-vinyl-exchange: a market for records. A seller, a buyer who makes an offer, and a
// stranger who must not see it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const title = /Rocktone Marketplace/;

// The app embeds profiles in offers, and no foreign key leads there: so it says wherever it runs. And it logs what its
// functions, which are not served yet, answered.
export const ownTrouble = /PGRST200|Error (fetching (buyer )?offers|checking subscription)|Image upload error|Error uploading/;

const word = () => randomBytes(4).toString("hex");
const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

async function join(who, name, mark) {
  const { page } = who;
  const email = `${name}-${mark}@example.com`;
  await page.goto("/auth");
  await page.getByRole("button", { name: "Sign up" }).last().click();
  await page.getByLabel("Full Name").fill(`${name} ${mark}`);
  await page.getByLabel("Username").fill(`${name}${mark}`);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(`pw-${mark}`);
  await page.getByRole("button", { name: "Create Account" }).click();
  await page.getByRole("button", { name: "Dashboard" }).waitFor();
  return email;
}

// Its listing wants two pictures first, and pictures are not served yet.
async function list(who) {
  const { page } = who;
  await page.goto("/create-listing");
  await page.getByLabel("Album Name").fill("No Picture");
  await page.getByLabel("Artist").fill("Nobody");
  await page.getByLabel("Price").fill("20");
  await page.locator("input[type=file]").setInputFiles([1, 2].map((n) => ({ name: `${n}.png`, mimeType: "image/png", buffer: dot })));
  await page.getByRole("button", { name: "Create Listing" }).click();
  await page.getByText(/upload/i).first().waitFor();
}

export async function drive({ visitor, step }) {
  const mark = word();
  const [seller, buyer, stranger] = [await visitor("seller"), await visitor("buyer"), await visitor("stranger")];
  await seller.page.goto("/", { waitUntil: "networkidle" });
  await seller.page.getByRole("heading", { name: "New Arrivals" }).waitFor();
  step("the landing page renders");

  const email = await join(seller, "sally", mark);
  await join(buyer, "bob", mark);
  await join(stranger, "sten", mark);
  step("three people sign up through the app's form, and are in");

  await list(seller);
  step("a listing with pictures is refused in words while storage is not served");
  const me = (await seller.rest("GET", "profiles?select=user_id&limit=1")).user.id;
  const added = await seller.rest("POST", "vinyl_records", { seller_id: me, album_name: `Blue ${mark}`, artist: "Trio", condition: "Mint", price: 120, images: [] });
  assert.equal(added.status, 201, JSON.stringify(added.body));
  const forged = await stranger.rest("POST", "vinyl_records", { seller_id: me, album_name: "x", artist: "x", condition: "Mint", price: 1 });
  assert.deepEqual([forged.status, forged.body.code], [403, "42501"]);

  await buyer.page.goto("/");
  await buyer.page.getByText(`Blue ${mark}`).first().waitFor();
  await buyer.page.getByRole("button", { name: "MAKE OFFER" }).first().click();
  await buyer.page.getByLabel("Your Offer").fill("99.5");
  await buyer.page.getByLabel("Message").fill(`for ${mark}`);
  await buyer.page.getByRole("button", { name: "Submit Offer" }).click();
  await buyer.page.getByText("Offer submitted!").first().waitFor();
  step("the record is on the page, and an offer is made through the app's form");

  const offers = async (who) => (await who.rest("GET", "offers?select=amount,message,vinyl_records(album_name)")).body;
  const offer = { amount: 99.5, message: `for ${mark}`, vinyl_records: { album_name: `Blue ${mark}` } };
  assert.deepEqual(await offers(buyer), [offer]);
  assert.deepEqual(await offers(seller), [offer]);
  assert.deepEqual(await offers(stranger), []);
  step("buyer and seller read the offer, the stranger does not");

  await seller.page.goto("/dashboard");
  await seller.page.getByRole("tab", { name: "My Listings" }).click();
  await seller.page.getByText(`Blue ${mark}`).waitFor();
  await stranger.page.goto("/dashboard");
  await stranger.page.getByRole("tab", { name: "My Listings" }).click();
  await stranger.page.getByText("No listings yet").waitFor();
  step("the dashboard shows each their own");

  await signOutAndIn(seller, email, mark);
  step("signing out and in again through the app's form");
}

async function signOutAndIn({ page }, email, mark) {
  await page.goto("/");
  await page.locator("header button[aria-haspopup=menu]").click();
  await page.getByRole("menuitem", { name: "Sign Out" }).click();
  await page.getByRole("button", { name: "Login" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(`pw-${mark}`);
  await page.getByRole("button", { name: "Sign In", exact: true }).click();
  await page.getByRole("button", { name: "Dashboard" }).waitFor();
}
