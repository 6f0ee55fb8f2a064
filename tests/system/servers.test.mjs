// SPDX-License-Identifier: Apache-2.0
// An app with a server of its own: deployed, switched, put back, broken.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { Freehold, folder } from './freehold.mjs';

let f;
before(async () => { f = await Freehold.start(); });
after(async () => { await f.end(); });

const server = (version, extra = '') => folder({
  'package.json': JSON.stringify({ name: 'echo', private: true, scripts: { start: 'NODE_ENV=production node server.js' } }),
  'server.js': `
    const http = require('node:http');
    ${extra}
    http.createServer((q, r) => {
      let bytes = 0;
      q.on('data', (d) => { bytes += d.length; });
      q.on('end', () => { r.setHeader('content-type', 'text/html'); r.end('version ${version} ' + q.method + ' ' + q.url + ' ' + bytes + ' ' + q.headers.host + ' ' + process.env.NODE_ENV); });
    }).listen(process.env.PORT, () => console.log('listening'));`,
});

test('a server goes live', async () => {
  assert.equal(await f.deploy(await server(1), 'echo'), 1);
  const page = await f.get('echo', '/hello?a=1');
  assert.match(page.text, /version 1 GET \/hello\?a=1 0 echo\.localhost/);
  const { body } = await f.api('GET', '/v1/apps/echo');
  const process = body.processes.find((p) => p.name === 'server');
  assert.equal(process.state, 'running');
  assert.equal(process.release, 1);
});
