import { createServerClient } from "@supabase/ssr"
import { cookies } from "next/headers"

// One for each request: it carries the visitor's cookies.
export async function createClient() {
  const store = await cookies()
  return createServerClient(process.env.NEXT_PUBLIC_SUPABASE_URL!, process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY!, {
    cookies: {
      getAll: () => store.getAll(),
      setAll: (list) => {
        try {
          for (const { name, value, options } of list) store.set(name, value, options)
        } catch {
          // A page may not set cookies; proxy.ts has refreshed them already.
        }
      },
    },
  })
}
