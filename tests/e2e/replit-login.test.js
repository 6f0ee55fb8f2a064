// SPDX-License-Identifier: Apache-2.0
//
// An export with Replit's login, unchanged (replit-guest-book, in the shape that Replit's template has: openid-client,
// passport, sessions in PostgreSQL, secure cookies), in Chromium that trusts the authority of this machine as a person
// would make it. A Freehold of its own, since https is set for it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { Freehold } from "../system/freehold.mjs";
import { chromiumFlags } from "./lib/browser.js";
import { chromiumPath } from "./lib/env.js";

const app = "guests";
const rita = { email: "rita@lane.example", password: "long-enough-1" };

describe("an export with Replit's login", () => {
  let f, home, browser, authority, base;

  before(async () => {
    f = await Freehold.start();
    await f.deploy(path.join(import.meta.dirname, "replit-guest-book"), app);
    authority = (await f.cli("trust")).stdout;
    base = `https://${app}.localhost:${f.tlsPort}`;
    home = await mkdtemp(path.join(os.tmpdir(), "fh-browser-"));
    const [store, file] = [path.join(home, ".pki/nssdb"), path.join(home, "authority.pem")];
    await mkdir(store, { recursive: true });
    await writeFile(file, authority);
    execFileSync("certutil", ["-d", `sql:${store}`, "-N", "--empty-password"]);
    execFileSync("certutil", ["-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "freehold", "-i", file]);
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags("127.0.0.1"), env: { ...process.env, HOME: home } });
  });
  after(async () => {
    await browser?.close();
    await f?.end();
    if (home) await rm(home, { recursive: true, force: true });
  });

  // As Node asks that trusts nothing but the authority: the certificate's chain and name are checked.
  const ask = (url, { host = `${app}.localhost`, ca = authority, port = f.tlsPort } = {}) => new Promise((resolve, reject) => {
    https.get({ host: "127.0.0.1", port, path: url, servername: host, ca, agent: false, headers: { host } }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (chunk) => { text += chunk; }).on("end", () => resolve({ status: reply.statusCode, headers: reply.headers, text, certificate: reply.socket.getPeerCertificate() }));
    }).on("error", reject);
  });

  test("https is there, with a certificate of the authority and nobody else's", async () => {
    const page = await ask("/");
    assert.equal(page.status, 200);
    assert.match(page.text, /Guest book/);
    await assert.rejects(ask("/", { ca: [] }), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    await assert.rejects(ask("/", { host: "nobody.localhost" }));
    await assert.rejects(ask("/", { host: `../given/${app}.localhost` }));
  });

  test("signs up, writes, signs out and in again, in a browser", async () => {
    const context = await browser.newContext();
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const failed = [];
    page.on("requestfailed", (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
    await page.goto(`${base}/`);
    await page.click("text=Log in");
    await page.fill("input[name=email]", rita.email);
    await page.fill("input[name=password]", rita.password);
    await page.click("button[value=sign_up]");
    await page.waitForSelector(`text=Welcome, ${rita.email}`);
    assert.equal(page.url(), `${base}/`);
    const cookie = (await context.cookies()).find(({ name }) => name === "connect.sid");
    assert.deepEqual([cookie.secure, cookie.httpOnly], [true, true]);
    await page.fill("input[name=words]", "What a wall");
    await page.click("text=Write");
    await page.waitForSelector(`text=What a wall, ${rita.email}`);
    await page.click("text=Log out");
    await page.waitForSelector("text=Log in");
    assert.equal(new URL(page.url()).origin, base);
    await page.click("text=Log in");
    await page.fill("input[name=email]", rita.email);
    await page.fill("input[name=password]", rita.password);
    await page.click("button[value=sign_in]");
    await page.waitForSelector(`text=Welcome, ${rita.email}`);
    assert.deepEqual(failed, []);
    await context.close();
  });

  test("who comes by http is sent there when the owner wants it, and what scripts ask is not", async () => {
    assert.equal((await f.get(app, "/")).status, 200);
    const set = await f.cli("tls", app, "redirect", "on");
    assert.equal(set.code, 0, set.all);
    const sent = await f.get(app, "/deep/page?x=1&y=2");
    assert.deepEqual([sent.status, sent.headers.location], [308, `${base}/deep/page?x=1&y=2`]);
    assert.equal((await f.get(app, "/auth/v1/health")).status, 200);
    assert.ok((await f.served(app)) >= 1);
    assert.equal((await f.api("GET", `/v1/apps/${app}`)).body.url, base);
    const again = await f.deploy(path.join(import.meta.dirname, "replit-guest-book"), app);
    assert.equal(JSON.parse((await ask("/.well-known/freehold")).text).release, again);
    await f.cli("tls", app, "redirect", "off");
    assert.equal((await f.get(app, "/")).status, 200);
  });

  test("a certificate of one's own is served at once, and the local one again", async () => {
    const [key, cert] = ["own.key", "own.pem"].map((name) => path.join(home, name));
    const make = (name) => execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "9", "-subj", "/CN=own", "-addext", `subjectAltName=DNS:${name}`], { stdio: "ignore" });
    make("shop.example");
    const wrong = await f.cli("tls", app, "set", "--cert", cert, "--key", key);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.all, /the certificate is for shop\.example, not for guests\.localhost/);
    make(`${app}.localhost`);
    const set = await f.cli("tls", app, "set", "--cert", cert, "--key", key);
    assert.equal(set.code, 0, set.all);
    await assert.rejects(ask("/"));
    const own = execFileSync("cat", [cert]);
    assert.equal((await ask("/", { ca: own })).status, 200);
    await f.killDaemon();
    await f.startDaemon();
    assert.equal((await ask("/", { ca: own })).status, 200);
    assert.equal((await f.cli("tls", app, "reset")).code, 0);
    assert.equal((await ask("/")).status, 200);
  });
});
