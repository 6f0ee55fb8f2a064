// SPDX-License-Identifier: Apache-2.0
// What supabase-js asks /auth/v1 for in real exports: accounts with passwords, sessions, keys. The environment is
// described in lib/env.js; codes and statuses are GoTrue's documented ones.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { address, connect, person, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const app = appFromEnv("tool-library");

// RFC 6238, as an authenticator app has it.
function totp(secret) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/[01]{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
  const digest = createHmac("sha1", key).update(step).digest();
  return String((digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff) % 1000000).padStart(6, "0");
}
const get = (path, headers = {}) => edgeFetch(`${app.origin}/auth/v1${path}`, { headers: { apikey: app.anonKey(), ...headers } });

function refused(reply, status, code) {
  assert.ok(reply.error, `expected ${code}, got ${JSON.stringify(reply.data)}`);
  assert.equal(reply.error.code, code, reply.error.message);
  assert.equal(reply.error.status, status, reply.error.message);
  return reply.error;
}

test("signUp gives a user, an identity and a session with the claims that policies read", async () => {
  const ada = await person(app, "ada", { display_name: "Ada", nested: { a: [1, null] } });
  const { user, access_token, refresh_token, token_type, expires_in, expires_at } = ada.session;
  assert.equal(user.email, ada.email);
  assert.deepEqual([user.aud, user.role, user.app_metadata.provider, user.app_metadata.providers], ["authenticated", "authenticated", "email", ["email"]]);
  assert.equal(user.user_metadata.display_name, "Ada");
  assert.deepEqual(user.user_metadata.nested, { a: [1, null] });
  assert.equal(user.identities.length, 1);
  assert.equal(user.identities[0].provider, "email");
  assert.ok(user.email_confirmed_at);
  assert.equal("encrypted_password" in user, false);
  assert.equal(token_type, "bearer");
  assert.ok(refresh_token.length >= 12);
  assert.ok(Math.abs(expires_at - expires_in - Date.now() / 1000) < 30);

  const claims = JSON.parse(Buffer.from(access_token.split(".")[1], "base64url"));
  assert.equal(claims.sub, user.id);
  assert.deepEqual([claims.aud, claims.role, claims.email, claims.aal, claims.is_anonymous], ["authenticated", "authenticated", ada.email, "aal1", false]);
  assert.match(claims.session_id, /^[0-9a-f-]{36}$/);
  assert.equal(claims.amr[0].method, "password");
  assert.equal(claims.exp, expires_at);
});

test("an address counts once, whatever its case; a short password and a bad address are refused", async () => {
  const ada = await person(app, "twice");
  const client = connect(app);
  refused(await client.auth.signUp({ email: ada.email.toUpperCase(), password: "another-one" }), 422, "user_already_exists");
  refused(await client.auth.signUp({ email: address("weak"), password: "12345" }), 422, "weak_password");
  refused(await client.auth.signUp({ email: "no address", password: "long-enough" }), 400, "validation_failed");
});

test("signInWithPassword: right, in capitals, wrong, unknown; the last two can not be told apart", async () => {
  const ada = await person(app, "in");
  const client = connect(app);
  const right = await client.auth.signInWithPassword({ email: ada.email.toUpperCase(), password: ada.password });
  assert.equal(right.error, null);
  assert.equal(right.data.user.id, ada.id);
  const wrong = refused(await client.auth.signInWithPassword({ email: ada.email, password: `${ada.password}x` }), 400, "invalid_credentials");
  const unknown = refused(await client.auth.signInWithPassword({ email: address("nobody"), password: "whatever" }), 400, "invalid_credentials");
  assert.equal(wrong.message, "Invalid login credentials");
  assert.equal(unknown.message, wrong.message);
});

test("a password may hold anything, and all of it counts", async () => {
  const client = connect(app);
  const email = address("odd");
  const password = `päss "quote' \\ 🔑 ${word()}`;
  assert.equal((await client.auth.signUp({ email, password })).error, null);
  assert.equal((await client.auth.signInWithPassword({ email, password })).error, null);
  refused(await client.auth.signInWithPassword({ email, password: password.slice(0, -1) }), 400, "invalid_credentials");
});

