// SPDX-License-Identifier: Apache-2.0
// std/uuid/v4
export const generate = () => crypto.randomUUID();
export const validate = (id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(id);
