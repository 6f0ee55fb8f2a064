// SPDX-License-Identifier: Apache-2.0
//
// A real OpenID Connect server on loopback (oidc-provider) with people of our own. Its pages ask for a name (any
// password does) and for consent.
import http from "node:http";
import { Provider } from "oidc-provider";

export async function openIssuer(people, client) {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://localhost:${server.address().port}`;
  const quiet = console.warn;
  console.warn = () => {}; // it warns of what is meant: a server for a test
  const provider = new Provider(url, {
    clients: [client],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "picture"] },
    pkce: { required: () => true },
    findAccount: (context, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  });
  console.warn = quiet;
  server.on("request", provider.callback());
  return { url, close: () => { server.closeAllConnections(); server.close(); } };
}

// In a browser that was sent there.
export async function signInThere(page, name) {
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  const consent = page.locator("form button[type=submit]");
  await consent.click();
}
