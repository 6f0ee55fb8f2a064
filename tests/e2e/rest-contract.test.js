// SPDX-License-Identifier: Apache-2.0
// What supabase-js asks /rest/v1 for in real exports, against the tables of the two example apps. The environment is
// described in lib/env.js; codes and statuses are PostgREST's and PostgreSQL's documented ones.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { connect, failed, person, rows, word } from "./lib/client.js";
import { appFromEnv } from "./lib/env.js";
import { edgeFetch } from "./lib/fetch.js";

const daybook = appFromEnv("studio-daybook");
const library = appFromEnv("tool-library");
const NOBODY = "00000000-0000-0000-0000-000000000000";
const names = (list) => list.map((row) => row.name ?? row.title);

describe("a studio's rows", () => {
  let owner;
  let other;
  let db;
  let clients;
  let sessions;

  const client = (name) => clients.find((row) => row.name === name).id;

  before(async () => {
    owner = await person(daybook, "owner");
    other = await person(daybook, "other");
    db = owner.client;
    clients = rows(await db.from("clients").insert([
      { name: "Alma", email: "alma@example.com", notes: "" },
      { name: "Bo (and, sons)", email: null, notes: "a \"quoted\" note, with commas" },
      { name: "Chloë_100%", email: "chloe@example.com", archived_at: "2026-01-05T10:00:00Z", notes: "" },
      { name: "Dag", email: "dag@example.com", archived_at: "2026-01-01T10:00:00Z", notes: "" },
    ]).select());
    sessions = rows(await db.from("sessions").insert([
      { client_id: client("Alma"), title: "one", starts_at: "2026-03-01T09:00:00Z", minutes: 30, fee: 10.5, status: "done" },
      { client_id: client("Alma"), title: "two", starts_at: "2026-03-02T09:00:00+02:00", minutes: 60, fee: 20, status: "confirmed" },
      { client_id: client("Alma"), title: "three", starts_at: "2026-03-03T09:00:00Z", minutes: 90, fee: 30, status: "cancelled" },
      { client_id: client("Dag"), title: "four", starts_at: "2026-03-04T09:00:00Z", minutes: 120, fee: 40, status: "tentative" },
    ]).select());
  });

  test("insert().select() gives the rows with defaults, types as JSON has them", () => {
    assert.equal(clients.length, 4);
    assert.equal(clients[0].owner_id, owner.id);
    assert.match(clients[0].id, /^[0-9a-f-]{36}$/);
    assert.strictEqual(sessions[0].fee, 10.5);
    assert.strictEqual(sessions[0].minutes, 30);
    assert.equal(sessions[1].starts_at, "2026-03-02T07:00:00+00:00");
    assert.equal(clients[1].email, null);
  });

  test("insert without select answers 201 and nothing", async () => {
    const reply = await db.from("clients").insert({ name: "Passing" });
    assert.deepEqual([reply.status, reply.data, reply.error], [201, null, null]);
    const gone = await db.from("clients").delete().eq("name", "Passing");
    assert.deepEqual([gone.status, gone.data, gone.error], [204, null, null]);
  });

  const titled = (build) => async (expected) => {
    const list = rows(await build(db.from("sessions").select("title")).order("starts_at"));
    assert.deepEqual(names(list), expected);
  };
  const filters = {
    eq: [(q) => q.eq("title", "two"), ["two"]],
    neq: [(q) => q.neq("status", "cancelled"), ["one", "two", "four"]],
    gt: [(q) => q.gt("fee", 20), ["three", "four"]],
    gte: [(q) => q.gte("fee", 20), ["two", "three", "four"]],
    lt: [(q) => q.lt("starts_at", "2026-03-02T07:00:00Z"), ["one"]],
    lte: [(q) => q.lte("starts_at", "2026-03-02T07:00:00+00:00"), ["one", "two"]],
    like: [(q) => q.like("title", "t%"), ["two", "three"]],
    ilike: [(q) => q.ilike("title", "%O%"), ["one", "two", "four"]],
    in: [(q) => q.in("status", ["done", "tentative"]), ["one", "four"]],
    "in nothing": [(q) => q.in("status", []), []],
    "not eq": [(q) => q.not("status", "eq", "done"), ["two", "three", "four"]],
    "not in": [(q) => q.not("status", "in", "(done,cancelled)"), ["two", "four"]],
    match: [(q) => q.match({ status: "confirmed", minutes: 60 }), ["two"]],
    filter: [(q) => q.filter("minutes", "gte", 90), ["three", "four"]],
    or: [(q) => q.or("title.eq.one,minutes.gte.120"), ["one", "four"]],
    "or with and": [(q) => q.or("and(fee.gte.20,fee.lte.30),status.eq.tentative"), ["two", "three", "four"]],
    "or with not and in": [(q) => q.or("not.and(fee.gte.20,status.neq.done),title.in.(four,five)"), ["one", "four"]],
    "two or": [(q) => q.or("title.eq.one,title.eq.two").or("minutes.eq.60,minutes.eq.90"), ["two"]],
    "a range on one column": [(q) => q.gte("fee", 15).lt("fee", 35), ["two", "three"]],
    limit: [(q) => q.limit(2), ["one", "two"]],
    range: [(q) => q.range(1, 2), ["two", "three"]],
  };
  for (const [name, [build, expected]] of Object.entries(filters)) test(`filter: ${name}`, () => titled(build)(expected));

  test("is null, not is null", async () => {
    assert.deepEqual(names(rows(await db.from("clients").select("name").is("archived_at", null).order("name"))), ["Alma", "Bo (and, sons)"]);
    assert.deepEqual(names(rows(await db.from("clients").select("name").not("archived_at", "is", null).order("name"))), ["Chloë_100%", "Dag"]);
  });

  test("values with commas, brackets, quotes and percent signs are values", async () => {
    const one = async (build) => names(rows(await build(db.from("clients").select("name"))));
    assert.deepEqual(await one((q) => q.eq("name", "Bo (and, sons)")), ["Bo (and, sons)"]);
    assert.deepEqual(await one((q) => q.in("name", ["Bo (and, sons)", "nobody"])), ["Bo (and, sons)"]);
    assert.deepEqual(await one((q) => q.or("name.eq.\"Bo (and, sons)\",name.eq.nobody")), ["Bo (and, sons)"]);
    assert.deepEqual(await one((q) => q.eq("notes", "a \"quoted\" note, with commas")), ["Bo (and, sons)"]);
    assert.deepEqual(await one((q) => q.eq("name", "Chloë_100%")), ["Chloë_100%"]);
    assert.deepEqual(await one((q) => q.eq("name", "'; drop table clients; --")), []);
  });

  test("order: directions, nulls, several, the embedded table", async () => {
    const ordered = async (...by) => names(rows(await by.reduce((q, [column, options]) => q.order(column, options), db.from("clients").select("name"))));
    assert.deepEqual(await ordered(["archived_at", { ascending: true, nullsFirst: true }], ["name", {}]), ["Alma", "Bo (and, sons)", "Dag", "Chloë_100%"]);
    assert.deepEqual(await ordered(["archived_at", { ascending: false, nullsFirst: false }], ["name", { ascending: false }]), ["Chloë_100%", "Dag", "Bo (and, sons)", "Alma"]);
    assert.deepEqual(await ordered(["archived_at", { ascending: true }], ["name", {}]), ["Dag", "Chloë_100%", "Alma", "Bo (and, sons)"]);
    const alma = rows(await db.from("clients").select("name, sessions(title)").eq("name", "Alma")
      .order("starts_at", { referencedTable: "sessions", ascending: false }).limit(2, { referencedTable: "sessions" }).single());
    assert.deepEqual(names(alma.sessions), ["three", "two"]);
  });

  test("select: columns, an alias, a cast", async () => {
    const one = rows(await db.from("sessions").select("what:title, fee::text").eq("title", "one").single());
    assert.deepEqual(one, { what: "one", fee: "10.50" });
  });

  test("embedding: many to one by hint and alias, one to many, (count)", async () => {
    const up = rows(await db.from("sessions").select("title, who:clients!sessions_client_id_fkey(id, name)").eq("title", "four").single());
    assert.deepEqual(up, { title: "four", who: { id: client("Dag"), name: "Dag" } });
    const byColumn = rows(await db.from("sessions").select("title, who:clients!client_id(name)").eq("title", "four").single());
    assert.deepEqual(byColumn, { title: "four", who: { name: "Dag" } });
    const down = rows(await db.from("clients").select("name, sessions(title)").in("name", ["Bo (and, sons)", "Dag"]).order("name"));
    assert.deepEqual(down, [{ name: "Bo (and, sons)", sessions: [] }, { name: "Dag", sessions: [{ title: "four" }] }]);
    const counted = rows(await db.from("clients").select("name, sessions(count)").order("name"));
    assert.deepEqual(counted.map((row) => row.sessions[0].count), [3, 0, 0, 1]);
  });

  test("embedding: a filter on the embedded leaves the outer rows, !inner takes them away", async () => {
    const outer = rows(await db.from("clients").select("name, sessions(title)").eq("sessions.status", "done").order("name"));
    assert.deepEqual(outer.map((row) => row.sessions.length), [1, 0, 0, 0]);
    const inner = rows(await db.from("clients").select("name, sessions!inner(title)").gte("sessions.fee", 30).order("name"));
    assert.deepEqual(inner, [{ name: "Alma", sessions: [{ title: "three" }] }, { name: "Dag", sessions: [{ title: "four" }] }]);
    const hinted = rows(await db.from("sessions").select("title, client:clients!sessions_client_id_fkey!inner(name)").eq("client.name", "Dag"));
    assert.deepEqual(hinted, [{ title: "four", client: { name: "Dag" } }]);
  });

  test("embedding three tables deep, as an invoice is read", async () => {
    const number = rows(await db.rpc("next_invoice_number"));
    assert.match(number, /^\d{4}-\d{4}$/);
    const invoice = rows(await db.from("invoices").insert({ client_id: client("Alma"), number }).select().single());
    rows(await db.from("invoice_lines").insert([
      { invoice_id: invoice.id, session_id: sessions[0].id, description: "b", quantity: 2, unit_price: 10.5, position: 2 },
      { invoice_id: invoice.id, session_id: null, description: "a", quantity: 1, unit_price: 4, position: 1 },
    ]));
    const read = rows(await db.from("clients")
      .select("name, invoices(number, lines:invoice_lines(description, session:sessions(title)))")
      .eq("id", client("Alma"))
      .order("position", { referencedTable: "invoices.lines" })
      .single());
    assert.deepEqual(read, { name: "Alma", invoices: [{ number, lines: [{ description: "a", session: null }, { description: "b", session: { title: "one" } }] }] });
    assert.notEqual(rows(await db.rpc("next_invoice_number")), number);

    const year = new Date().getUTCFullYear();
    rows(await db.from("invoices").update({ status: "sent" }).eq("id", invoice.id));
    const totals = rows(await db.rpc("studio_totals", { _from: `${year - 1}-01-01`, _to: `${year + 1}-12-31` }));
    assert.deepEqual(totals, { billed: 25, paid: 0, overdue: 0 });

    failed(await db.from("invoices").insert({ client_id: client("Alma"), number }), 409, "23505");
    failed(await db.from("clients").delete().eq("id", client("Alma")), 409, "23503");
    assert.deepEqual(rows(await db.from("invoices").delete().eq("id", invoice.id).select()), [], "a sent invoice is no draft");
  });

  test("count exact, with rows, without, and as head", async () => {
    const page = await db.from("sessions").select("title", { count: "exact" }).order("starts_at").range(1, 2);
    assert.deepEqual([page.count, names(rows(page)), page.status], [4, ["two", "three"], 206]);
    const head = await db.from("sessions").select("*", { count: "exact", head: true }).neq("status", "cancelled");
    assert.deepEqual([head.count, head.data, head.error], [3, null, null]);
    const none = await db.from("sessions").select("*", { count: "exact", head: true }).eq("title", "none");
    assert.equal(none.count, 0);
    failed(await db.from("sessions").select("title", { count: "exact" }).range(50, 60), 416, "PGRST103");
  });

  test("single and maybeSingle", async () => {
    const one = (title) => db.from("sessions").select("title").eq("title", title);
    assert.deepEqual(rows(await one("one").single()), { title: "one" });
    assert.match(failed(await one("none").single(), 406, "PGRST116").details, /0 rows/);
    assert.match(failed(await db.from("sessions").select("title").single(), 406, "PGRST116").details, /4 rows/);
    assert.deepEqual(rows(await one("one").maybeSingle()), { title: "one" });
    assert.equal(rows(await one("none").maybeSingle()), null);
    const many = await db.from("sessions").select("title").maybeSingle();
    assert.equal(many.error.code, "PGRST116");
  });

  test("update: changed rows, none, defaults kept", async () => {
    const [row] = rows(await db.from("sessions").update({ status: "done", fee: 41 }).eq("title", "four").select("title, status, fee, minutes"));
    assert.deepEqual(row, { title: "four", status: "done", fee: 41, minutes: 120 });
    const silent = await db.from("sessions").update({ status: "tentative", fee: 40 }).eq("title", "four");
    assert.deepEqual([silent.status, silent.data], [204, null]);
    assert.deepEqual(rows(await db.from("sessions").update({ fee: 1 }).eq("title", "none").select()), []);
    failed(await db.from("sessions").update({ fee: 1 }).eq("title", "none").select().single(), 406, "PGRST116");
    failed(await db.from("sessions").update({ status: "no such" }).eq("title", "four"), 400, "23514");
  });

  test("upsert inserts once, then merges", async () => {
    const write = (name) => db.from("studios").upsert({ owner_id: owner.id, name, currency: "SEK" }, { onConflict: "owner_id" }).select().single();
    assert.equal(rows(await write("First")).name, "First");
    assert.equal(rows(await write("Second")).name, "Second");
    assert.equal((await db.from("studios").select("*", { count: "exact", head: true })).count, 1);
    const kept = rows(await db.from("studios").upsert({ owner_id: owner.id, name: "Third" }, { onConflict: "owner_id", ignoreDuplicates: true }).select());
    assert.deepEqual(kept, []);
    assert.equal(rows(await db.from("studios").select("name").single()).name, "Second");
  });

  test("bulk insert fills what one row lacks with null or, when asked, the default", async () => {
    const added = rows(await db.from("clients").insert([{ name: "Eve", notes: "x" }, { name: "Fay" }], { defaultToNull: false }).select("name, notes").order("name"));
    assert.deepEqual(added, [{ name: "Eve", notes: "x" }, { name: "Fay", notes: "" }]);
    failed(await db.from("clients").insert([{ name: "Gus", notes: "x" }, { name: "Hal" }]), 400, "23502");
    const gone = rows(await db.from("clients").delete().in("name", ["Eve", "Fay", "Gus"]).select("name").order("name"));
    assert.deepEqual(names(gone), ["Eve", "Fay"]);
  });

  test("what does not exist is named with its code", async () => {
    failed(await db.from("no_such_table").select(), 404, "PGRST205");
    failed(await db.from("clients").select("no_such_column"), 400, "42703");
    failed(await db.from("clients").select("name, studios(name)"), 400, "PGRST200");
    failed(await db.from("clients").insert({ no_such_column: 1 }), 400, "PGRST204");
    failed(await db.rpc("no_such_function", { a: 1 }), 404, "PGRST202");
    failed(await db.from("clients").select().eq("id", "no-uuid"), 400, "22P02");
    failed(await db.from("clients").select().or("name.nosuch.1"), 400, "PGRST100");
  });

  test("row security: another account reads nothing, changes nothing, adds nothing here", async () => {
    assert.deepEqual(rows(await other.client.from("clients").select()), []);
    assert.equal((await other.client.from("sessions").select("*", { count: "exact", head: true })).count, 0);
    assert.deepEqual(rows(await other.client.from("clients").update({ name: "mine" }).eq("id", client("Alma")).select()), []);
    assert.deepEqual(rows(await other.client.from("sessions").delete().eq("id", sessions[0].id).select()), []);
    failed(await other.client.from("clients").insert({ name: "x", owner_id: owner.id }), 403, "42501");
    failed(await other.client.from("sessions").insert({ client_id: client("Alma"), title: "x", starts_at: "2026-01-01" }), 403, "42501");
    assert.equal((await db.from("sessions").select("*", { count: "exact", head: true })).count, 4);
  });

  test("anon reads nothing and may call nothing; service_role sees through row security", async () => {
    const anon = connect(daybook);
    assert.deepEqual(rows(await anon.from("clients").select()), []);
    failed(await anon.from("clients").insert({ name: "x", owner_id: owner.id }), 401, "42501");
    failed(await anon.rpc("next_invoice_number"), 401, "42501");
    const service = connect(daybook, daybook.serviceKey());
    assert.equal((await service.from("clients").select("*", { count: "exact", head: true }).eq("owner_id", owner.id)).count, 4);
  });

  test("identities do not leak from one request to the next", async () => {
    const anon = connect(daybook);
    const asked = Array.from({ length: 40 }, (_, turn) => [db, other.client, anon][turn % 3].from("clients").select("*", { count: "exact", head: true }));
    const counts = (await Promise.all(asked)).map((reply) => reply.count);
    assert.deepEqual(counts, counts.map((_, turn) => (turn % 3 === 0 ? 4 : 0)));
  });

  test("a token that is forged or spoilt is 401, not anon", async () => {
    const ask = async (token) => {
      const reply = await edgeFetch(`${daybook.origin}/rest/v1/clients?select=id`, { headers: { apikey: daybook.anonKey(), authorization: `Bearer ${token}` } });
      return [reply.status, (await reply.json()).code];
    };
    const [head, body, signature] = owner.session.access_token.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url"));
    const pack = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    assert.deepEqual(await ask(`${head}.${pack({ ...claims, sub: NOBODY })}.${signature}`), [401, "PGRST301"]);
    assert.deepEqual(await ask(`${pack({ alg: "none", typ: "JWT" })}.${pack({ ...claims, role: "service_role" })}.`), [401, "PGRST301"]);
    assert.deepEqual(await ask("rubbish"), [401, "PGRST301"]);
  });

  test("the apikey alone is anon, as new clients send it; a page elsewhere may ask", async () => {
    const bare = await edgeFetch(`${daybook.origin}/rest/v1/clients?select=id`, { headers: { apikey: daybook.anonKey() } });
    assert.deepEqual([bare.status, await bare.json()], [200, []]);
    const asked = await edgeFetch(`${daybook.origin}/rest/v1/clients`, {
      method: "OPTIONS",
      headers: { origin: "https://elsewhere.example", "access-control-request-method": "POST", "access-control-request-headers": "apikey,authorization,content-profile,prefer" },
    });
    assert.ok([200, 204].includes(asked.status), `${asked.status}`);
    assert.ok(["*", "https://elsewhere.example"].includes(asked.headers.get("access-control-allow-origin")));
    assert.match(asked.headers.get("access-control-allow-headers").toLowerCase(), /\*|authorization/);
  });
});

