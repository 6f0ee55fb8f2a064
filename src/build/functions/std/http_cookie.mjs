// SPDX-License-Identifier: Apache-2.0
// std/http/cookie: RFC 6265's two headers.
export function getCookies(headers) {
  const found = {};
  for (const part of (headers.get('cookie') ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) found[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return found;
}

export function setCookie(headers, cookie) {
  const parts = [`${cookie.name}=${cookie.value}`];
  if (cookie.secure) parts.push('Secure');
  if (cookie.httpOnly) parts.push('HttpOnly');
  if (cookie.partitioned) parts.push('Partitioned');
  if (Number.isInteger(cookie.maxAge)) parts.push(`Max-Age=${cookie.maxAge}`);
  if (cookie.domain) parts.push(`Domain=${cookie.domain}`);
  if (cookie.sameSite) parts.push(`SameSite=${cookie.sameSite}`);
  if (cookie.path) parts.push(`Path=${cookie.path}`);
  if (cookie.expires) parts.push(`Expires=${new Date(cookie.expires).toUTCString()}`);
  headers.append('set-cookie', parts.join('; '));
}

export const deleteCookie = (headers, name, attributes = {}) => setCookie(headers, { ...attributes, name, value: '', expires: new Date(0) });
