// SPDX-License-Identifier: Apache-2.0
// std/http/status, from Node's list of RFC 9110's codes.
import { STATUS_CODES } from 'node:http';

const camel = (text) => text.replace(/'/g, '').split(/[^A-Za-z]+/).filter(Boolean).map((word) => word[0].toUpperCase() + word.slice(1)).join('');
export const STATUS_TEXT = Object.fromEntries(Object.entries(STATUS_CODES).map(([code, text]) => [Number(code), text]));
export const STATUS_CODE = Object.fromEntries(Object.entries(STATUS_CODES).map(([code, text]) => [code === '200' ? 'OK' : code === '418' ? 'Teapot' : camel(text), Number(code)]));
export const Status = STATUS_CODE;
const between = (from, to) => (code) => code >= from && code < to;
export const isInformationalStatus = between(100, 200), isSuccessfulStatus = between(200, 300), isRedirectStatus = between(300, 400);
export const isClientErrorStatus = between(400, 500), isServerErrorStatus = between(500, 600), isErrorStatus = between(400, 600);
