// SPDX-License-Identifier: Apache-2.0
// Loaded before an app that talks to its database by @neondatabase/serverless, which wants a service of Neon's in between: HTTP with
// JSON (neon()), or a WebSocket (Pool, Client). Here both are led straight to the PostgreSQL that DATABASE_URL names, where that is on
// this machine; otherwise nothing is changed. Written by Freehold; not part of the app.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const isLocal = (host) => host === '127.0.0.1' || host === 'localhost';
const parse = (text) => { try { return new URL(text); } catch { return null; } };
const IDLE_MAX = 5;

// PostgreSQL's protocol, version 3: what a query in text form needs.
class Connection {
  constructor(url) {
    this.url = url;
    this.pending = Buffer.alloc(0);
    this.socket = net.connect(Number(url.port || 5432), '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => { this.pending = Buffer.concat([this.pending, chunk]); this.read(); });
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => this.fail(new Error('the database closed the connection')));
  }

  fail(error) {
    this.isOver = true;
    this.waiting?.reject(error);
    this.waiting = null;
  }

  // Collects what comes until the server is ready for the next query.
  ready() {
    return new Promise((resolve, reject) => { this.waiting = { resolve, reject, result: { fields: [], rows: [], command: null, rowCount: null }, error: null }; });
  }

  read() {
    while (this.pending.length >= 5) {
      const length = this.pending.readInt32BE(1);
      if (this.pending.length < length + 1) return;
      const body = this.pending.subarray(5, length + 1);
      this.take(String.fromCharCode(this.pending[0]), body);
      this.pending = this.pending.subarray(length + 1);
    }
  }

  take(type, body) {
    const w = this.waiting;
    if (type === 'R') return this.authenticate(body);
    if (!w) return;
    if (type === 'T') w.result.fields = fieldsOf(body);
    if (type === 'D') w.result.rows.push(rowOf(body));
    if (type === 'C') {
      const words = body.toString('utf8', 0, body.length - 1).split(' ');
      w.result.command = words[0];
      w.result.rowCount = /^\d+$/.test(words.at(-1)) ? Number(words.at(-1)) : null;
    }
    if (type === 'E') w.error = errorOf(body);
    if (type === 'Z' || (type === 'E' && !this.isIn)) {
      if (type === 'Z') this.isIn = true;
      this.waiting = null;
      if (w.error) w.reject(w.error);
      else w.resolve(w.result);
    }
  }

