// SPDX-License-Identifier: Apache-2.0
//
// Real exports, as they are: each folder (a git repository or its exported tree) is deployed to a Freehold of its own, once
// cold and once warm, and used in Chromium as its visitors would. No export is part of this repository; a driver in drivers/
// knows one by its page's title and uses it by roles and texts. An export without a driver is opened and looked at. Printed:
// the time of both deployments, what the release takes on disk, and the memory (PSS) of what runs for the app afterwards.
//
//   node tests/long/exports.mjs ~/exports/shop ~/exports/clinic
//
// As root, payments are made too: Stripe is stood in for (tests/system/stripe.mjs) by an address outside of this machine.
//
// FREEHOLD_BIN names the folder of the programs; FREEHOLD_E2E_SHOTS a folder for pictures. What the first check stops is
// accepted by name and printed. The exit status is 0 when every export passed.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Freehold } from "../system/freehold.mjs";
import { Outside } from "../system/outside.mjs";
import { NAMES, SECRET_KEY } from "../system/stripe.mjs";
import { family, pssKiB } from "../../bench/lib.mjs";
import { launch } from "../e2e/lib/browser.js";
import { appName, checkout } from "./checkout.mjs";
import { Visitor } from "./visitor.mjs";

const here = path.dirname(new URL(import.meta.url).pathname);
const shots = process.env.FREEHOLD_E2E_SHOTS;
const say = (text) => console.log(text);

async function check(freehold, source) {
  const { stdout } = await freehold.cli("check", source, "--json");
  const report = JSON.parse(stdout);
  const stops = report.findings.filter((finding) => finding.severity === "stop");
  for (const finding of stops) say(`  stopped by ${finding.name}: ${finding.title} (${finding.file}:${finding.line})`);
  return stops.flatMap((finding) => ["--accept", finding.name]);
}

async function deploy(freehold, source, app, accept) {
  const began = Date.now();
  const release = await freehold.deploy(source, app, ...accept);
  const { body } = await freehold.api("GET", `/v1/apps/${app}/deployments/${release}`);
  const steps = body.steps.filter((step) => step.duration_ms >= 100).map((step) => `${step.name} ${(step.duration_ms / 1000).toFixed(1)}`);
  say(`  release ${release} live after ${((Date.now() - began) / 1000).toFixed(1)} s: ${steps.join(", ")}`);
  return body.report;
}

function tell(report) {
  const list = (name, items, line) => items?.length && say(`  ${name}:\n${items.map((item) => `    ${line(item)}`).join("\n")}`);
  say(`  ${report.shape}, installed by ${report.rung}`);
  list("adapted", report.adaptations, (it) => `${it.file}${it.line ? `:${it.line}` : ""} ${it.what}`);
  list("not served", report.not_served, (it) => `${it.what} (${it.file}:${it.line})`);
  list("promises", report.promises, (it) => it);
  list("notes", report.notes, (it) => it);
}

// By the title that its live page has: an app with a server has no index.html to read.
async function driverOf(freehold, app) {
  const title = (await freehold.get(app, "/")).text.match(/<title[^>]*>([^<]*)/)?.[1] ?? "";
  for (const name of await readdir(path.join(here, "drivers"))) {
    const driver = await import(path.join(here, "drivers", name));
    if (driver.title.test(title)) return driver;
  }
  return { drive: look };
}

async function bytesBelow(folder) {
  const text = execFileSync("du", ["-s", "--block-size=1", folder], { encoding: "utf8" });
  return Number(text.split("\t")[0]);
}

async function measure(freehold, app) {
  const { body } = await freehold.api("GET", `/v1/apps/${app}`);
  const megabytes = async (folder) => (existsSync(folder) ? `${((await bytesBelow(folder)) / 1e6).toFixed(1)} MB` : "none");
  const packages = freehold.app(app, "releases", String(body.live), "functions/deno");
  const functions = existsSync(packages) ? ` (${await megabytes(packages)} what its functions import)` : "";
  say(`  on disk: release ${await megabytes(freehold.app(app, "releases", String(body.live)))}${functions}, all releases together ${await megabytes(freehold.app(app, "releases"))}, its node_modules ${await megabytes(freehold.app(app, "modules"))}, database ${await megabytes(freehold.app(app, "postgres"))}`);
  const parts = [];
  for (const part of body.processes.filter((it) => it.pid > 0)) {
    const sizes = await Promise.all((await family(part.pid)).map(pssKiB));
    const state = part.server?.state ? `, ${part.server.state}` : "";
    parts.push(`${part.name}${part.release ? ` ${part.release}${state}` : ""} ${(sizes.reduce((a, b) => a + b, 0) / 1024).toFixed(1)} MiB`);
  }
  say(`  memory (PSS): ${parts.join(", ")}`);
}

