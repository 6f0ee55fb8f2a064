// SPDX-License-Identifier: Apache-2.0
// Where imports of functions come from, as exports write them.
import test from 'node:test';
import assert from 'node:assert/strict';
import { resolve } from '../../../src/build/functions/resolve.mjs';

const led = {
  'https://esm.sh/@supabase/supabase-js@2': 'npm:@supabase/supabase-js@2',
  'https://esm.sh/@supabase/supabase-js@2.45.0': 'npm:@supabase/supabase-js@2.45.0',
  'https://esm.sh/stripe@14.21.0?target=deno': 'npm:stripe@14.21.0',
  'https://esm.sh/stripe@14.21.0?target=deno&no-check': 'npm:stripe@14.21.0',
  'https://esm.sh/v135/resend@2.0.0': 'npm:resend@2.0.0',
  'https://esm.sh/stable/react@18.2.0/deno/react.mjs': 'npm:react@18.2.0',
  'https://esm.sh/openai': 'npm:openai',
  'https://esm.sh/*pg@8': 'npm:pg@8',
  'https://esm.sh/date-fns@3/locale/de': 'npm:date-fns@3/locale/de',
  'https://esm.sh/react-dom@18.2.0/server': 'npm:react-dom@18.2.0/server',
  'https://esm.sh/jsr/@hono/hono@4': 'npm:hono@4',
  'https://esm.sh/@supabase/supabase-js@2.45.0/dist/module/index.d.ts': 'freehold:nothing',
  'https://cdn.jsdelivr.net/npm/zod@3.22.4/+esm': 'npm:zod@3.22.4',
  'https://cdn.skypack.dev/lodash@4': 'npm:lodash@4',
  'https://unpkg.com/uuid@9': 'npm:uuid@9',
  'https://deno.land/std@0.168.0/http/server.ts': 'freehold:http_server',
  'https://deno.land/std/http/server.ts': 'freehold:http_server',
  'https://deno.land/std@0.177.0/node/crypto.ts': 'node:crypto',
  'https://deno.land/std@0.190.0/encoding/base64.ts': 'freehold:base64',
  'https://deno.land/x/xhr@0.1.0/mod.ts': 'freehold:nothing',
  'https://deno.land/x/zod@v3.22.4/mod.ts': 'npm:zod@3.22.4',
  'https://deno.land/x/hono@v4.0.0/middleware.ts': 'npm:hono@4.0.0/middleware',
  'https://deno.land/x/postgresjs@v3.4.4/mod.js': 'npm:postgres@3.4.4',
  'jsr:@supabase/supabase-js@2': 'npm:@supabase/supabase-js@2',
  'jsr:@supabase/functions-js/edge-runtime.d.ts': 'freehold:nothing',
  'jsr:@supabase/functions-js@2/edge-runtime': 'freehold:nothing',
  'jsr:@std/encoding@1/base64': 'freehold:base64',
  'jsr:@std/http@1/status': 'freehold:http_status',
  'jsr:@panva/jose@6': 'npm:jose@6',
};
const left = ['npm:zod@3', 'node:crypto', './x.ts', '../_shared/cors.ts', 'file:///app/src/a.ts', 'bare', 'https://deno.land/x/oak@v12/mod.ts',
  'https://deno.land/std@0.168.0/archive/tar.ts', 'https://esm.sh/gh/somebody/thing', 'https://raw.githubusercontent.com/a/b/main/x.ts', 'jsr:@somebody/thing@1',
  'https://esm.sh/', 'https://[bad', 'https://nowhere.invalid/esm.sh/x'];

test('what the npm registry or we have is taken from there', () => {
  for (const [from, to] of Object.entries(led)) assert.deepEqual(resolve(from), { to }, from);
});

test('what neither has is left to Deno', () => {
  for (const from of left) assert.equal(resolve(from), null, from);
});
