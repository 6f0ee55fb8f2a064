// SPDX-License-Identifier: Apache-2.0
// std/uuid: version 4, and what tells an id from other texts.
import * as v4 from './uuid_v4.mjs';

export { v4 };
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';
export const isNil = (id) => id === NIL_UUID;
export const validate = (id) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id);
export const version = (id) => Number.parseInt(id[14], 16);
