// SPDX-License-Identifier: Apache-2.0
// std/streams and std/io: reading to the end, as functions do it.
export async function readAll(reader) {
  const parts = [], space = new Uint8Array(65536);
  for (let got; (got = await reader.read(space)) !== null;) parts.push(space.slice(0, got));
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function* iterateReader(reader) {
  const space = new Uint8Array(65536);
  for (let got; (got = await reader.read(space)) !== null;) yield space.slice(0, got);
}

export function readerFromStreamReader(from) {
  let left = new Uint8Array(0);
  return {
    async read(into) {
      if (left.length === 0) {
        const { done, value } = await from.read();
        if (done) return null;
        left = value;
      }
      const got = left.subarray(0, into.length);
      into.set(got);
      left = left.subarray(got.length);
      return got.length;
    },
  };
}

export const readableStreamFromReader = (reader) => ReadableStream.from(iterateReader(reader));
