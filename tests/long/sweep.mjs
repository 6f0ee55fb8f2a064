// SPDX-License-Identifier: Apache-2.0
//
// Many exports that nobody has a driver for: each folder (a git repository or its exported tree) is deployed once, without any
// edit; what the first check stops is accepted by name. One that does not go live is quoted as its owner would read it. One
// that does is opened in Chromium: its first page, the pages that this one links to, and its form for signing up, which is
// filled in and sent. Calls of the backend and of the app's server that failed are printed with what was answered, and
// whatever the page complained of. Nothing here knows an app, so that nothing but a page without text counts as failed:
// read it.
//
//   node tests/long/sweep.mjs ~/exports/*          --again   deploys a second time, a copy with a text of the first page changed, looks whether it
//                                                            shows that, rolls back, and looks again
//                                                  --shots DIR   a picture of each first page
//
// FREEHOLD_BIN names the folder of the programs. A table ends it. The exit status is 0 when each export is live and shows a page.
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Freehold } from "../system/freehold.mjs";
import { launch } from "../e2e/lib/browser.js";
import { appName, checkout } from "./checkout.mjs";
import { Visitor } from "./visitor.mjs";

const PAGES_MAX = 6;
const DOORS = ["/auth", "/signup", "/register", "/auth/sign-up", "/sign-up", "/login"];
const { values, positionals } = parseArgs({ options: { again: { type: "boolean", default: false }, shots: { type: "string" } }, allowPositionals: true });
const say = (text) => console.log(text);
const indent = (text) => text.split("\n").map((line) => `    ${line}`).join("\n");
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);

// What a person reads of a command's output: all but the lines that a build wrote.
const words = (result) => result.all.trim().split("\n").filter((line) => !/^(build|install)\|/.test(line)).join("\n");

async function check(freehold, source) {
  const { stdout, all, code } = await freehold.cli("check", source, "--json");
  if (code !== 0 && code !== 5) throw new Error(`check ended with ${code}: ${all}`);
  const report = JSON.parse(stdout);
  for (const it of report.findings) say(`  ${it.severity} ${it.name} ${it.file ? `(${it.file}:${it.line})` : ""}`);
  return { report, accept: report.findings.filter((it) => it.severity === "stop" && it.can_accept).flatMap((it) => ["--accept", it.name]) };
}

// Counts what the backend and the app's own server were asked, by answer.
function listen(who) {
  who.calls = new Map();
  who.page.on("response", (reply) => {
    const url = new URL(reply.url());
    const kind = /^\/(rest|auth|storage|functions|realtime)\/v1\//.exec(url.pathname)?.[1] ?? (/^\/api\//.test(url.pathname) ? "api" : null);
    if (!kind || url.origin !== who.origin) return;
    const name = `${kind} ${reply.status()}`;
    who.calls.set(name, (who.calls.get(name) ?? 0) + 1);
  });
}

// A page without server rendering is blank until its script has drawn.
async function settle(page) {
  await page.waitForLoadState("networkidle", { timeout: 15_000 }).catch(() => {});
  await page.waitForFunction(() => document.body?.innerText.trim(), null, { timeout: 15_000 }).catch(() => {});
}

async function text(page) {
  return (await page.locator("body").innerText().catch(() => "")).trim().replace(/\s+/g, " ");
}

async function links(page, origin) {
  const all = await page.locator("a[href]").evaluateAll((list) => list.map((a) => a.href));
  return [...new Set(all.filter((href) => href.startsWith(`${origin}/`)).map((href) => new URL(href).pathname))].filter((it) => it !== "/");
}