test("getUser asks the server: own token, none, a spoilt one", async () => {
  const ada = await person(app, "me");
  const own = await ada.client.auth.getUser();
  assert.equal(own.error, null);
  assert.equal(own.data.user.id, ada.id);
  const spoilt = await ada.client.auth.getUser(`${ada.session.access_token.slice(0, -6)}AAAAAA`);
  refused(spoilt, 403, "bad_jwt");
  // 401 where the key alone is no authorization, 403 where the gateway makes it the anon token
  assert.ok([401, 403].includes((await get("/user")).status));
});

test("refreshSession gives a new pair for the same session", async () => {
  const ada = await person(app, "fresh");
  const next = await ada.client.auth.refreshSession();
  assert.equal(next.error, null);
  assert.equal(next.data.user.id, ada.id);
  assert.notEqual(next.data.session.refresh_token, ada.session.refresh_token);
  const sid = (session) => JSON.parse(Buffer.from(session.access_token.split(".")[1], "base64url")).session_id;
  assert.equal(sid(next.data.session), sid(ada.session));
  refused(await connect(app).auth.refreshSession({ refresh_token: "nosuchtoken1" }), 400, "refresh_token_not_found");
  const again = await ada.client.auth.refreshSession();
  assert.equal(again.error, null);
});

test("setSession takes a session over, as a page does after a redirect", async () => {
  const ada = await person(app, "over");
  const client = connect(app);
  const taken = await client.auth.setSession({ access_token: ada.session.access_token, refresh_token: ada.session.refresh_token });
  assert.equal(taken.error, null);
  assert.equal(taken.data.user.id, ada.id);
  assert.deepEqual((await client.from("profiles").select("id").eq("id", ada.id)).data, [{ id: ada.id }]);
});

test("signOut ends the session on the server, and others' where asked", async () => {
  const ada = await person(app, "out");
  const second = connect(app);
  await second.auth.signInWithPassword({ email: ada.email, password: ada.password });
  assert.equal((await second.auth.signOut({ scope: "local" })).error, null);
  assert.equal((await ada.client.auth.getUser()).error, null, "the other session lives");

  const { access_token, refresh_token } = ada.session;
  assert.equal((await ada.client.auth.signOut({ scope: "global" })).error, null);
  assert.equal((await ada.client.auth.getSession()).data.session, null);
  refused(await connect(app).auth.refreshSession({ refresh_token }), 400, "refresh_token_not_found");
  // supabase-js turns this answer into an error of its own, so the wire is looked at
  const after = await get("/user", { authorization: `Bearer ${access_token}` });
  assert.deepEqual([after.status, (await after.json()).error_code], [403, "session_not_found"]);
});

