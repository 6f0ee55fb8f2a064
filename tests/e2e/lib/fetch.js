// SPDX-License-Identifier: Apache-2.0
//
// fetch that finds *.localhost at the edge, as a browser does. Bodies are small here, so both ways are held in memory.
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { edgeAddress } from "./env.js";

const MAX_REPLY_BYTES = 64 << 20;
const DEADLINE_MS = 30_000;

function lookup(hostname, options, done) {
  const family = net.isIPv6(edgeAddress) ? 6 : 4;
  if (options.all) done(null, [{ address: edgeAddress, family }]);
  else done(null, edgeAddress, family);
}

function exchange(url, request, body) {
  const { request: open } = url.protocol === "https:" ? https : http;
  const headers = Object.fromEntries(request.headers);
  if (body.length || !["GET", "HEAD"].includes(request.method)) headers["content-length"] = body.length;
  const options = { method: request.method, headers, signal: AbortSignal.timeout(DEADLINE_MS) };
  if (url.hostname.endsWith(".localhost")) options.lookup = lookup;

  return new Promise((resolve, reject) => {
    const sent = open(url, options, (reply) => {
      const parts = [];
      let size = 0;
      reply.on("data", (part) => {
        size += part.length;
        if (size > MAX_REPLY_BYTES) reply.destroy(new Error(`${url}: reply above ${MAX_REPLY_BYTES} bytes`));
        else parts.push(part);
      });
      reply.on("error", reject);
      reply.on("end", () => resolve({ reply, bytes: Buffer.concat(parts) }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export async function edgeFetch(input, init) {
  const request = new Request(input, init);
  const body = Buffer.from(await request.arrayBuffer());
  const { reply, bytes } = await exchange(new URL(request.url), request, body);
  const headers = new Headers();
  for (let i = 0; i < reply.rawHeaders.length; i += 2) headers.append(reply.rawHeaders[i], reply.rawHeaders[i + 1]);
  const bare = [101, 204, 205, 304].includes(reply.statusCode) || request.method === "HEAD";
  return new Response(bare ? null : bytes, { status: reply.statusCode, statusText: reply.statusMessage, headers });
}