// Fills in what looks like a form for signing up, and sends it; false where there is none.
async function signUp(page, mark) {
  if ((await page.locator("input[type=password]:visible").count()) === 0) return false;
  for (const input of await page.locator("input:visible").all()) {
    const type = (await input.getAttribute("type")) ?? "text";
    if (type === "password") await input.fill(`Secret-${mark}-9`);
    else if (type === "email") await input.fill(`ada-${mark}@example.com`);
    else if (type === "checkbox") await input.check({ force: true }).catch(() => {});
    else if (type === "tel") await input.fill("+4915112345678");
    else if (["text", "search"].includes(type)) await input.fill(`Ada ${mark}`).catch(() => {});
  }
  const named = page.getByRole("button", { name: /^(sign ?up|create|register|join|get started|submit)/i });
  const button = (await named.count()) ? named.last() : page.locator("button[type=submit]:visible").last();
  const answered = page.waitForResponse((reply) => reply.request().method() === "POST", { timeout: 10_000 }).catch(() => null);
  await button.click({ timeout: 3000 }).catch(() => {});
  await answered;
  await settle(page);
  return true;
}

async function doors(who, known) {
  const mark = Math.random().toString(36).slice(2, 8);
  for (const door of [...new Set([...known.filter((it) => /auth|sign-?up|register|join|login/i.test(it)), ...DOORS])].slice(0, 8)) {
    await who.page.goto(door).catch(() => {});
    await settle(who.page);
    const tab = who.page.getByRole("tab", { name: /sign ?up|register|create/i });
    if (await tab.count()) await tab.first().click().catch(() => {});
    if (!(await signUp(who.page, mark))) continue;
    say(`  ${door}: filled in and sent; then at ${new URL(who.page.url()).pathname}: ${(await text(who.page)).slice(0, 160)}`);
    return;
  }
}

async function visit(freehold, app) {
  const { body } = await freehold.api("GET", `/v1/apps/${app}`);
  const browser = await launch();
  const who = await Visitor.open(browser, { name: app, origin: body.url, key: body.keys.anon });
  listen(who);
  let shown = "";
  try {
    await who.page.goto("/", { waitUntil: "load" });
    await settle(who.page);
    shown = await text(who.page);
    say(`  it shows: ${shown.slice(0, 240)}`);
    const fonts = await who.page.evaluate(() => [...new Set([...document.fonts].filter((it) => it.status === "loaded").map((it) => `${it.family} ${it.weight}`))]);
    if (fonts.length) say(`  fonts: ${fonts.join(", ")}`);
    if (values.shots) await mkdir(values.shots, { recursive: true });
    if (values.shots) await who.page.screenshot({ path: path.join(values.shots, `${app}.png`) }).catch(() => {});
    const known = await links(who.page, body.url);
    for (const page of known.slice(0, PAGES_MAX)) {
      await who.page.goto(page);
      await settle(who.page);
      say(`  ${page}: ${(await text(who.page)).slice(0, 100)}`);
    }
    await doors(who, known);
  } catch (error) {
    say(`  FAILED ${error.message.split("\n")[0]}`);
  }
  for (const [call, times] of who.unserved) say(`  501 ${call} (${times} times)`);
  const foreign = new Set(who.trouble.filter((line) => line.startsWith("foreign: ")).map((line) => new URL(line.slice(9)).host));
  if (foreign.size) say(`  not reached from here: ${[...foreign].join(", ")}`);
  for (const line of who.trouble.filter((line) => !line.startsWith("foreign: "))) say(`  TROUBLE ${line}`);
  say(`  asked: ${[...who.calls].map(([name, count]) => `${name} ×${count}`).join(", ") || "nothing"}`);
  await browser.close();
  return shown.length >= 20;
}

function tell(report) {
  const list = (name, items, line) => items?.length && say(`  ${name}:\n${items.map((item) => `    ${line(item)}`).join("\n")}`);
  list("adapted", report.adaptations, (it) => `${it.file}${it.line ? `:${it.line}` : ""} ${it.what}`);
  list("not served", report.not_served, (it) => `${it.what} (${it.file}:${it.line})`);
  list("promises", report.promises, (it) => it);
  list("notes", report.notes, (it) => it);
}

async function look(freehold, app) {
  const { body } = await freehold.api("GET", `/v1/apps/${app}`);
  const browser = await launch();
  try {
    const { page } = await Visitor.open(browser, { name: app, origin: body.url, key: body.keys.anon });
    await page.goto("/", { waitUntil: "load" });
    await settle(page);
    return await page.locator("body").innerText();
  } finally {
    await browser.close();
  }
}

