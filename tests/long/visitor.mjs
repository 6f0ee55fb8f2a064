// SPDX-License-Identifier: Apache-2.0
//
// A visitor of an app that somebody else wrote. What goes wrong is sorted: calls that are not served yet (501), what the
// app does wrong wherever it runs (ownTrouble of its driver), and the rest, which is our trouble.
const FOREIGN = /^https?:/;

export class Visitor {
  static async open(browser, { name, origin, key, ownTrouble = /(?!)/, ignoreHTTPSErrors = false }) {
    const who = new Visitor();
    Object.assign(who, { name, origin, key, ownTrouble, trouble: [], known: [], unserved: new Map() });
    const context = await browser.newContext({ baseURL: origin, ignoreHTTPSErrors, viewport: { width: 1280, height: 860 } });
    context.setDefaultTimeout(20_000);
    who.context = context;
    who.page = await context.newPage();
    who.#listen();
    return who;
  }

  #sort(line) {
    line = line.replace(/\s+/g, " ").slice(0, 400);
    const list = this.ownTrouble.test(line) ? this.known : this.trouble;
    if (!list.includes(line)) list.push(line);
  }

  #listen() {
    this.page.on("pageerror", (error) => this.#sort(`exception: ${error.message}`));
    this.page.on("console", (line) => line.type() === "error" && this.#console(line));
    this.page.on("response", (reply) => this.#reply(reply));
    this.page.on("websocket", (socket) => socket.on("socketerror", () => this.#unserved("GET", socket.url())));
  }

  #console(line) {
    const { url } = line.location();
    // The browser's own line about a reply is told by the reply; one about another origin is of a machine without network.
    if (/^Failed to load resource/.test(line.text())) {
      if (FOREIGN.test(url) && new URL(url).origin !== this.origin) this.#sort(`foreign: ${url}`);
      return;
    }
    if (/WebSocket connection to .* failed.* 501/.test(line.text())) return;
    this.#sort(`console: ${line.text().slice(0, 300)}`);
  }

  async #reply(reply) {
    if (reply.status() < 400 || reply.request().headers()["x-driver"]) return;
    const url = new URL(reply.url());
    if (reply.status() === 501) return this.#unserved(reply.request().method(), reply.url());
    const text = await reply.text().catch(() => "");
    this.#sort(`${reply.status()} ${reply.request().method()} ${url.pathname}${url.search} ${text.slice(0, 300)}`);
  }

  #unserved(method, address) {
    const call = `${method} ${new URL(address).pathname}`;
    this.unserved.set(call, (this.unserved.get(call) ?? 0) + 1);
  }

  // A call as the page's own client makes it: with the session that the app keeps in this browser. What it answers is the
  // driver's to judge.
  rest(method, path, body) {
    return this.#call(method, `/rest/v1/${path}`, body);
  }

  invoke(name, body) {
    return this.#call("POST", `/functions/v1/${name}`, body);
  }

  async #call(method, url, body) {
    return this.page.evaluate(async ({ method, url, body, key }) => {
      const name = Object.keys(localStorage).find((it) => /^sb-.*-auth-token$/.test(it));
      const session = name ? JSON.parse(localStorage.getItem(name)) : null;
      const headers = { apikey: key, authorization: `Bearer ${session?.access_token ?? key}`, "content-type": "application/json", prefer: "return=representation", "x-driver": "1" };
      const reply = await fetch(url, { method, headers, body: body ? JSON.stringify(body) : undefined });
      return { status: reply.status, body: await reply.json(), user: session?.user };
    }, { method, url, body, key: this.key });
  }
}
