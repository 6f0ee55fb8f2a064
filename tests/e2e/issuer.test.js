// SPDX-License-Identifier: Apache-2.0
//
// The app as an OpenID Connect issuer: a server signs people in as Replit's template does it (openid-client's passport
// strategy; ISSUER_URL, REPL_ID), without a change. TLS stands in front of both, as the edge does.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import express from "express";
import session from "express-session";
import * as client from "openid-client";
import { Strategy } from "openid-client/passport";
import passport from "passport";
import { Browser, backend, configure, inside, runInside } from "./lib/bare.js";

if (!inside) runInside(import.meta.url);
else describe("signing in to a server by the app's own issuer", () => {
  const rita = { email: "rita@lane.example", password: "long-enough-1" };
  const browser = new Browser();
  let dir, tls, base, config;

  // What server/replitAuth.ts does.
  function replitServer() {
    const app = express();
    app.set("trust proxy", 1);
    app.use(session({ secret: "s", resave: false, saveUninitialized: false }));
    app.use(passport.initialize());
    app.use(passport.session());
    const verify = (tokens, verified) => verified(null, { claims: tokens.claims(), access_token: tokens.access_token, refresh_token: tokens.refresh_token });
    passport.use(new Strategy({ name: "replitauth:localhost", config, scope: "openid email profile offline_access", callbackURL: `${base}/api/callback` }, verify));
    passport.serializeUser((user, done) => done(null, user));
    passport.deserializeUser((user, done) => done(null, user));
    app.get("/api/login", passport.authenticate("replitauth:localhost", { prompt: "login consent", scope: ["openid", "email", "profile", "offline_access"] }));
    app.get("/api/callback", passport.authenticate("replitauth:localhost", { successReturnToOrRedirect: "/", failureRedirect: "/api/failed" }));
    app.get("/api/logout", (req, res) => req.logout(() => res.redirect(client.buildEndSessionUrl(config, { client_id: process.env.REPL_ID, post_logout_redirect_uri: base }).href)));
    app.get("/api/user", async (req, res) => {
      if (!req.user) return res.sendStatus(401);
      const fresh = await client.refreshTokenGrant(config, req.user.refresh_token);
      res.json({ claims: req.user.claims, fresh: fresh.claims(), info: await client.fetchUserInfo(config, fresh.access_token, req.user.claims.sub) });
    });
    app.get("/", (req, res) => res.send(req.user ? "in" : "out"));
    return app;
  }

  before(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), "issuer-"));
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(dir, name));
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { stdio: "ignore" });
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // the certificate was made a moment ago
    let app;
    const { hostname, port } = new URL(backend.url);
    tls = https.createServer({ key: await readFile(key), cert: await readFile(cert) }, (req, res) => {
      if (!req.url.startsWith("/auth/v1")) return app(req, res);
      req.pipe(http.request({ hostname, port, path: req.url, method: req.method, headers: req.headers }, (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      }));
    });
    await new Promise((resolve) => tls.listen(0, resolve));
    base = `https://localhost:${tls.address().port}`;
    await configure({ site_url: base, external_url: `${base}/auth/v1` });
    Object.assign(process.env, { ISSUER_URL: `${base}/auth/v1/oidc`, REPL_ID: "lane" }); // app/serve_env.h
    config = await client.discovery(new URL(process.env.ISSUER_URL), process.env.REPL_ID);
    app = replitServer();
  });
  after(async () => {
    tls?.closeAllConnections();
    tls?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const typed = (...answers) => ({ fill: () => answers.shift() });

  test("signs up on the page, and the server knows who it is", async () => {
    const there = await browser.go(`${base}/api/login`, typed({ ...rita, password: "short", action: "sign_up" }, { ...rita, action: "sign_up" }));
    assert.deepEqual([there.url, there.text], [`${base}/`, "in"]);
    const { claims, fresh, info } = JSON.parse((await browser.go(`${base}/api/user`)).text);
    assert.equal(claims.email, rita.email);
    assert.equal(claims.iss, process.env.ISSUER_URL);
    assert.equal(claims.aud, "lane");
    assert.ok("first_name" in claims && "last_name" in claims && "profile_image_url" in claims);
    assert.deepEqual([fresh.sub, info.sub, info.email], [claims.sub, claims.sub, rita.email]);
  });

  test("signs out, in again, and not with a wrong password", async () => {
    assert.equal((await browser.go(`${base}/api/logout`)).text, "out");
    const wrong = await browser.go(`${base}/api/login`, typed({ ...rita, password: "not-hers-1", action: "sign_in" }));
    assert.match(wrong.text, /Address or password is not right/);
    assert.match(wrong.headers.get("content-security-policy"), /frame-ancestors 'none'/);
    assert.equal((await browser.go(`${base}/api/login`, typed({ ...rita, action: "sign_in" }))).text, "in");
  });

  test("leads nowhere else, and asks for its proof", async () => {
    const ask = (more) => browser.go(`${base}/auth/v1/oidc/authorize?${new URLSearchParams({ client_id: "lane", redirect_uri: `${base}/api/callback`, response_type: "code", code_challenge: "a".repeat(43), code_challenge_method: "S256", ...more })}`);
    assert.equal((await ask({})).status, 200);
    for (const [more, words] of [
      [{ redirect_uri: "https://evil.example/" }, /none of this app/],
      [{ redirect_uri: `${base}.evil.example/` }, /none of this app/],
      [{ code_challenge: "" }, /lacks its proof/],
      [{ code_challenge_method: "plain" }, /lacks its proof/],
      [{ response_type: "token" }, /does not give/],
      [{ client_id: "<b>" }, /no client/],
    ]) {
      const page = await ask(more);
      assert.equal(page.status, 400);
      assert.match(page.text, words);
    }
    assert.ok(!(await ask({ state: "\"><script>alert(1)</script>" })).text.includes("<script>"));
  });

  test("a code is good once, for its verifier and its address", async () => {
    const verifier = client.randomPKCECodeVerifier();
    const challenge = await client.calculatePKCECodeChallenge(verifier);
    const code = async () => {
      const stop = (url) => url.startsWith(`${base}/api/callback`);
      const { url } = await browser.go(`${base}/auth/v1/oidc/authorize?${new URLSearchParams({ client_id: "lane", redirect_uri: `${base}/api/callback`, response_type: "code", code_challenge: challenge, code_challenge_method: "S256" })}`, { ...typed({ ...rita, action: "sign_in" }), stop });
      return new URL(url).searchParams.get("code");
    };
    const swap = async (form) => {
      const reply = await fetch(`${base}/auth/v1/oidc/token`, { method: "POST", body: new URLSearchParams({ grant_type: "authorization_code", client_id: "lane", redirect_uri: `${base}/api/callback`, code_verifier: verifier, ...form }) });
      return [reply.status, (await reply.json()).error];
    };
    const first = await code();
    assert.deepEqual(await swap({ code: first, code_verifier: "b".repeat(43) }), [400, "invalid_grant"]);
    assert.deepEqual(await swap({ code: first, redirect_uri: `${base}/` }), [400, "invalid_grant"]);
    assert.deepEqual(await swap({ code: first, client_id: "other" }), [400, "invalid_grant"]);
    const both = await Promise.all([swap({ code: first }), swap({ code: first })]);
    assert.deepEqual(both.map(([status]) => status).sort(), [200, 400]);
    assert.deepEqual(await swap({ code: first }), [400, "invalid_grant"]);
    assert.deepEqual(await swap({ grant_type: "password" }), [400, "invalid_request"]);
  });
});
