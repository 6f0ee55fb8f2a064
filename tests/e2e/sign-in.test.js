// SPDX-License-Identifier: Apache-2.0
//
// A person's way through sign-in, in Chromium, on examples/tool-library of a Freehold of its own: with a real mail server
// and a real OpenID Connect server on loopback. What the example has no button for, the page's own supabase-js is asked.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Freehold, example, until } from "../system/freehold.mjs";
import { launch, seen } from "./lib/browser.js";
import { Mailbox, codeOf, linkOf } from "./lib/mailbox.js";
import { openIssuer, signInThere } from "./lib/issuer.js";

const APP = "neighbours";
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const supabaseJs = path.join(here, "node_modules/@supabase/supabase-js/dist/umd/supabase.js");
const cloudAuthJs = path.join(here, "node_modules/@lovable.dev/cloud-auth-js/dist/index.js");

const base32 = (text) => {
  let bits = "";
  for (const c of text) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0");
  return Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
};
const totp = (secret) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", base32(secret)).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};

describe("signing in, a person's way", () => {
  const ada = { email: "ada@street.example", password: "first-password", name: "Ada" };
  let f, mailbox, issuer, browser, page, keys, origin;
  const cli = async (...args) => {
    const out = await f.cli(...args);
    assert.equal(out.code, 0, out.all);
    return out;
  };

  // A page of the app whose own session a second supabase-js shares.
  async function open(at = "/") {
    const context = await browser.newContext({ baseURL: origin, viewport: { width: 1280, height: 860 } });
    context.setDefaultTimeout(15_000);
    const made = await context.newPage();
    await made.goto(at);
    return made;
  }

  async function call(on, step, arg) {
    if (!(await on.evaluate(() => "supabase" in window))) await on.addScriptTag({ path: supabaseJs });
    return on.evaluate(async ([source, url, key, given]) => {
      window.client ??= window.supabase.createClient(url, key, { auth: { storage: localStorage } });
      const { data, error } = await new Function(`return ${source}`)()(window.client.auth, given);
      return { data: data && JSON.parse(JSON.stringify(data)), error: error && { code: error.code, status: error.status, message: error.message } };
    }, [step.toString(), origin, keys.anon, arg]);
  }
  const good = async (...args) => {
    const { data, error } = await call(...args);
    assert.equal(error, null, JSON.stringify(error));
    return data;
  };

  const shed = (on, name) => on.getByRole("heading", { name: `${name}'s shed` }).waitFor();
  async function fill(on, email, password) {
    await on.goto("/auth");
    await on.getByLabel("Email").fill(email);
    await on.getByLabel("Password").fill(password);
    await on.getByRole("button", { name: "Sign in" }).click();
  }
  // The page was sent back with tokens, and supabase-js has taken them up.
  const landed = async (on) => {
    await on.waitForURL((url) => url.origin === origin);
    await on.waitForFunction(() => Object.keys(localStorage).some((key) => key.endsWith("auth-token")));
  };
  const signOut = async (on) => {
    await good(on, (auth) => auth.signOut({ scope: "local" }));
    await on.goto("/auth");
    await on.getByRole("button", { name: "Sign in" }).waitFor();
  };

  before(async () => {
    f = await Freehold.start();
    mailbox = await Mailbox.open();
    await f.deploy(example("tool-library"), APP);
    const { body } = await f.api("GET", `/v1/apps/${APP}`);
    keys = body.keys;
    origin = body.url;
    issuer = await openIssuer({
      ada: { email: "ada@new.example", email_verified: true, name: "Ada of Acme" },
      bea: { email: "bea@acme.example", email_verified: true, name: "Bea" },
      mallory: { email: "ada@new.example", email_verified: false, name: "Not Ada" },
    }, { client_id: "tools", client_secret: "shh", redirect_uris: [`${origin}/auth/v1/callback`] });
    await cli("auth", APP, "smtp", `127.0.0.1:${mailbox.port}`, "--from", "shed@street.example", "--sender", "The Shed");
    await cli("auth", APP, "provider", "google", "--client-id", "tools", "--url", issuer.url, { input: "shh\n" });
    await cli("auth", APP, "provider", "acme", "--client-id", "tools", "--url", issuer.url, { input: "shh\n" });
    await cli("auth", APP, "set", "email.max_frequency=1s");
    await until("the settings hold", async () => (await f.get(APP, "/auth/v1/settings", { headers: { apikey: keys.anon } })).body.mailer_autoconfirm === false);
    browser = await launch();
    page = await open();
  });
  after(async () => {
    await browser?.close();
    await mailbox?.stop();
    issuer?.close();
    await f?.end();
  });

  test("signs up, and is confirmed by the link of the mail", () => seen({ page }, "sign-in-up", async () => {
    await page.goto("/auth");
    await page.getByRole("button", { name: "New here?" }).click();
    await page.getByLabel("Name").fill(ada.name);
    await page.getByLabel("Street").fill("Lime Lane 7");
    await page.getByLabel("Email").fill(ada.email);
    await page.getByLabel("Password").fill(ada.password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("follow the link in the mail").waitFor();
    const mail = await mailbox.next(ada.email);
    assert.equal(mail.subject, "Confirm your address");
    assert.match(codeOf(mail), /^\d{6}$/);
    assert.match(mail.html, /Confirm my address/);
    await fill(page, ada.email, ada.password);
    await page.getByText("Email not confirmed").waitFor();
    await page.goto(linkOf(mail));
    await landed(page);
    await page.goto("/shed");
    await shed(page, ada.name);
    await page.goto(linkOf(mail)); // a link is good once
    await page.waitForURL(/error_code=otp_expired/);
  }));

  test("signs in with the password", () => seen({ page }, "sign-in-password", async () => {
    await signOut(page);
    await fill(page, ada.email, "not-the-password");
    await page.getByText("Invalid login credentials").waitFor();
    await fill(page, ada.email, ada.password);
    await shed(page, ada.name);
  }));

  test("resets the password through the mail, while the mail server was away", () => seen({ page }, "sign-in-reset", async () => {
    await signOut(page);
    await mailbox.stop();
    await good(page, (auth, to) => auth.resetPasswordForEmail(to.email, { redirectTo: `${location.origin}/auth` }), ada);
    await until("a first attempt failed", async () => /will be tried again/.test((await cli("mail", APP)).stdout));
    await mailbox.start();
    await cli("mail", APP, "retry");
    const mail = await mailbox.next(ada.email);
    assert.equal(mail.subject, "Choose a new password");
    await page.goto(linkOf(mail));
    await shed(page, ada.name);
    ada.password = "second-password";
    await good(page, (auth, password) => auth.updateUser({ password }), ada.password);
    await signOut(page);
    await fill(page, ada.email, ada.password);
    await shed(page, ada.name);
  }));

  test("changes the address: both must agree", () => seen({ page }, "sign-in-address", async () => {
    const wanted = "ada@new.example";
    await good(page, (auth, email) => auth.updateUser({ email }), wanted);
    const [old, fresh] = [await mailbox.next(ada.email), await mailbox.next(wanted)];
    await page.goto(linkOf(old));
    await page.waitForURL((url) => url.origin === origin);
    assert.equal((await good(page, (auth) => auth.getUser())).user.email, ada.email);
    await page.goto(linkOf(fresh));
    await page.waitForURL((url) => url.origin === origin);
    ada.email = wanted;
    assert.equal((await good(page, (auth) => auth.getUser())).user.email, wanted);
    await signOut(page);
    await fill(page, ada.email, ada.password);
    await shed(page, ada.name);
  }));

  test("signs in with another service: a new neighbour, and one whose address is known", async () => {
    const bea = await open("/auth");
    await seen({ page: bea }, "sign-in-provider", async () => {
      const { url } = await good(bea, (auth) => auth.signInWithOAuth({ provider: "acme", options: { redirectTo: `${location.origin}/shed`, skipBrowserRedirect: true } }));
      await bea.goto(url);
      await signInThere(bea, "bea");
      await bea.waitForURL(`${origin}/shed**`);
      const { user } = await good(bea, (auth) => auth.getUser());
      assert.equal(user.email, "bea@acme.example");
      assert.deepEqual(user.app_metadata, { provider: "acme", providers: ["acme"] });
      assert.equal(user.user_metadata.full_name, "Bea");
    });
    await bea.context().close();
    const again = await open("/auth");
    const { url } = await good(again, (auth) => auth.signInWithOAuth({ provider: "acme", options: { redirectTo: `${location.origin}/shed`, skipBrowserRedirect: true } }));
    await again.goto(url);
    await signInThere(again, "ada");
    await again.waitForURL(`${origin}/shed**`);
    await shed(again, ada.name);
    const { user } = await good(again, (auth) => auth.getUser());
    assert.deepEqual(user.app_metadata.providers.sort(), ["acme", "email"]);
    await again.context().close();
  });

  test("an address that the service has not verified opens nobody's account", async () => {
    const mallory = await open("/auth");
    const { url } = await good(mallory, (auth) => auth.signInWithOAuth({ provider: "acme", options: { redirectTo: `${location.origin}/shed`, skipBrowserRedirect: true } }));
    await mallory.goto(url);
    await signInThere(mallory, "mallory");
    await mallory.waitForURL(/error_code=provider_email_needs_verification/);
    assert.equal((await call(mallory, (auth) => auth.getSession())).data.session, null);
    await mallory.context().close();
  });

  test("the builder's own button signs in", async () => {
    const bea = await open("/auth");
    await bea.addScriptTag({ type: "module", content: `${await readFile(cloudAuthJs, "utf8")}\nwindow.builder = createLovableAuth();` });
    await bea.waitForFunction(() => "builder" in window);
    await bea.evaluate(() => { window.builder.signInWithOAuth("google"); });
    await bea.waitForURL(`${issuer.url}/**`);
    await signInThere(bea, "bea");
    await landed(bea);
    await bea.goto("/shed");
    const { user } = await good(bea, (auth) => auth.getUser());
    assert.deepEqual(user.app_metadata.providers.sort(), ["acme", "google"]);
    await bea.context().close();
  });

  test("a second factor", () => seen({ page }, "sign-in-factor", async () => {
    const { id, totp: made } = await good(page, (auth) => auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" }));
    await good(page, (auth, given) => auth.mfa.challengeAndVerify(given), { factorId: id, code: totp(made.secret) });
    await signOut(page);
    await fill(page, ada.email, ada.password);
    await shed(page, ada.name);
    const before = await good(page, (auth) => auth.mfa.getAuthenticatorAssuranceLevel());
    assert.deepEqual([before.currentLevel, before.nextLevel], ["aal1", "aal2"]);
    const wrong = await call(page, (auth, given) => auth.mfa.challengeAndVerify(given), { factorId: id, code: "000000" });
    assert.equal(wrong.error.code, "mfa_verification_failed");
    await good(page, (auth, given) => auth.mfa.challengeAndVerify(given), { factorId: id, code: totp(made.secret) });
    assert.equal((await good(page, (auth) => auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");
  }));

  test("signs out everywhere", () => seen({ page }, "sign-in-out", async () => {
    const other = await open("/auth");
    await fill(other, ada.email, ada.password);
    await shed(other, ada.name);
    await good(page, (auth) => auth.signOut());
    const there = await call(other, (auth) => auth.getUser());
    assert.match(there.error.message, /session missing/i); // what auth-js makes of session_not_found
    await other.context().close();
  }));
});
