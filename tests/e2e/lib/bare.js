// SPDX-License-Identifier: Apache-2.0
//
// A suite against a bare backend in front of a fresh database, without daemon and edge (tests/pg/with_backend): the file
// runs itself once more inside.
//
//   if (!inside) runInside(import.meta.url);
//   else { … const { url, keys } = backend; await configure({ site_url: … }) … }
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bin } from "../../system/freehold.mjs";

const config = process.env.FREEHOLD_BACKEND_CONFIG;
export const inside = config !== undefined;

export function runInside(file) {
  const name = path.basename(fileURLToPath(file));
  test(`${name}, against a backend of its own`, { timeout: 180_000 }, async () => {
    const env = { ...process.env };
    delete env.NODE_TEST_CONTEXT;
    const child = spawn(path.join(bin, "../../tests/pg/with_backend"), [path.join(bin, "freehold-backend"), "-", "bare", process.execPath, "--test-reporter=spec", "--test", fileURLToPath(file)], { env, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (bytes) => { said += bytes; });
    const code = await new Promise((resolve) => child.on("exit", resolve));
    assert.equal(code, 0, said);
  });
}

export const backend = inside && {
  origin: process.env.FREEHOLD_ORIGIN_BARE,
  url: process.env.FREEHOLD_ORIGIN_BARE.replace("bare.localhost", "127.0.0.1"),
  anon: process.env.FREEHOLD_ANON_KEY_BARE,
  service: process.env.FREEHOLD_SERVICE_KEY_BARE,
};

// Puts the app's sign-in settings in place, and other members of the configuration (bin/backend/config.h), as the daemon
// does, and waits until they hold.
let edition = 0;
export async function configure(auth, others = {}) {
  const whole = { ...JSON.parse(await readFile(config, "utf8")), ...others };
  const mark = `edition${++edition}`;
  whole.auth = { ...auth, external: { ...auth.external, [mark]: { enabled: false, client_id: "x", url: "https://edition.example" } } };
  await writeFile(`${config}.new`, JSON.stringify(whole), { mode: 0o600 });
  await rename(`${config}.new`, config);
  for (let i = 0; i < 400; i++) {
    const { msg } = await (await fetch(`${backend.url}/auth/v1/authorize?provider=${mark}`)).json();
    if (/not enabled/.test(msg)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the backend did not take the settings");
}

// A browser without a screen: cookies, redirects, and the forms that `fill` answers (null: stop there).
export class Browser {
  jar = new Map();

  async go(url, { init = {}, fill = () => null, stop = () => false } = {}) {
    for (let i = 0; i < 20; i++) {
      if (stop(url)) return { url };
      const { host, hostname } = new URL(url);
      const to = hostname === "bare.localhost" ? url.replace("bare.localhost", "127.0.0.1") : url;
      const cookie = [...(this.jar.get(host) ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
      const reply = await fetch(to, { redirect: "manual", ...init, headers: { ...init.headers, cookie } });
      if (!this.jar.has(host)) this.jar.set(host, new Map());
      for (const line of reply.headers.getSetCookie()) {
        const [name, ...value] = line.split(";")[0].split("=");
        this.jar.get(host).set(name, value.join("="));
      }
      if (reply.status >= 300 && reply.status < 400) {
        url = new URL(reply.headers.get("location"), url).href;
        init = {};
        continue;
      }
      const text = await reply.text();
      const form = text.match(/<form([^>]*)>/);
      const values = form && fill(text);
      if (!values) return { url, status: reply.status, text, headers: reply.headers };
      const body = new URLSearchParams(values);
      const plain = (value) => value.replaceAll("&amp;", "&").replaceAll("&#39;", "'").replaceAll("&#34;", '"');
      for (const [, name, value] of text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)) if (!body.has(name)) body.set(name, plain(value));
      const action = form[1].match(/action="([^"]+)"/)?.[1];
      url = action ? new URL(action, url).href : url.split("?")[0];
      init = { method: "POST", body };
    }
    throw new Error(`too many steps, last at ${url}`);
  }
}