// Without a driver: the page has something on it.
async function look({ visitor, get }) {
  const rendered = (await get("/")).replace(/<(script|style|head)[\s\S]*?<\/\1>|<[^>]*>/g, " ").replace(/\s+/g, " ").trim();
  say(`  the server sends: ${rendered.slice(0, 200) || "a page without text"}`);
  const who = await visitor("passer-by");
  await who.page.goto("/", { waitUntil: "networkidle" });
  const text = await who.page.locator("body").innerText();
  say(`  it shows: ${text.trim().replace(/\s+/g, " ").slice(0, 200)}`);
  if (text.trim().length < 20) throw new Error(`the page is blank: "${text.trim()}"`);
}

// What its owner does at the server.
function owner(freehold, app) {
  const must = async (...args) => {
    const { code, stdout, all } = await freehold.cli(...args);
    if (code !== 0) throw new Error(`freehold ${args.join(" ")} ended with ${code}:\n${all}`);
    return stdout;
  };
  return {
    sql: (text) => must("db", app, "psql", "--", "-v", "ON_ERROR_STOP=1", "-c", text),
    payByStripe: () => must("env", app, "--functions", "set", `STRIPE_SECRET_KEY=${SECRET_KEY}`),
    log: (name) => must("logs", app, "--functions", name),
  };
}

// What answered 501 and was not in the list that the deployment printed. A bucket's name may be computed, so its kind counts.
function unlisted(call, list) {
  const [, kind, , name] = call.split(" ")[1].split("/");
  return !list?.some(({ what }) => what.startsWith(`${kind}:`) && (kind !== "functions" || what === `functions: ${name}`));
}

async function use(freehold, app, driver, report) {
  const { body } = await freehold.api("GET", `/v1/apps/${app}`);
  const browser = await launch(outside?.rules);
  const visitors = [];
  const ownTrouble = typeof driver.ownTrouble === "function" ? driver.ownTrouble(outside) : driver.ownTrouble;
  const visitor = async (name) => {
    const who = await Visitor.open(browser, { name, origin: body.url, key: body.keys.anon, ownTrouble, ignoreHTTPSErrors: outside !== null });
    visitors.push(who);
    return who;
  };
  let failure = null;
  try {
    const get = async (url) => (await freehold.get(app, url)).text;
    await driver.drive({ visitor, get, outside, owner: owner(freehold, app), step: (text) => say(`  ok  ${text}`) });
  } catch (error) {
    failure = error;
  }
  for (const who of visitors) {
    if (shots) await who.page.screenshot({ path: path.join(shots, `${app}-${who.name}.png`) }).catch(() => {});
    for (const [call, times] of who.unserved) {
      say(`  501 ${call} (${who.name}, ${times} times)`);
      if (unlisted(call, report.not_served)) who.trouble.push(`${call} answered 501 and the deployment did not list it`);
    }
    for (const line of who.known) say(`  the app's own (${who.name}): ${line}`);
    for (const line of who.trouble) say(`  TROUBLE (${who.name}): ${line}`);
  }
  await browser.close();
  if (failure) say(`  FAILED ${failure.stack}`);
  return failure === null && visitors.every((who) => who.trouble.length === 0);
}

async function one(freehold, folder, index) {
  const work = await mkdtemp(path.join(os.tmpdir(), "fh-export-"));
  say(`\n== ${folder}`);
  try {
    const source = await checkout(folder, work);
    const app = appName(folder, index);
    const accept = await check(freehold, source);
    tell(await deploy(freehold, source, app, accept));
    const report = await deploy(freehold, source, app, []);
    const isGood = await use(freehold, app, await driverOf(freehold, app), report);
    await measure(freehold, app);
    return isGood;
  } catch (error) {
    say(`  FAILED ${error.stack}`);
    return false;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const folders = process.argv.slice(2);
if (folders.length === 0) {
  console.error("usage: node tests/long/exports.mjs FOLDER…");
  process.exit(2);
}
const outside = process.getuid() === 0 ? await Outside.start({ program: "stripe.mjs", names: NAMES }) : null;
if (!outside) say("Payments are left out: a network of its own is made by root only.");
const freehold = await Freehold.start({ wrap: outside?.wrap });
const end = () => freehold.end().finally(() => outside?.stop());
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => end().finally(() => process.exit(130)));
let failed = 0;
try {
  for (const [index, folder] of folders.entries()) if (!(await one(freehold, folder, index))) failed++;
} finally {
  await end();
}
say(`\n== ${folders.length - failed} of ${folders.length} exports passed`);
process.exit(failed ? 1 : 0);
