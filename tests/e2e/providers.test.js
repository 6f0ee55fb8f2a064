// SPDX-License-Identifier: Apache-2.0
//
// What leaves the machine for sign-in, against servers on loopback: a real OpenID Connect server, and small ones that
// answer as GitHub, Apple, Azure, Discord, Facebook, Google, hCaptcha, the list of leaked passwords and an owner's hook do.
import assert from "node:assert/strict";
import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { createClient } from "@supabase/supabase-js";
import { Browser, backend, configure, inside, runInside } from "./lib/bare.js";
import { openIssuer } from "./lib/issuer.js";

if (!inside) runInside(import.meta.url);
else describe("sign-in that asks others", () => {
  const DONE = "http://other.example/done";
  const secret = "v1,whsec_" + Buffer.from("a secret of the hook's own").toString("base64");
  let issuer, elsewhere, at, settings;
  const asked = []; // of the small servers
  const hook = { answer: {} };

  const people = { ada: { email: "Ada@id.example", email_verified: true, name: "Ada" }, cleo: { email: "cleo@id.example", email_verified: true } };
  const replies = {
    "POST /login/oauth/access_token": ({ body }) => body.includes("code=good") ? { access_token: "gh-token" } : { error: "bad_verification_code" },
    "GET /api/v3/user": () => ({ id: 7, login: "octo", name: "Octo Cat", avatar_url: "https://x.example/a.png" }),
    "GET /api/v3/user/emails": () => [{ email: "octo@hub.example", verified: true, primary: true }],
    "POST /captcha": ({ body }) => body.includes("response=right") ? { success: true } : { success: false, "error-codes": ["invalid-input-response"] },
    "POST /hook": () => hook.answer,
  };

  // Issuers below /apple, /google and /azure; what each code is worth is put into `worth`.
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const worth = new Map();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const idToken = (claims) => {
    const text = `${part({ alg: "RS256", kid: "one" })}.${part({ iat: 1, exp: Math.floor(Date.now() / 1000) + 300, ...claims })}`;
    return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
  };
  const exchange = ({ body }) => worth.get(new URLSearchParams(body).get("code")) ?? { error: "invalid_grant" };
  replies["GET /keys"] = () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256", use: "sig" }] });
  for (const path of ["/apple", "/google", "/azure/t1/v2.0"]) {
    replies[`GET ${path}/.well-known/openid-configuration`] = () => ({ issuer: at + path, authorization_endpoint: `${at + path}/authorize`, token_endpoint: `${at + path}/token`, jwks_uri: `${at}/keys` });
    replies[`POST ${path}/token`] = exchange;
  }
  Object.assign(replies, {
    "POST /azure/t1/oauth2/v2.0/token": exchange,
    "POST /api/oauth2/token": exchange,
    "GET /api/users/@me": () => ({ id: "80351110224678912", username: "nelly", discriminator: "0", global_name: "Nelly", avatar: "a_8342", email: "Nelly@discord.example", verified: true }),
    "POST /oauth/access_token": exchange,
    "GET /me": () => ({ id: "9", first_name: "Fay", last_name: "Book", name: "Fay B.", email: "fay@fb.example", picture: { data: { url: "https://x.example/f.png" } } }),
    "GET /.well-known/openid-configuration": () => ({ issuer: at, authorization_endpoint: `${at}/dialog/oauth`, jwks_uri: `${at}/keys` }),
  });

  // Where provider sends a person, and who comes back with that code.
  async function begin(provider) {
    const start = await fetch(`${backend.url}/auth/v1/authorize?provider=${provider}&redirect_to=${DONE}`, { redirect: "manual" });
    const to = new URL(start.headers.get("location"));
    return { to, state: to.searchParams.get("state"), nonce: to.searchParams.get("nonce") };
  }
  async function arrive(url) {
    const fragment = new URLSearchParams(new URL(url).hash.slice(1));
    assert.ok(fragment.get("access_token"), url);
    const { data: { user } } = await client().auth.getUser(fragment.get("access_token"));
    return { user, identity: user.identities[0].identity_data };
  }
  const comeBack = async (state, code) => arrive((await visit(`${backend.url}/auth/v1/callback?state=${state}&code=${code}`, "x")).url);

  function client(flowType = "pkce") {
    const kept = new Map();
    const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) };
    return createClient(backend.url, backend.anon, { auth: { flowType, storage, autoRefreshToken: false, detectSessionInUrl: false } });
  }
  // In the browser of a person who signs in there under that name.
  const person = (name) => ({
    fill: (page) => /name="login"/.test(page) ? { prompt: "login", login: name, password: "any" } : { prompt: "consent" },
    stop: (url) => url.startsWith(DONE),
  });
  const visit = (url, name, browser = new Browser()) => browser.go(url, person(name));
  const post = async (path, body, headers = {}) => {
    const reply = await fetch(`${backend.url}/auth/v1${path}`, { method: "POST", body: JSON.stringify(body), headers: { apikey: backend.anon, "content-type": "application/json", ...headers } });
    return { status: reply.status, body: await reply.json() };
  };

  before(async () => {
    elsewhere = http.createServer((req, res) => {
      let body = "";
      req.on("data", (bytes) => { body += bytes; });
      req.on("end", () => {
        asked.push({ method: req.method, url: req.url, headers: req.headers, body });
        if (req.url.startsWith("/range/")) {
          const leaked = createHash("sha1").update("password-that-leaked").digest("hex").toUpperCase();
          return res.end(`0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n${req.url.endsWith(leaked.slice(0, 5)) ? leaked.slice(5) : "F".repeat(35)}:42\r\n`);
        }
        const reply = replies[`${req.method} ${req.url.split("?")[0]}`];
        res.writeHead(reply ? 200 : 404, { "content-type": "application/json" });
        res.end(JSON.stringify(reply ? reply({ body }) : {}));
      });
    });
    await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    at = `http://127.0.0.1:${elsewhere.address().port}`;
    issuer = await openIssuer(people, { client_id: "app", client_secret: "shh", redirect_uris: [`${backend.origin}/auth/v1/callback`] });
    settings = {
      additional_redirect_urls: [`${DONE}**`], enable_manual_linking: true, enable_anonymous_sign_ins: true,
      rate_limit: { sign_in_sign_ups: 10000, token_refresh: 10000 },
      external: {
        acme: { enabled: true, client_id: "app", secret: "shh", url: issuer.url },
        github: { enabled: true, client_id: "gh", secret: "gs", url: at },
        apple: { enabled: true, client_id: "example.app", secret: "as", url: `${at}/apple` },
        google: { enabled: true, client_id: "go", secret: "os", url: `${at}/google` },
        azure: { enabled: true, client_id: "az", secret: "zs", url: `${at}/azure/t1` },
        discord: { enabled: true, client_id: "dc", secret: "ds", url: at },
        facebook: { enabled: true, client_id: "fb", secret: "fs", url: at },
      },
    };
    await configure(settings);
  });
  after(() => { issuer?.close(); elsewhere?.closeAllConnections(); elsewhere?.close(); });

  test("an issuer: PKCE and implicit, provider tokens, the same user again", async () => {
    const a = client();
    const { data: { url } } = await a.auth.signInWithOAuth({ provider: "acme", options: { redirectTo: DONE, skipBrowserRedirect: true } });
    const back = new URL((await visit(url, "ada")).url);
    const { data, error } = await a.auth.exchangeCodeForSession(back.searchParams.get("code"));
    assert.equal(error, null);
    assert.equal(data.user.email, "ada@id.example");
    assert.ok(data.session.provider_token);
    const again = await a.auth.exchangeCodeForSession(back.searchParams.get("code"));
    assert.ok(again.error);
    const implicit = await visit(`${backend.url}/auth/v1/authorize?provider=acme&redirect_to=${DONE}`, "ada");
    const fragment = new URLSearchParams(new URL(implicit.url).hash.slice(1));
    for (const name of ["access_token", "refresh_token", "expires_at", "expires_in", "token_type", "provider_token"]) assert.ok(fragment.get(name), name);
    const { data: { user } } = await client().auth.getUser(fragment.get("access_token"));
    assert.equal(user.id, data.user.id);
    assert.equal(user.identities.length, 1);
  });

  test("a state is good once, and errors come back to where it began", async () => {
    const callback = `${backend.url}/auth/v1/callback`;
    const none = new URL((await new Browser().go(`${callback}?code=x`, { stop: (url) => url.startsWith(backend.origin) && !url.includes("/auth/v1") })).url);
    assert.equal(none.searchParams.get("error_code"), "bad_oauth_callback");
    const start = await fetch(`${backend.url}/auth/v1/authorize?provider=github&redirect_to=${DONE}`, { redirect: "manual" });
    const state = new URL(start.headers.get("location")).searchParams.get("state");
    const refused = new URL((await visit(`${callback}?state=${state}&error=access_denied&error_description=No`, "x")).url);
    assert.equal(refused.origin + refused.pathname, DONE);
    assert.equal(new URLSearchParams(refused.hash.slice(1)).get("error"), "access_denied");
    const bad = new URL((await visit(`${callback}?state=${state}&code=wrong`, "x")).url);
    assert.match(bad.searchParams.get("error_description"), /Unable to exchange external code/);
    assert.match((await visit(`${callback}?state=${state}&code=good`, "x")).url, /access_token=/);
    const twice = await new Browser().go(`${callback}?state=${state}&code=good`, { stop: (url) => !url.includes("/auth/v1") });
    assert.match(twice.url, /bad_oauth_state/);
    const elsewhereTo = await fetch(`${backend.url}/auth/v1/authorize?provider=github&redirect_to=https://evil.example/`, { redirect: "manual" });
    const evil = new URL(elsewhereTo.headers.get("location")).searchParams.get("state");
    assert.ok((await new Browser().go(`${callback}?state=${evil}&code=good`, { stop: (url) => !url.includes("/auth/v1") })).url.startsWith(backend.origin));
  });

  test("GitHub: the person and the address, by its API", async () => {
    const start = await fetch(`${backend.url}/auth/v1/authorize?provider=github&scopes=repo&redirect_to=${DONE}`, { redirect: "manual" });
    const to = new URL(start.headers.get("location"));
    assert.equal(to.searchParams.get("scope"), "user:email repo");
    const back = await visit(`${backend.url}/auth/v1/callback?state=${to.searchParams.get("state")}&code=good`, "x");
    const token = new URLSearchParams(new URL(back.url).hash.slice(1)).get("access_token");
    const { data: { user } } = await client().auth.getUser(token);
    assert.deepEqual([user.email, user.user_metadata.user_name, user.app_metadata.provider], ["octo@hub.example", "octo", "github"]);
    assert.equal(asked.find((one) => one.url === "/api/v3/user").headers.authorization, "Bearer gh-token");
  });

  test("Discord: the person by its API", async () => {
    const { to, state } = await begin("discord");
    assert.deepEqual([to.pathname, to.searchParams.get("scope")], ["/api/oauth2/authorize", "email identify"]);
    worth.set("discord", { access_token: "dc-token" });
    const { user, identity } = await comeBack(state, "discord");
    assert.equal(user.email, "nelly@discord.example");
    assert.deepEqual(identity, {
      iss: `${at}/api`, sub: "80351110224678912", provider_id: "80351110224678912", name: "nelly#0", full_name: "nelly", email: "nelly@discord.example", email_verified: true, phone_verified: false,
      picture: "https://cdn.discordapp.com/avatars/80351110224678912/a_8342.gif", avatar_url: "https://cdn.discordapp.com/avatars/80351110224678912/a_8342.gif", custom_claims: { global_name: "Nelly" },
    });
  });

  test("Facebook: proof of the secret, and Limited Login's ID token", async () => {
    const { to, state } = await begin("facebook");
    assert.deepEqual([to.pathname, to.searchParams.get("scope")], ["/dialog/oauth", "email"]);
    worth.set("facebook", { access_token: "fb-token" });
    const { user, identity } = await comeBack(state, "facebook");
    assert.deepEqual([user.email, identity.full_name, identity.nickname, identity.slug, identity.picture, identity.email_verified], ["fay@fb.example", "Fay Book", "Fay B.", "Fay B.", "https://x.example/f.png", true]);
    const proof = createHmac("sha256", "fs").update("fb-token").digest("hex");
    assert.ok(asked.find(({ url }) => url === `/me?fields=email,first_name,last_name,name,picture&appsecret_proof=${proof}`));
    const phone = await post("/token?grant_type=id_token", { provider: "facebook", id_token: idToken({ iss: at, sub: "9", aud: "fb", email: "fay@fb.example", nonce: "unchecked" }) });
    assert.deepEqual([phone.status, phone.body.user?.id], [200, user.id]);
  });

  test("Apple: the form that it posts, the name that comes once, an address hidden behind Apple's", async () => {
    const { to, state } = await begin("apple");
    assert.deepEqual([to.searchParams.get("response_mode"), to.searchParams.get("scope")], ["form_post", "email name"]);
    worth.set("apple", { access_token: "ap-token", id_token: idToken({ iss: `${at}/apple`, sub: "001.a", aud: "example.app", email: "x@privaterelay.appleid.com", is_private_email: "true", auth_time: 12 }) });
    const body = new URLSearchParams({ state, code: "apple", user: JSON.stringify({ name: { firstName: "Ann", lastName: "Apple" }, email: "x@privaterelay.appleid.com" }) });
    const back = await fetch(`${backend.url}/auth/v1/callback`, { method: "POST", body, redirect: "manual", headers: { origin: "https://appleid.apple.com" } });
    const { user, identity } = await arrive(back.headers.get("location"));
    assert.equal(user.email, "x@privaterelay.appleid.com");
    assert.deepEqual([identity.full_name, identity.email_verified, identity.custom_claims], ["Ann Apple", true, { is_private_email: true, auth_time: 12 }]);
    assert.match(asked.findLast(({ url }) => url === "/apple/token").body, /client_id=example.app&client_secret=as/);
  });

  test("Google: nonce and verified address", async () => {
    const { state, nonce } = await begin("google");
    worth.set("google", { access_token: "go-token", id_token: idToken({ iss: `${at}/google`, sub: "77", aud: "go", nonce, email: "gus@corp.example", email_verified: true, name: "Gus", picture: "https://x.example/g.png", hd: "corp.example" }) });
    const { user, identity } = await comeBack(state, "google");
    assert.deepEqual([user.email, identity.full_name, identity.avatar_url, identity.custom_claims], ["gus@corp.example", "Gus", "https://x.example/g.png", { hd: "corp.example" }]);
    const other = await begin("google");
    worth.set("replayed", { access_token: "go-token", id_token: idToken({ iss: `${at}/google`, sub: "78", aud: "go", nonce, email: "eve@corp.example", email_verified: true }) });
    const refused = await visit(`${backend.url}/auth/v1/callback?state=${other.state}&code=replayed`, "x");
    assert.match(new URL(refused.url).searchParams.get("error_description"), /Error getting user profile/);
  });

  test("Azure: a tenant that is none of Microsoft's must say that it verified an address", async () => {
    const { to, state, nonce } = await begin("azure");
    assert.deepEqual([to.pathname, to.searchParams.get("scope")], ["/azure/t1/oauth2/v2.0/authorize", "openid"]);
    const claims = { iss: `${at}/azure/t1/v2.0`, sub: "oid", aud: "az", name: "Zed", email: "zed@corp.example" };
    worth.set("azure", { access_token: "az-token", id_token: idToken({ ...claims, nonce }) });
    assert.equal((await comeBack(state, "azure")).identity.email_verified, false);
    const again = await begin("azure");
    worth.set("azure2", { access_token: "az-token", id_token: idToken({ ...claims, sub: "oid2", email: "zoe@corp.example", email_verified: true, nonce: again.nonce }) });
    const { user, identity } = await comeBack(again.state, "azure2");
    assert.deepEqual([user.email, identity.email_verified], ["zoe@corp.example", true]);
    const tenant = await begin("azure");
    worth.set("azure3", { access_token: "az-token", id_token: idToken({ ...claims, iss: `${at}/azure/t2/v2.0`, nonce: tenant.nonce }) });
    assert.match((await visit(`${backend.url}/auth/v1/callback?state=${tenant.state}&code=azure3`, "x")).url, /Error\+getting\+user\+profile|Error%20getting%20user%20profile/);
  });

  test("linking and unlinking by hand", async () => {
    const a = client();
    const { data: { user: born } } = await a.auth.signInAnonymously();
    const { data: { url } } = await a.auth.linkIdentity({ provider: "acme", options: { redirectTo: DONE, skipBrowserRedirect: true } });
    const back = new URL((await visit(url, "cleo")).url);
    const { data } = await a.auth.exchangeCodeForSession(back.searchParams.get("code"));
    assert.deepEqual([data.user.id, data.user.email, data.user.is_anonymous], [born.id, "cleo@id.example", false]);
    const last = await a.auth.unlinkIdentity(data.user.identities[0]);
    assert.equal(last.error.code, "single_identity_not_deletable");
  });

  test("an ID token that is not ours to take", async () => {
    const token = (claims) => [{ alg: "none" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + ".";
    const forged = await post("/token?grant_type=id_token", { provider: "acme", id_token: token({ iss: issuer.url, sub: "ada", aud: "app", exp: 4e9 }) });
    assert.equal(forged.status, 400);
    const other = await post("/token?grant_type=id_token", { provider: "acme", id_token: token({ iss: "https://evil.example", sub: "ada", aud: "app", exp: 4e9 }) });
    assert.deepEqual([other.status, other.body], [400, { error: "invalid request", error_description: "Bad ID token" }]);
    const none = await post("/token?grant_type=id_token", { provider: "acme" }, { "x-supabase-api-version": "2024-01-01" });
    assert.deepEqual(none.body, { error: "invalid request", error_description: "id_token required" });
    const nonce = await post("/token?grant_type=id_token", { provider: "google", nonce: "other", id_token: idToken({ iss: `${at}/google`, sub: "77", aud: "go", nonce: "x" }) });
    assert.deepEqual(nonce.body, { error: "invalid nonce", error_description: "Nonces mismatch" });
  });

  test("a CAPTCHA where the owner wants one", async () => {
    await configure({ ...settings, captcha: { enabled: true, provider: "hcaptcha", secret: "cs", url: `${at}/captcha` } });
    const who = { email: "cap@x.example", password: "long-enough-1" };
    assert.equal((await post("/signup", who)).body.error_code, "captcha_failed");
    const wrong = await post("/signup", { ...who, gotrue_meta_security: { captcha_token: "wrong" } });
    assert.match(wrong.body.msg, /invalid-input-response/);
    const right = await post("/signup", { ...who, gotrue_meta_security: { captcha_token: "right" } });
    assert.equal(right.status, 200);
    assert.equal((await post("/token?grant_type=refresh_token", { refresh_token: right.body.refresh_token })).status, 200);
    assert.match(asked.findLast((one) => one.url === "/captcha").body, /^secret=cs&response=right/);
    await configure({ ...settings, captcha: { enabled: true, provider: "hcaptcha", secret: "cs", url: "http://127.0.0.1:1/" } });
    assert.equal((await post("/signup", { ...who, gotrue_meta_security: { captcha_token: "right" } })).status, 500);
  });

  test("a password that leaked, of which five characters of a hash are told", async () => {
    await configure({ ...settings, password_hibp_enabled: true, password_hibp_url: at });
    const leaked = await post("/signup", { email: "leak@x.example", password: "password-that-leaked" });
    assert.equal(leaked.status, 422);
    assert.deepEqual(leaked.body.weak_password?.reasons, ["pwned"]);
    assert.match(asked.findLast((one) => one.url.startsWith("/range/")).url, /^\/range\/[0-9A-F]{5}$/);
    assert.equal((await post("/signup", { email: "leak@x.example", password: "a-fresh-one-1" })).status, 200);
  });

  test("a hook at an address, signed as Standard Webhooks has it", async () => {
    await configure({ ...settings, hook: { before_user_created: { enabled: true, uri: `${at}/hook`, secrets: secret } } });
    hook.answer = { error: { http_code: 403, message: "Not from there" } };
    const refused = await post("/signup", { email: "hook@x.example", password: "long-enough-1" });
    assert.deepEqual([refused.status, refused.body.msg], [403, "Not from there"]);
    const { headers, body } = asked.findLast((one) => one.url === "/hook");
    const mac = createHmac("sha256", Buffer.from(secret.slice(9), "base64")).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
    assert.equal(headers["webhook-signature"], `v1,${mac}`);
    assert.equal(JSON.parse(body).user.email, "hook@x.example");
    hook.answer = {};
    assert.equal((await post("/signup", { email: "hook@x.example", password: "long-enough-1" })).status, 200);
    // Somebody new, of whose address the provider does not vouch: the mail about it is the hook's to send, too.
    await configure({ ...settings, email: { enable_confirmations: true }, hook: { send_email: { enabled: true, uri: `${at}/hook`, secrets: secret } } });
    const { state, nonce } = await begin("google");
    worth.set("unsure", { access_token: "go-token", id_token: idToken({ iss: `${at}/google`, sub: "99", aud: "go", nonce, email: "unsure@corp.example", email_verified: false }) });
    const { url } = await visit(`${backend.url}/auth/v1/callback?state=${state}&code=unsure`, "x");
    assert.equal(new URL(url).searchParams.get("error_code"), "provider_email_needs_verification");
    const told = JSON.parse(asked.findLast((one) => one.url === "/hook").body);
    assert.deepEqual([told.user.email, told.user.app_metadata.provider, told.email_data.email_action_type], ["unsure@corp.example", "google", "signup"]);
    const confirmed = await post("/verify", { type: "signup", token_hash: told.email_data.token_hash });
    assert.deepEqual([confirmed.status, confirmed.body.user?.id], [200, told.user.id]);
  });
});
