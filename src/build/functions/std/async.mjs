// SPDX-License-Identifier: Apache-2.0
// std/async: what functions use of it.
export const delay = (ms, { signal } = {}) => new Promise((resolve, reject) => {
  signal?.throwIfAborted();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

export function deadline(promise, ms) {
  const { promise: late, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new DOMException('Signal timed out.', 'TimeoutError')), ms);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function retry(call, { maxAttempts = 5, minTimeout = 1000, maxTimeout = 60000, multiplier = 2 } = {}) {
  for (let attempt = 1, pause = minTimeout; ; attempt++, pause = Math.min(pause * multiplier, maxTimeout)) {
    try { return await call(); } catch (error) {
      if (attempt >= maxAttempts) throw error;
      await delay(pause);
    }
  }
}

export function debounce(call, wait) {
  let timer;
  const later = (...args) => { clearTimeout(timer); timer = setTimeout(() => call(...args), wait); };
  later.clear = () => clearTimeout(timer);
  return later;
}
