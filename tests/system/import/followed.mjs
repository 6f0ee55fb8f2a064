// SPDX-License-Identifier: Apache-2.0
//
// A source that can be followed, and those who write to it.
import { spawn } from 'node:child_process';
import { Bare } from './bare.mjs';

// A project whose owner may replicate, with a table that has no key, one that is not logged, and a sequence.
export async function startSource() {
  const b = await Bare.project();
  await b.psql(`alter role postgres replication; set role postgres; create table public.moved (id bigint primary key, body text);
    create table public.keyless (id bigint); create unlogged table public.scratch (id int primary key); insert into public.scratch values (7); create sequence public.counter;
    insert into public.moved select n, md5(n::text) from generate_series(100, 20000) n`);
  return b;
}

// Slots and publications of a move.
export const made = (b) => b.psql("select (select count(*) from pg_replication_slots where slot_name like 'freehold_move%') + (select count(*) from pg_publication where pubname like 'freehold_move%')");
export const writable = (b) => b.psql("insert into public.moved values (1, 'x') on conflict do nothing", { user: 'postgres' }).then(() => true, () => false);

// Inserts, changes and deletes rows, each acknowledged by its transaction, until it is refused or told to end.
export class Writer {
  constructor(b, number) {
    Object.assign(this, { next: number * 1e6, rows: new Map(), refused: '', running: true });
    const child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', b.url()], { stdio: 'pipe' });
    let said = '';
    const send = () => {
      if (!this.running) return child.stdin.end();
      const id = ++this.next, before = id - 3;
      child.stdin.write(`begin; insert into public.moved values (${id}, 'new'); update public.moved set body = 'changed' where id = ${id - 1}; delete from public.moved where id = ${before} and id % 2 = 0; insert into public.keyless values (${id}); select nextval('public.counter'); commit; select 'did ${id}';\n`);
    };
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk) => {
      said += chunk;
      for (let end; (end = said.indexOf('\n')) >= 0; said = said.slice(end + 1)) {
        const id = Number(said.slice(0, end).match(/^did (\d+)$/)?.[1] ?? 0);
        if (id === 0) continue;
        this.rows.set(id, 'new');
        if (this.rows.has(id - 1)) this.rows.set(id - 1, 'changed');
        if ((id - 3) % 2 === 0) this.rows.delete(id - 3);
        setTimeout(send, 1);
      }
    });
    child.stderr.on('data', (chunk) => { this.refused += chunk; });
    this.ended = new Promise((resolve) => child.on('exit', resolve));
    send();
  }
  async end() { this.running = false; await this.ended; return this; }
}
