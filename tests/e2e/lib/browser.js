// SPDX-License-Identifier: Apache-2.0
//
// Chromium, and visitors in it. A visitor collects what went wrong in the page: console errors, uncaught exceptions,
// requests that left the app's origin. Expected ones are taken off with expectTrouble.
import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";
import { chromiumPath, edgeAddress, shotsDir } from "./env.js";

// rules: more of --host-resolver-rules
export const chromiumFlags = (address, rules = []) => [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  `--host-resolver-rules=${[`MAP *.localhost ${address}`, ...rules].join(",")}`,
];

export const launch = (rules) => chromium.launch({ executablePath: chromiumPath, args: chromiumFlags(edgeAddress, rules) });

export async function visitor(browser, app) {
  const context = await browser.newContext({ baseURL: app.origin, viewport: { width: 1280, height: 860 } });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const trouble = [];
  page.on("console", (line) => line.type() === "error" && trouble.push(`console: ${line.text()} (${line.location().url})`));
  page.on("pageerror", (error) => trouble.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== app.origin) trouble.push(`foreign request: ${url}`);
  });

  return {
    page,
    // The step may cause console errors that match; nothing else.
    async expectTrouble(pattern, step) {
      const before = trouble.length;
      await step();
      const rest = trouble.splice(before).filter((line) => !pattern.test(line));
      trouble.push(...rest);
    },
    assertQuiet() {
      assert.deepEqual(trouble, []);
    },
    close: () => context.close(),
  };
}

// Runs a step; when it throws, keeps a picture of what the visitor saw.
export async function seen(who, name, step) {
  try {
    return await step();
  } catch (error) {
    if (shotsDir) await who.page.screenshot({ path: path.join(shotsDir, `${name}.png`), fullPage: true }).catch(() => {});
    throw error;
  }
}
