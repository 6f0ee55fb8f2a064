// SPDX-License-Identifier: Apache-2.0
//
// What the suite is told. Each file needs only the variables of the app that it drives, and fails when one is missing:
//
//   FREEHOLD_ORIGIN_TOOL_LIBRARY     http://tool-library.localhost:8080    where a visitor finds the app
//   FREEHOLD_ORIGIN_STUDIO_DAYBOOK   http://studio-daybook.localhost:8080
//   FREEHOLD_ORIGIN_STATIC_SITE      http://static-site.localhost:8080
//   FREEHOLD_ORIGIN_TOOL_LIBRARY_START, …_NEXT, …_EXPRESS
//   FREEHOLD_ANON_KEY_<APP>          the public key that the app was bound to
//   FREEHOLD_SERVICE_KEY_<APP>       its service_role key, which no browser may ever get
//   FREEHOLD_EDGE_ADDRESS            127.0.0.1     where *.localhost leads (Node does not resolve it, browsers do)
//   FREEHOLD_CHROMIUM                /usr/bin/chromium
//   FREEHOLD_E2E_SHOTS               a folder for a screenshot of each page that failed; none by default
//
// run.mjs starts a Freehold, sets these and runs all. By hand, against apps that are live already: npm ci && npm test, or
// node --test tool-library.test.js. The suites make their own users with random addresses, so they can be run again on the
// same apps; they count on accounts that need no confirmation by mail, and on being on the same machine: one run signs up
// and in about as often as a single foreign address may.

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; lib/env.js says what it must hold`);
  return value;
}

export function appFromEnv(app) {
  const suffix = app.toUpperCase().replaceAll("-", "_");
  return {
    name: app,
    origin: need(`FREEHOLD_ORIGIN_${suffix}`).replace(/\/$/, ""),
    anonKey: () => need(`FREEHOLD_ANON_KEY_${suffix}`),
    serviceKey: () => need(`FREEHOLD_SERVICE_KEY_${suffix}`),
  };
}

export const edgeAddress = process.env.FREEHOLD_EDGE_ADDRESS ?? "127.0.0.1";
export const chromiumPath = process.env.FREEHOLD_CHROMIUM ?? "/usr/bin/chromium";
export const shotsDir = process.env.FREEHOLD_E2E_SHOTS ?? "";