describe("a street's tools", () => {
  const mark = word();
  let ada;
  let bruno;
  let tools;

  before(async () => {
    ada = await person(library, "ada", { display_name: "Ada", street: "Lime Lane 7" });
    bruno = await person(library, "bruno", { display_name: "Bruno" });
    tools = rows(await ada.client.from("tools").insert([
      { name: `Saw ${mark}`, category: "wood", max_days: 3 },
      { name: `Spade ${mark}`, category: "garden" },
      { name: `Hidden ${mark}`, category: "repair", is_listed: false },
    ], { defaultToNull: false }).select());
  });

  test("the trigger on auth.users made the profiles", async () => {
    const list = rows(await ada.client.from("profiles").select("display_name, street").in("id", [ada.id, bruno.id]).order("display_name"));
    assert.deepEqual(list, [{ display_name: "Ada", street: "Lime Lane 7" }, { display_name: "Bruno", street: null }]);
  });

  test("two ways to one table: without a hint 300, with one each its own", async () => {
    const days = { starts_on: "2027-05-01", ends_on: "2027-05-02" };
    const loan = rows(await bruno.client.from("loans").insert({ tool_id: tools[0].id, lender_id: bruno.id, ...days })
      .select("status, tool:tools(name), borrower:profiles!loans_borrower_id_fkey(display_name), lender:profiles!lender_id(display_name)").single());
    assert.deepEqual(loan, { status: "requested", tool: { name: `Saw ${mark}` }, borrower: { display_name: "Bruno" }, lender: { display_name: "Ada" } });
    const unclear = await bruno.client.from("loans").select("id, profiles(display_name)");
    assert.equal(unclear.error.code, "PGRST201");
    assert.equal(unclear.status, 300);
    assert.equal(rows(await ada.client.rpc("is_tool_free", { _tool_id: tools[0].id, _from: days.starts_on, _to: days.ends_on })), true);
  });

  test("an exception raised in a trigger arrives in its words", async () => {
    const own = await ada.client.from("loans").insert({ tool_id: tools[0].id, lender_id: ada.id, starts_on: "2027-06-01", ends_on: "2027-06-02" });
    assert.equal(failed(own, 400, "P0001").message, "This one is yours already");
    const enumerated = await ada.client.from("tools").insert({ name: "x y", category: "boats" });
    failed(enumerated, 400, "22P02");
  });

  test("upsert with a composite key: ignored, merged, never doubled", async () => {
    const row = { user_id: bruno.id, tool_id: tools[0].id };
    const options = { onConflict: "user_id,tool_id" };
    assert.equal(rows(await bruno.client.from("favourites").upsert(row, { ...options, ignoreDuplicates: true }).select()).length, 1);
    assert.equal(rows(await bruno.client.from("favourites").upsert(row, { ...options, ignoreDuplicates: true }).select()).length, 0);
    assert.equal(rows(await bruno.client.from("favourites").upsert([row, { ...row, tool_id: tools[1].id }], options).select()).length, 2);
    failed(await bruno.client.from("favourites").insert(row), 409, "23505");
  });

  test("many to many through a join table", async () => {
    const list = rows(await bruno.client.from("favourites").select("tool:tools!inner(name, owner:profiles!tools_owner_id_fkey(display_name))").eq("tool.category", "wood"));
    assert.deepEqual(list, [{ tool: { name: `Saw ${mark}`, owner: { display_name: "Ada" } } }]);
  });

  test("a set returning function is filtered and ordered like a table", async () => {
    const summary = rows(await ada.client.rpc("wall_summary").in("category", ["wood", "garden"]).order("category", { ascending: false }));
    assert.deepEqual(summary.map((row) => row.category), ["wood", "garden"]);
    assert.ok(summary.every((row) => Number.isInteger(row.tools) && row.tools >= 1));
    assert.ok(rows(await connect(library).rpc("wall_summary", {}, { get: true })).length >= 2);
  });

  test("a passer-by reads listed tools without their owners, and nothing private", async () => {
    const anon = connect(library);
    const wall = rows(await anon.from("tools").select("name, owner:profiles!tools_owner_id_fkey(display_name)").ilike("name", `%${mark}`).order("name"));
    assert.deepEqual(wall, [{ name: `Saw ${mark}`, owner: null }, { name: `Spade ${mark}`, owner: null }]);
    assert.deepEqual(rows(await anon.from("loans").select()), []);
    failed(await anon.rpc("is_tool_free", { _tool_id: tools[0].id, _from: "2027-01-01", _to: "2027-01-02" }), 401, "42501");
  });
});
