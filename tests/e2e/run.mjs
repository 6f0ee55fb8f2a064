// SPDX-License-Identifier: Apache-2.0
//
// The suites of this folder against the real thing: a Freehold of its own is started, the examples are deployed to it, the
// suites run, all of it is taken away again.
//
//   node tests/e2e/run.mjs                                all suites
//   node tests/e2e/run.mjs rest-contract.test.js          some of them
//
// FREEHOLD_BIN names the folder of the programs; FREEHOLD_E2E_SHOTS a folder for pictures of pages that failed. The exit
// status is 0 when every test passed.
import { spawn } from "node:child_process";
import { readFile, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { Freehold, example } from "../system/freehold.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const EXAMPLES = ["tool-library", "studio-daybook", "static-site", "tool-library-start", "tool-library-next", "tool-library-express"];
// Suites with an app of their own beside them, and no other.
const OWN = { "live.test.js": "live-app" };
const SUITES_DEADLINE_MS = 10 * 60_000;

const say = (text) => console.log(`== ${text}`);
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "inherit"], timeout: SUITES_DEADLINE_MS });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ? `signal ${signal}` : code));
  });
}

const changedAt = (name) => stat(path.join(here, name)).then((found) => found.mtimeMs, () => 0);

// npm writes node_modules/.package-lock.json last, so one that is newer than the lockfile is a whole install of it.
async function install() {
  if ((await changedAt("node_modules/.package-lock.json")) > (await changedAt("package-lock.json"))) return;
  say("installing what the suites need (npm ci)");
  const code = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) throw new Error(`npm ci in tests/e2e ended with ${code}`);
}

// What lib/env.js wants. The service key has no way out of the machine: it stands in the backend's own configuration.
async function environment(freehold, apps) {
  const env = { FREEHOLD_EDGE_ADDRESS: "127.0.0.1" };
  for (const app of apps) {
    const suffix = app.toUpperCase().replaceAll("-", "_");
    const { body } = await freehold.api("GET", `/v1/apps/${app}`);
    const config = JSON.parse(await readFile(freehold.app(app, "backend.json"), "utf8"));
    env[`FREEHOLD_ORIGIN_${suffix}`] = body.url;
    env[`FREEHOLD_ANON_KEY_${suffix}`] = body.keys.anon;
    env[`FREEHOLD_PUBLISHABLE_KEY_${suffix}`] = body.keys.publishable;
    env[`FREEHOLD_SERVICE_KEY_${suffix}`] = config.service_role_key;
  }
  return env;
}

async function suites(names) {
  const all = (await readdir(here)).filter((name) => name.endsWith(".test.js")).sort();
  return names.length ? names.map((name) => path.basename(name)) : all;
}

// A suite that is named after an example needs no other; any other suite may need all.
function needed(names) {
  const own = Object.keys(OWN).filter((name) => names.length === 0 || names.some((given) => path.basename(given) === name)).map((name) => OWN[name]);
  const named = names.filter((name) => !(path.basename(name) in OWN)).map((name) => path.basename(name, ".test.js"));
  const isOfAll = names.length === 0 || named.some((name) => !EXAMPLES.includes(name));
  return [...(isOfAll ? EXAMPLES : EXAMPLES.filter((app) => named.includes(app))), ...own];
}

const folderOf = (app) => (EXAMPLES.includes(app) ? example(app) : path.join(here, app));

async function drive(freehold, names) {
  const apps = needed(names);
  for (const app of apps) {
    const began = Date.now();
    const release = await freehold.deploy(folderOf(app), app);
    say(`${path.relative(path.join(here, "../.."), folderOf(app))} is live as release ${release} after ${seconds(began)}`);
  }
  const env = await environment(freehold, apps);
  const report = path.join(freehold.home, "suites.tap");
  const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap", `--test-reporter-destination=${report}`];
  const code = await run(process.execPath, ["--test", "--test-concurrency=1", ...reporters, ...(await suites(names))], env);
  const text = await readFile(report, "utf8");
  const count = (what) => Number(text.match(new RegExp(`^# ${what} (\\d+)$`, "m"))?.[1] ?? 0);
  return { passed: count("pass"), failed: Math.max(count("fail") + count("cancelled"), code === 0 ? 0 : 1) };
}

const began = Date.now();
await install();
const freehold = await Freehold.start();
say(`Freehold runs on port ${freehold.port} with its home in ${freehold.home}`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => freehold.end().finally(() => process.exit(130)));

let passed = 0;
let failed = 1;
try {
  ({ passed, failed } = await drive(freehold, process.argv.slice(2)));
} catch (error) {
  console.error(error.message);
} finally {
  await freehold.end();
}
for (const { pid, command } of await freehold.processes()) {
  console.error(`left behind: ${pid} ${command}`);
  failed++;
}
console.log(`end to end: ${passed} passed, ${failed} failed (${seconds(began)})`);
process.exit(failed === 0 ? 0 : 1);