test("getClaims verifies with the published keys, or asks the server", async () => {
  const ada = await person(app, "claims");
  const jwks = await edgeFetch(`${app.origin}/auth/v1/.well-known/jwks.json`);
  assert.equal(jwks.status, 200);
  const { keys } = await jwks.json();
  assert.ok(Array.isArray(keys));
  for (const key of keys) for (const secret of ["d", "k", "p", "q"]) assert.equal(secret in key, false, "no private part is published");
  const own = await ada.client.auth.getClaims();
  assert.equal(own.error, null);
  assert.equal(own.data.claims.sub, ada.id);
  const [head, body, signature] = ada.session.access_token.split(".");
  const claims = { ...JSON.parse(Buffer.from(body, "base64url")), role: "service_role" };
  const forged = `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
  assert.ok((await ada.client.auth.getClaims(forged)).error);
});

test("a forgotten password: the link's hash signs in, once, and a new password ends the other sessions", async () => {
  const ada = await person(app, "forgot");
  const admin = connect(app, app.serviceKey()).auth.admin;
  const link = await admin.generateLink({ type: "recovery", email: ada.email });
  assert.equal(link.error, null);
  const { hashed_token: token_hash, action_link, email_otp } = link.data.properties;
  assert.ok(action_link.includes(token_hash));
  assert.match(email_otp, /^[0-9]{6}$/);
  const client = connect(app);
  const taken = await client.auth.verifyOtp({ type: "recovery", token_hash });
  assert.equal(taken.error, null);
  assert.equal(taken.data.user.id, ada.id);
  refused(await connect(app).auth.verifyOtp({ type: "recovery", token_hash }), 403, "otp_expired");
  assert.equal((await client.auth.updateUser({ password: "another-secret" })).error, null);
  refused(await client.auth.updateUser({ password: "another-secret" }), 422, "same_password");
  const after = await get("/user", { authorization: `Bearer ${ada.session.access_token}` });
  assert.equal((await after.json()).error_code, "session_not_found");
  assert.equal((await client.auth.signInWithPassword({ email: ada.email, password: "another-secret" })).error, null);
});

test("links never lead elsewhere", async () => {
  const ada = await person(app, "elsewhere");
  const admin = connect(app, app.serviceKey()).auth.admin;
  for (const redirectTo of ["https://evil.example/", `${app.origin}.evil.example/`, "javascript:alert(1)"]) {
    const link = await admin.generateLink({ type: "magiclink", email: ada.email, options: { redirectTo } });
    assert.equal(new URL(link.data.properties.redirect_to).origin, new URL(app.origin).origin);
  }
  const link = await admin.generateLink({ type: "magiclink", email: ada.email, options: { redirectTo: `${app.origin}/hello?a=1` } });
  const { search } = new URL(link.data.properties.action_link);
  const reply = await edgeFetch(`${app.origin}/auth/v1/verify${search}`, { redirect: "manual" });
  assert.equal(reply.status, 303);
  const to = new URL(reply.headers.get("location"));
  assert.deepEqual([to.pathname, to.search], ["/hello", "?a=1"]);
  assert.equal(new URLSearchParams(to.hash.slice(1)).get("type"), "magiclink");
});

test("a second factor raises the session", async () => {
  const ada = await person(app, "mfa");
  const enrolled = await ada.client.auth.mfa.enroll({ factorType: "totp", friendlyName: "phone" });
  assert.equal(enrolled.error, null);
  assert.match(enrolled.data.totp.qr_code, /^data:image\/svg\+xml;utf-8,<svg /);
  const code = totp(enrolled.data.totp.secret);
  const wrong = await ada.client.auth.mfa.challengeAndVerify({ factorId: enrolled.data.id, code: code === "000000" ? "000001" : "000000" });
  refused(wrong, 422, "mfa_verification_failed");
  assert.equal((await ada.client.auth.mfa.challengeAndVerify({ factorId: enrolled.data.id, code })).error, null);
  const level = await ada.client.auth.mfa.getAuthenticatorAssuranceLevel();
  assert.deepEqual([level.data.currentLevel, level.data.nextLevel], ["aal2", "aal2"]);
  assert.equal((await ada.client.auth.mfa.listFactors()).data.totp.length, 1);
  assert.equal((await ada.client.auth.mfa.unenroll({ factorId: enrolled.data.id })).error, null);
});

test("an administrator lists by pages, invites, and deletes softly", async () => {
  const admin = connect(app, app.serviceKey()).auth.admin;
  const email = address("guest");
  const invited = await admin.inviteUserByEmail(email, { data: { team: "a" } });
  assert.equal(invited.error, null);
  assert.ok(invited.data.user.invited_at);
  const page = await admin.listUsers({ page: 1, perPage: 1 });
  assert.equal(page.data.users.length, 1);
  assert.ok(page.data.total >= 1 && page.data.lastPage >= 1);
  assert.equal((await admin.deleteUser(invited.data.user.id, true)).error, null);
  assert.ok((await admin.getUserById(invited.data.user.id)).data.user.deleted_at);
  refused(await connect(app).auth.admin.listUsers(), 403, "not_admin");
});

test("what is off says so, as in a project where it is off", async () => {
  const client = connect(app);
  refused(await client.auth.signInAnonymously(), 422, "anonymous_provider_disabled");
  refused(await client.auth.signInWithSSO({ domain: "example.com" }), 404, "saml_provider_disabled");
  refused(await client.auth.signInWithOtp({ phone: "+1234567" }), 400, "phone_provider_disabled");
});

test("settings and health answer; passwords are on", async () => {
  const settings = await get("/settings");
  assert.equal(settings.status, 200);
  const { external, disable_signup, mailer_autoconfirm } = await settings.json();
  assert.deepEqual([external.email, disable_signup, mailer_autoconfirm], [true, false, true]);
  assert.equal((await get("/health")).status, 200);
});
