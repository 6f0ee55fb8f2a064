// SPDX-License-Identifier: Apache-2.0
//
// What somebody tries from outside who should not get in, over HTTP against a backend with a real PostgreSQL and a real
// mail server. What needs the database's clock or a look at its rows is in tests/pg/test_auth_attacks.c.
import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { backend, configure, inside, runInside } from "./lib/bare.js";
import { Mailbox, codeOf, linkOf } from "./lib/mailbox.js";

if (!inside) runInside(import.meta.url);
else describe("attacks on sign-in", () => {
  const HOME = "http://shop.example";
  const secret1 = "a-good-password";
  let mailbox, settings;

  const call = async (method, path, { body, bearer, headers = {}, from = "198.51.100.7" } = {}) => {
    const reply = await fetch(`${backend.url}${path}`, {
      method, redirect: "manual", body: body && JSON.stringify(body),
      headers: { apikey: backend.anon, "x-real-ip": from, ...(body && { "content-type": "application/json" }), ...(bearer && { authorization: `Bearer ${bearer}` }), ...headers },
    });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, text, body: /^[[{]/.test(text) ? JSON.parse(text) : undefined };
  };
  const post = (path, body, more) => call("POST", `/auth/v1${path}`, { body, ...more });
  const refresh = (refresh_token) => post("/token?grant_type=refresh_token", { refresh_token });
  const signIn = (email, password = secret1, more) => post("/token?grant_type=password", { email, password }, more);

  // Signed up and confirmed by the mail's code.
  async function somebody(email) {
    assert.equal((await post("/signup", { email, password: secret1 })).status, 200);
    const { status, body } = await post("/verify", { type: "signup", email, token: codeOf(await mailbox.next(email)) });
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  before(async () => {
    mailbox = await Mailbox.open();
    settings = {
      site_url: HOME, external_url: `${HOME}/auth/v1`,
      rate_limit: { sign_in_sign_ups: 100000, token_refresh: 100000, token_verifications: 100000, email_sent: 100000 },
      email: {
        enable_confirmations: true, max_frequency: "60s",
        smtp: { enabled: true, host: "127.0.0.1", port: mailbox.port, admin_email: "shop@shop.example", sender_name: "Shop" },
        template: { recovery: { subject: "For {{ .Data.name }}", content: "<p>{{ .Data.name }} <a href=\"{{ .ConfirmationURL }}\">here</a></p>" } },
      },
      external: { github: { enabled: true, client_id: "gh", secret: "gs" } },
    };
    await configure(settings);
  });
  after(() => mailbox?.stop());

  test("a token that the app did not sign opens nothing: none, confusion, kid, jku, jwk, x5c, an old and a future one", async () => {
    const { user } = await somebody("forged@street.example");
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }), ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const evil = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = (pair, more) => ({ ...pair.privateKey.export({ format: "jwk" }), key_ops: ["sign", "verify"], ...more });
    const before = [{ state: "in_use", jwk: jwk(ec, { kid: "ec", alg: "ES256" }) }, { state: "previously_used", jwk: jwk(rsa, { kid: "rsa", alg: "RS256" }) }];
    await configure(settings, { signing_keys: before });

    const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: `${HOME}/auth/v1`, sub: user.id, aud: "authenticated", role: "service_role", iat: now, exp: now + 600 };
    const token = (header, by, what = claims) => {
      const text = `${part(header)}.${part(what)}`;
      return `${text}.${by(Buffer.from(text)).toString("base64url")}`;
    };
    const hmac = (key) => (text) => createHmac("sha256", key).update(text).digest();
    const rs = (pair) => (text) => sign("sha256", text, pair.privateKey);
    const es = (pair) => (text) => sign("sha256", text, { key: pair.privateKey, dsaEncoding: "ieee-p1363" });
    const nothing = () => Buffer.alloc(0);

    // The keys that the app has do count.
    for (const good of [token({ alg: "ES256", kid: "ec" }, es(ec)), token({ alg: "RS256", kid: "rsa" }, rs(rsa))]) {
      assert.equal((await call("GET", "/auth/v1/admin/users", { bearer: good })).status, 200);
      assert.equal((await call("GET", "/rest/v1/", { bearer: good })).status, 200);
    }
    const published = (await call("GET", "/auth/v1/.well-known/jwks.json")).body.keys;
    assert.deepEqual(published.map((key) => key.kid).sort(), ["ec", "rsa"]);
    const publicKeys = [
      ...["spki", "pkcs1"].map((type) => rsa.publicKey.export({ type, format: "pem" })),
      rsa.publicKey.export({ type: "spki", format: "pem" }).trim(), rsa.publicKey.export({ type: "spki", format: "der" }),
      createPublicKey({ key: published.find((key) => key.kid === "ec"), format: "jwk" }).export({ type: "spki", format: "pem" }),
      ...published.map((key) => JSON.stringify(key)), Buffer.from(published.find((key) => key.kid === "rsa").n, "base64url"), "", "\0",
    ];
    const theirs = evil.publicKey.export({ format: "jwk" });
    const forged = [
      ...["none", "None", "nOnE", "", "HS256 "].map((alg) => token({ alg }, nothing)),
      `${part({ alg: "none" })}.${part(claims)}`, `${part({ alg: "none" })}.${part(claims)}..`, token({ typ: "JWT" }, nothing),
      ...publicKeys.flatMap((key) => [token({ alg: "HS256", kid: "rsa" }, hmac(key)), token({ alg: "HS256", kid: "ec" }, hmac(key)), token({ alg: "HS256" }, hmac(key)), token({ alg: "RS256", kid: "rsa" }, hmac(key))]),
      token({ alg: "HS256" }, hmac(process.env.FREEHOLD_JWT_SECRET)), // of before, when a secret signed
      token({ alg: "ES256", kid: "rsa" }, es(ec)), token({ alg: "RS256", kid: "ec" }, rs(rsa)), // one key's name, the other's signature
      ...["../../../../dev/null", "/proc/self/environ", "x' union select 'y", "rsa\u0000", "", null, 7, ["rsa"], "a".repeat(9000)].map((kid) => token({ alg: "HS256", kid }, hmac(""))),
      token({ alg: "RS256", kid: "rsa" }, rs(evil)), token({ alg: "RS256", kid: "evil", jwk: { ...theirs, kid: "evil" } }, rs(evil)), token({ alg: "RS256", jwk: theirs }, rs(evil)),
      token({ alg: "RS256", kid: "evil", jku: `http://127.0.0.1:${mailbox.port}/jwks.json`, x5u: `http://127.0.0.1:${mailbox.port}/`, x5c: ["MIIB"] }, rs(evil)),
      token({ alg: "ES256", kid: "ec" }, () => Buffer.alloc(64)), token({ alg: "ES256", kid: "ec" }, (text) => sign("sha256", text, ec.privateKey)), // r = s = 0, and DER
      token({ alg: "RS256", kid: "rsa", crit: ["exp"] }, rs(evil)), token({ alg: "RS512", kid: "rsa" }, rs(rsa)), token({ alg: "PS256", kid: "rsa" }, rs(rsa)),
      token({ alg: "ES256", kid: "ec" }, es(ec), { ...claims, exp: now - 90 }), token({ alg: "ES256", kid: "ec" }, es(ec), { ...claims, nbf: now + 600 }),
      token({ alg: "ES256", kid: "ec" }, es(ec), { ...claims, exp: "never" }),
    ];
    for (const bearer of forged) {
      for (const path of ["/auth/v1/user", "/auth/v1/admin/users", "/rest/v1/", "/storage/v1/bucket"]) {
        const { status, text } = await call("GET", path, { bearer });
        const isRefused = status === 401 || status === 403 || (path.startsWith("/storage") && status === 400);
        assert.ok(isRefused, `${path} ${status} ${text.slice(0, 200)} for ${Buffer.from(bearer.split(".")[0], "base64url")} ${bearer.slice(0, 300)}`);
      }
    }
    // Nor by the other door.
    for (const bearer of forged.slice(0, 12)) assert.equal((await call("GET", "/rest/v1/", { headers: { apikey: bearer } })).status, 401);

    // A key that was taken back opens nothing either.
    await configure(settings, { signing_keys: [before[0], { ...before[1], state: "revoked" }] });
    assert.equal((await call("GET", "/auth/v1/admin/users", { bearer: token({ alg: "RS256", kid: "rsa" }, rs(rsa)) })).status, 403);
    assert.deepEqual((await call("GET", "/auth/v1/.well-known/jwks.json")).body.keys.map((key) => key.kid), ["ec"]);
  });

  test("a refresh token that two have: at once both get one successor, later neither stays", async () => {
    const { refresh_token: stolen } = await somebody("stolen@street.example");
    const both = await Promise.all(Array.from({ length: 12 }, () => refresh(stolen)));
    assert.deepEqual([...new Set(both.map(({ status }) => status))], [200]);
    const next = new Set(both.map(({ body }) => body.refresh_token));
    assert.equal(next.size, 1, "one family, no second branch");
    const [fresh] = next;
    const { body: later } = await refresh(fresh);
    await configure({ ...settings, refresh_token_reuse_interval: 0 });
    const replay = await refresh(stolen);
    assert.deepEqual([replay.status, replay.body.error_code], [400, "refresh_token_already_used"]);
    for (const token of [fresh, later.refresh_token]) assert.equal((await refresh(token)).status, 400, "the family ended");
    await configure(settings);
  });

  test("nobody is led elsewhere: by a wish, a Referer, a Host, a provider's way back", async () => {
    await somebody("led@street.example");
    const evil = ["https://evil.example", "//evil.example", "/\\\\evil.example", "http://shop.example@evil.example", "http://shop.example.evil.example", "javascript:alert(1)", "http://evil.example\\@shop.example", "http://shop.example\r\nSet-Cookie: a=b", "data:text/html,x"];
    const leads = (text) => /evil|javascript|data:text|[\r\n]/.test(text ?? "");
    for (const where of evil) {
      const to = encodeURIComponent(where);
      for (const path of [`/verify?token=x&type=signup&redirect_to=${to}`, `/callback?state=x&code=y&redirect_to=${to}`, `/callback?error=access_denied&redirect_to=${to}`, `/authorize?provider=nobody&redirect_to=${to}`]) {
        const { headers, status } = await call("GET", `/auth/v1${path}`, { headers: where.includes("\r") ? {} : { referer: where } });
        assert.equal(leads(headers.get("location")), false, `${path}: ${headers.get("location")}`);
        assert.equal(headers.get("set-cookie"), null);
        assert.ok(status < 500, path);
      }
      const off = await call("GET", `/auth/v1/authorize?provider=github&redirect_to=${to}`);
      const state = new URL(off.headers.get("location")).searchParams.get("state");
      const back = await call("GET", `/auth/v1/callback?state=${state}&error=access_denied`);
      assert.ok(back.headers.get("location").startsWith(`${HOME}?error=access_denied`), back.headers.get("location"));
    }
    await configure({ ...settings, email: { ...settings.email, max_frequency: "0s" } });
    for (const headers of [{ "x-forwarded-host": "evil.example" }, { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" }, { referer: "https://evil.example/" }, { redirect_to: "https://evil.example/" }, { origin: "https://evil.example" }, { forwarded: "host=evil.example" }]) {
      assert.equal((await post("/recover", { email: "led@street.example" }, { headers })).status, 200);
      const link = linkOf(await mailbox.next("led@street.example"));
      assert.ok(link.startsWith(`${HOME}/auth/v1/verify?`) && !leads(link), link);
    }
    await configure(settings);
  });

  test("the answers do not tell who is known", async () => {
    const shape = ({ status, body }) => JSON.stringify([status, Object.keys(body ?? {}).sort(), body.error_code, body.msg]);
    const signUp = ["/signup", { password: "another-password" }], recover = ["/recover", {}], otp = ["/otp", {}], resend = ["/resend", { type: "signup" }];
    // Whoever asks again within the minute is told to wait, whether a mail went or not.
    const ways = [
      [["/token?grant_type=password", { password: "wrong" }]], [["/verify", { type: "recovery", token: "000000" }], ["/verify", { type: "email", token: "000000" }]],
      [recover, recover, otp, recover], [otp, otp, recover, resend, signUp], [signUp, signUp, resend, otp, recover], [resend, resend, signUp],
    ];
    const plain = (text) => text.replace(/after \d+ seconds/, "after N seconds");
    for (const [i, steps] of ways.entries()) {
      const known = `known${i}@street.example`, nobody = `nobody${i}@street.example`;
      assert.equal((await post("/admin/users", { email: known, password: secret1, email_confirm: true }, { bearer: backend.service })).status, 200); // long ago
      const told = { [known]: [], [nobody]: [] };
      for (const [path, more] of steps) for (const email of [known, nobody]) told[email].push(`${path} ${plain(shape(await post(path, { email, ...more })))}`);
      assert.deepEqual(told[known], told[nobody]);
    }
  });

  test("one mailbox is not flooded, from however many addresses and by whichever way", async () => {
    await somebody("bombed@street.example");
    const ways = ["/recover", "/otp", "/magiclink", "/resend"];
    const got = await Promise.all(Array.from({ length: 60 }, (_, i) => post(ways[i % 4], { email: "bombed@street.example", ...(i % 4 === 3 && { type: "signup" }) }, { from: `203.0.113.${i}` })));
    assert.ok(got.every(({ status }) => status === 200 || status === 429));
    await mailbox.next("bombed@street.example");
    await somebody("behind@street.example"); // whose mails were queued behind all of those
    assert.equal(mailbox.mails.filter((mail) => mail.to.includes("bombed@street.example")).length, 0, "a second mail within the minute");
  });

  test("nothing that somebody writes becomes a line of a mail's head, a recipient or a link", async () => {
    for (const email of ["a@b.example\r\nBcc: c@d.example", "a@b.example\nTo: c@d.example", "a@b.example,c@d.example", "Ada <a@b.example>", "<a@b.example>", "a@b.example>\r\nRCPT TO:<c@d.example", "a@b.example c@d.example", "a@b@c.example", "\"a\\r\\nb\"@c.example", "a@b.example\0", "a;c@d.example@"]) {
      for (const path of ["/signup", "/otp", "/recover", "/magiclink"]) {
        const { status, body } = await post(path, { email, password: secret1 });
        assert.equal(status, 400, `${path} ${JSON.stringify(email)}: ${JSON.stringify(body)}`);
      }
    }
    const name = "Ada\r\nBcc: bcc@evil.example\r\n\r\n<a href=\"https://evil.example\">click</a>\u2028\u0085x";
    const { status } = await post("/signup", { email: "injected@street.example", password: secret1, data: { name } });
    assert.equal(status, 200);
    await post("/verify", { type: "signup", email: "injected@street.example", token: codeOf(await mailbox.next("injected@street.example")) });
    await post("/recover", { email: "injected@street.example" });
    const mail = await mailbox.next("injected@street.example");
    assert.deepEqual(mail.to, ["injected@street.example"]);
    assert.equal(mail.headers.has("bcc"), false, mail.lines.join("\n"));
    assert.match(mail.subject, /^For Ada +Bcc: bcc@evil\.example/, "on one line");
    assert.equal(mail.lines.filter((line) => /^subject:/i.test(line)).length, 1);
    assert.equal(/<a href="https:\/\/evil/.test(mail.html), false, mail.html);
  });

  test("what is too large, too deep or no text is refused, and the backend goes on", async () => {
    const { access_token: bearer } = await somebody("large@street.example");
    const put = (data) => call("PUT", "/auth/v1/user", { bearer, body: { data } });
    assert.equal((await put({ bio: "x".repeat(20_000) })).status, 422);
    assert.equal((await put(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`k${i}`, 1])))).status, 422);
    let deep = {};
    for (let i = 0; i < 3000; i++) deep = { a: deep };
    assert.ok((await put(deep)).status >= 400);
    const raw = (body) => fetch(`${backend.url}/auth/v1/signup`, { method: "POST", headers: { apikey: backend.anon, "content-type": "application/json" }, body }).then((r) => r.status, () => 413);
    for (const body of ["[".repeat(200_000), "x".repeat(3 << 20), "{\"email\":\"\xff@b.example\"}", "{\"email\":\"a\\ud800@b.example\"}", "null", "[]", "\"\"", "{\"email\":{},\"password\":[]}", "{\"email\":1e999}"]) assert.ok([400, 413].includes(await raw(body)), body.slice(0, 40));
    assert.ok((await call("GET", "/auth/v1/user", { bearer: "x".repeat(7000) })).status >= 400);
    const { status, body } = await call("GET", "/auth/v1/user", { bearer });
    assert.deepEqual([status, body.user_metadata.bio], [200, undefined]);
  });

  test("nobody makes themselves more than they are", async () => {
    const email = "mass@street.example", admin = { role: "service_role", is_super_admin: true, app_metadata: { admin: true, provider: "x" }, raw_app_meta_data: { admin: true }, email_confirm: true, id: randomUUID(), aud: "admin", banned_until: null, created_at: "2000-01-01" };
    await post("/signup", { email, password: secret1, ...admin });
    assert.equal((await signIn(email)).body.error_code, "email_not_confirmed");
    const { body } = await post("/verify", { type: "signup", email, token: codeOf(await mailbox.next(email)), ...admin });
    const what = ({ role, aud, app_metadata, id }) => [role, aud, app_metadata, id === admin.id];
    const mere = ["authenticated", "authenticated", { provider: "email", providers: ["email"] }, false];
    assert.deepEqual(what(body.user), mere);
    const bearer = body.access_token;
    assert.equal((await call("PUT", "/auth/v1/user", { bearer, body: admin })).body.error_code, "not_admin");
    const { app_metadata, ...others } = admin;
    assert.deepEqual(what((await call("PUT", "/auth/v1/user", { bearer, body: { ...others, data: { ...others, app_metadata } } })).body), mere);
    const { body: session } = await signIn(email);
    const claims = JSON.parse(Buffer.from(session.access_token.split(".")[1], "base64url"));
    assert.deepEqual([claims.role, claims.app_metadata, claims.sub], ["authenticated", mere[2], body.user.id]);
    for (const [method, path] of [["GET", "/admin/users"], ["POST", "/admin/users"], ["PUT", `/admin/users/${body.user.id}`], ["DELETE", `/admin/users/${body.user.id}`], ["POST", "/admin/generate_link"], ["POST", "/invite"], ["GET", "/admin/audit"], ["PUT", `/admin/users/${body.user.id}/factors/${randomUUID()}`]]) {
      assert.equal((await call(method, `/auth/v1${path}`, { bearer, ...(method !== "GET" && { body: { role: "service_role", email } }) })).status, 403, path);
    }
  });
});