const grep = ["-rlF", "--exclude-dir=node_modules", "--exclude-dir=.git", ...["ts", "tsx", "js", "jsx", "vue", "svelte", "astro", "html"].map((it) => `--include=*.${it}`)];

// Changes the first line of the page that stands in the code as it is shown; gives what it was and what it is, or null.
async function change(copy, shown) {
  for (const line of shown.split("\n").map((it) => it.trim()).filter((it) => /^[\p{L}\p{N} ,.!?-]{6,80}$/u.test(it))) {
    let files = [];
    try { files = execFileSync("grep", [...grep, "--", line, copy], { encoding: "utf8" }).trim().split("\n"); } catch { continue; }
    for (const file of files) await writeFile(file, (await readFile(file, "utf8")).replaceAll(line, `${line} MK2`));
    return { was: line, is: `${line} MK2` };
  }
  return null;
}

async function again(freehold, source, work, app, first) {
  const began = Date.now(), copy = path.join(work, "second");
  await cp(source, copy, { recursive: true, verbatimSymlinks: true });
  const text = await change(copy, await look(freehold, app));
  const result = await freehold.cli("deploy", copy, "--app", app);
  if (result.code !== 0) return say(`  the second deployment failed:\n${indent(words(result).split("\n").slice(-12).join("\n"))}`);
  say(`  release ${await freehold.live(app)} after ${seconds(began)} s`);
  const shows = async (what) => text === null || (await look(freehold, app)).includes(what);
  const isNew = await shows(text?.is), back = await freehold.cli("rollback", app);
  say(indent(back.all.trim()));
  const isOld = (await shows(text?.was)) && (text === null || !(await shows(text.is)));
  say(text ? `  "${text.is}": ${isNew ? "shown" : "NOT SHOWN"}; after the rollback "${text.was}": ${isOld ? "shown" : "NOT SHOWN"}` : "  no text of its first page stands in its code");
  return back.code === 0 && isNew && isOld && (await freehold.live(app)) === first;
}

async function one(freehold, folder, index) {
  const row = { export: path.basename(folder), shape: "", outcome: "", seconds: "", step: "" };
  const work = await mkdtemp(path.join(os.tmpdir(), "fh-export-"));
  say(`\n== ${folder}`);
  try {
    const source = await checkout(folder, work);
    const app = appName(folder, index);
    const { report, accept } = await check(freehold, source);
    row.shape = `${report.shape} (${report.builder})`;
    const began = Date.now();
    const result = await freehold.cli("deploy", source, "--app", app, ...accept);
    row.seconds = seconds(began);
    say(indent(words(result)));
    const release = await freehold.live(app);
    const { body } = await freehold.api("GET", `/v1/apps/${app}/deployments/1`);
    if (result.code !== 0) {
      row.step = body?.steps?.find((it) => it.state === "failed")?.name ?? "";
      row.outcome = "not live";
      return row;
    }
    if (body.report) tell(body.report);
    row.outcome = (await visit(freehold, app)) ? "live" : "blank page";
    if (values.again && !(await again(freehold, source, work, app, release))) row.outcome += ", no way back";
  } catch (error) {
    say(`  FAILED ${error.stack}`);
    row.outcome = "broken";
  } finally {
    await freehold.api("DELETE", `/v1/apps/${appName(folder, index)}`);
    await rm(work, { recursive: true, force: true });
  }
  return row;
}

if (positionals.length === 0) {
  console.error("usage: node tests/long/sweep.mjs FOLDER… [--again] [--shots DIR]");
  process.exit(2);
}
const freehold = await Freehold.start();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => freehold.end().finally(() => process.exit(130)));
const rows = [];
try {
  for (const [index, folder] of positionals.entries()) rows.push(await one(freehold, folder, index));
} finally {
  await freehold.end();
}
console.table(rows);
process.exit(rows.every((row) => row.outcome === "live") ? 0 : 1);
