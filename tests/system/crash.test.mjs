// SPDX-License-Identifier: Apache-2.0
// freeholdd killed in every step of a deployment. CRASH_SEED chooses which point of each step; all: tests/long/crash.mjs.
import test, { before, after } from 'node:test';
import { Freehold } from './freehold.mjs';
import { Visitor, points, round, source, steps } from './crash.mjs';

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Date.now() / 86400000));
// The places inside steps that are worth it every time, and one of began, ran, done of each step.
const always = ['package:dressed', 'migrate:committed', 'promote:renamed', 'promote:undo', 'package:undo'];
function isChosen({ at, again }, isFirst) {
  if (process.env.CRASH_ALL) return true;
  if (process.env.CRASH_AT) return process.env.CRASH_AT.split(' ').includes(at);
  const [step, point] = at.split(':');
  const turn = ['began', 'ran', 'done'].indexOf(point);
  if (again !== undefined) return at === 'migrate:committed';
  if (turn < 0) return always.includes(at);
  // A first deployment differs where there is nothing yet to go back to.
  if (isFirst && !['receive', 'rehearse', 'start', 'promote'].includes(step)) return false;
  return (steps.indexOf(step) + seed) % 3 === turn;
}
const title = ({ at, again }) => (again ? `${at}, then ${again}` : at);

let f;
before(async () => {
  f = await Freehold.start();
});
after(async () => { await f.end(); });

test(`over a live release (seed ${seed})`, async (t) => {
  let dir = await source();
  let state = { live: await f.deploy(dir.dir, 'shop'), migrations: dir.migrations, versions: dir.versions };
  const visitor = new Visitor(f, 'shop');
  for (const point of points.filter((p) => p.only === undefined && isChosen(p, false)))
    await t.test(title(point), async () => { state = await round(f, 'shop', point, state); });
  await visitor.end();
});

test('a first deployment', async (t) => {
  let n = 0;
  for (const point of points.filter((p) => isChosen(p, true)))
    await t.test(title(point), async () => {
      const app = `new${++n}`;
      try {
        await round(f, app, point, null);
      } finally {
        await f.api('DELETE', `/v1/apps/${app}`);
      }
    });
});

// The points where a server of the app's own runs, is about to, or has just been left.
const withServer = ['package:ran', 'start:backend', 'start:server', 'start:ran', 'verify:ran', 'promote:renamed', 'promote:done', 'watch:began', 'start:undo', 'start:undone'];

test('over a live server', async (t) => {
  const first = await source({ hasServer: true });
  let state = { live: await f.deploy(first.dir, 'served'), migrations: first.migrations, versions: first.versions };
  const visitor = new Visitor(f, 'served');
  for (const point of points.filter((p) => withServer.includes(p.at) && p.again === undefined && (process.env.CRASH_AT === undefined || isChosen(p, false))))
    await t.test(point.at, async () => { state = await round(f, 'served', point, state, { hasServer: true }); });
  await visitor.end();
});