  async open() {
    const user = decodeURIComponent(this.url.username), database = decodeURIComponent(this.url.pathname.slice(1)) || user;
    const text = Buffer.from(`user\0${user}\0database\0${database}\0client_encoding\0UTF8\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(text.length + 8, 0);
    head.writeInt32BE(3 << 16, 4);
    this.socket.write(Buffer.concat([head, text]));
    await this.ready();
    return this;
  }

  send(...messages) {
    this.socket.write(Buffer.concat(messages.flatMap(([type, ...parts]) => {
      const body = Buffer.concat(parts), head = Buffer.alloc(5);
      head.write(type, 0);
      head.writeInt32BE(body.length + 4, 1);
      return [head, body];
    })));
  }

  authenticate(body) {
    const kind = body.readInt32BE(0), rest = body.subarray(4).toString(), password = decodeURIComponent(this.url.password);
    if (kind === 3) this.send(['p', text(password)]);
    if (kind === 10) {
      this.nonce = randomBytes(18).toString('base64');
      const first = Buffer.from(`n,,n=,r=${this.nonce}`);
      this.send(['p', text('SCRAM-SHA-256'), int32(first.length), first]);
    }
    if (kind === 11) this.send(['p', Buffer.from(this.proof(rest, password))]);
  }

  // RFC 5802 and 7677.
  proof(first, password) {
    const { r, s, i } = Object.fromEntries(first.split(',').map((part) => [part[0], part.slice(2)]));
    const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
    const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(s, 'base64'), Number(i), 32, 'sha256');
    const key = hmac(salted, 'Client Key'), bare = `c=biws,r=${r}`;
    const signature = hmac(createHash('sha256').update(key).digest(), `n=,r=${this.nonce},${first},${bare}`);
    return `${bare},p=${Buffer.from(key.map((byte, n) => byte ^ signature[n])).toString('base64')}`;
  }

  query(sql, values = []) {
    const done = this.ready();
    const parameters = values.flatMap((value) => {
      if (value === null || value === undefined) return [int32(-1)];
      const bytes = Buffer.from(typeof value === 'object' ? JSON.stringify(value) : String(value));
      return [int32(bytes.length), bytes];
    });
    this.send(
      ['P', text(''), text(sql), int16(0)],
      ['B', text(''), text(''), int16(0), int16(values.length), ...parameters, int16(0)],
      ['D', Buffer.from('P\0')], ['E', text(''), int32(0)], ['S'],
    );
    return done;
  }
}

const text = (value) => Buffer.from(`${value}\0`);
const int32 = (value) => { const b = Buffer.alloc(4); b.writeInt32BE(value); return b; };
const int16 = (value) => { const b = Buffer.alloc(2); b.writeInt16BE(value); return b; };

function fieldsOf(body) {
  const fields = [];
  for (let n = body.readInt16BE(0), at = 2; n > 0; n--) {
    const end = body.indexOf(0, at), name = body.toString('utf8', at, end);
    at = end + 1;
    fields.push({ name, tableID: body.readUInt32BE(at), columnID: body.readInt16BE(at + 4), dataTypeID: body.readUInt32BE(at + 6),
      dataTypeSize: body.readInt16BE(at + 10), dataTypeModifier: body.readInt32BE(at + 12), format: 'text' });
    at += 18;
  }
  return fields;
}

function rowOf(body) {
  const row = [];
  for (let n = body.readInt16BE(0), at = 2; n > 0; n--) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString('utf8', at, at + length));
    if (length > 0) at += length;
  }
  return row;
}

const names = { S: 'severity', C: 'code', M: 'message', D: 'detail', H: 'hint', P: 'position', p: 'internalPosition', q: 'internalQuery', W: 'where',
  s: 'schema', t: 'table', c: 'column', d: 'dataType', n: 'constraint', F: 'file', L: 'line', R: 'routine' };

function errorOf(body) {
  const found = {};
  for (const part of body.toString().split('\0')) if (names[part[0]]) found[names[part[0]]] = part.slice(1);
  return Object.assign(new Error(found.message), { found });
}

// neon(): a request with the query, answered with its rows.

const idle = [];

async function withConnection(url, work) {
  const at = idle.findIndex((it) => it.url.href === url.href && !it.isOver);
  const connection = at >= 0 ? idle.splice(at, 1)[0] : await new Connection(url).open();
  connection.socket.ref();
  try {
    return await work(connection);
  } finally {
    connection.socket.unref();
    if (connection.isOver || idle.length >= IDLE_MAX) connection.socket.destroy();
    else idle.push(connection);
  }
}

async function answer(url, body, headers) {
  const isArray = headers.get('neon-array-mode') === 'true';
  const shaped = ({ fields, rows, command, rowCount }) => ({ fields, command, rowCount, rowAsArray: isArray,
    rows: isArray ? rows : rows.map((row) => Object.fromEntries(row.map((value, n) => [fields[n].name, value]))) });
  return withConnection(url, async (c) => {
    if (!body.queries) return shaped(await c.query(body.query, body.params));
    const level = { ReadUncommitted: 'read uncommitted', ReadCommitted: 'read committed', RepeatableRead: 'repeatable read', Serializable: 'serializable' }[headers.get('neon-batch-isolation-level')];
    const isReadOnly = headers.get('neon-batch-read-only') === 'true';
    await c.query(`begin${level ? ` isolation level ${level}` : ''}${isReadOnly ? ' read only' : ''}`);
    try {
      const results = [];
      for (const { query, params } of body.queries) results.push(shaped(await c.query(query, params)));
      await c.query('commit');
      return { results };
    } catch (error) {
      if (!c.isOver) await c.query('rollback');
      throw error;
    }
  });
}

function leadFetch() {
  const elsewhere = globalThis.fetch;
  globalThis.fetch = async function fetch(input, init) {
    const headers = init?.headers ? new Headers(init.headers) : null;
    const url = parse(headers?.get('neon-connection-string'));
    if (!url || !isLocal(url.hostname)) return elsewhere(input, init);
    const reply = (status, value) => new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });
    try {
      return reply(200, await answer(url, JSON.parse(init.body), headers));
    } catch (error) {
      return error.found ? reply(400, error.found) : reply(500, { message: error.message });
    }
  };
}

// Pool and Client: a WebSocket that carries PostgreSQL's own bytes.

function socketOf(port, elsewhere) {
  return class Door extends EventTarget {
    constructor(address, protocols) {
      super();
      if (!isLocal(parse(address)?.hostname)) return new (elsewhere() ?? globalThis.WebSocket)(address, protocols);
      this.readyState = 0;
      this.socket = net.connect(port, '127.0.0.1', () => { this.readyState = 1; this.dispatchEvent(new Event('open')); });
      this.socket.setNoDelay(true);
      this.socket.on('data', (chunk) => this.dispatchEvent(new MessageEvent('message', { data: new Uint8Array(chunk).buffer })));
      this.socket.on('error', (error) => this.dispatchEvent(Object.assign(new Event('error'), { error, message: error.message })));
      this.socket.on('close', () => { this.readyState = 3; this.dispatchEvent(new Event('close')); });
    }

    send(data) { this.socket.write(typeof data === 'string' ? data : Buffer.from(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength)); }
    close() { this.readyState = 2; this.socket.end(); }
    on(name, listener) { this.addEventListener(name, listener); }
    removeAllListeners() {}
  };
}

function leadSockets(config, port) {
  let theirs;
  const Door = socketOf(port, () => theirs);
  Object.defineProperty(config, 'webSocketConstructor', { configurable: true, get: () => Door, set: (value) => { theirs = value; } });
  // Otherwise it sends the password before it is asked in which form.
  Object.defineProperty(config, 'pipelineConnect', { configurable: true, get: () => false, set() {} });
}

const database = parse(process.env.DATABASE_URL);
if (database && isLocal(database.hostname)) {
  leadFetch();
  try {
    // As the app finds it; whoever requires it gets another copy than whoever imports it.
    const found = createRequire(path.join(process.cwd(), 'app.js')).resolve('@neondatabase/serverless');
    const copies = [createRequire(import.meta.url)(found), await import(pathToFileURL(path.join(path.dirname(found), 'index.mjs')))];
    for (const { neonConfig } of copies) leadSockets(neonConfig, Number(database.port || 5432));
  } catch {
    // Bundled into the app: what it asks by HTTP is led all the same.
  }
}
