// SPDX-License-Identifier: Apache-2.0
// std/path: Node's, with the two names that it lacks.
import { posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const { basename, dirname, extname, format, isAbsolute, join, normalize, parse, relative, resolve, sep, delimiter } = posix;
export const SEPARATOR = '/', SEP = '/', DELIMITER = ':';
export const fromFileUrl = (url) => fileURLToPath(url), toFileUrl = (path) => pathToFileURL(path);
export { posix };
