import { createServerFn } from "@tanstack/react-start";
import { z } from "zod";
import { requireSupabaseAuth } from "@/integrations/supabase/auth-middleware";

// Anyone: the wall, rendered by the server.
export const getWall = createServerFn({ method: "GET" }).handler(async () => {
  const { supabasePublic, supabaseAdmin } = await import("@/integrations/supabase/client.server");
  const { data, error } = await supabasePublic()
    .from("tools")
    .select("id, name, description, owner:profiles!tools_owner_id_fkey(display_name)")
    .order("created_at", { ascending: false })
    .limit(60);
  if (error) throw new Error(error.message);
  // A figure that nobody may read row by row.
  const { count } = await supabaseAdmin().from("loans").select("*", { count: "exact", head: true });
  return { tools: data, loans: count ?? 0 };
});

export const getTool = createServerFn({ method: "GET" })
  .validator(z.object({ id: z.string().uuid() }))
  .handler(async ({ data }) => {
    const { supabasePublic } = await import("@/integrations/supabase/client.server");
    const { data: tool, error } = await supabasePublic()
      .from("tools")
      .select("id, name, description, owner:profiles!tools_owner_id_fkey(display_name)")
      .eq("id", data.id)
      .maybeSingle();
    if (error) throw new Error(error.message);
    return tool;
  });

// The visitor's own: row security decides.
export const getShed = createServerFn({ method: "GET" })
  .middleware([requireSupabaseAuth])
  .handler(async ({ context: { supabase, userId } }) => {
    const [me, tools, loans] = await Promise.all([
      supabase.from("profiles").select("display_name").eq("id", userId).single(),
      supabase.from("tools").select("id, name, is_listed").eq("owner_id", userId).order("created_at"),
      supabase
        .from("loans")
        .select(
          "id, status, note, lender_id, tool:tools(name), borrower:profiles!loans_borrower_id_fkey(display_name), lender:profiles!loans_lender_id_fkey(display_name)",
        )
        .order("created_at"),
    ]);
    const error = me.error ?? tools.error ?? loans.error;
    if (error) throw new Error(error.message);
    return { name: me.data!.display_name, userId, tools: tools.data!, loans: loans.data! };
  });

export const addTool = createServerFn({ method: "POST" })
  .middleware([requireSupabaseAuth])
  .validator(z.object({ name: z.string().min(2).max(80), description: z.string().max(1000) }))
  .handler(async ({ data, context: { supabase } }) => {
    const { error } = await supabase.from("tools").insert(data);
    if (error) throw new Error(error.message);
  });

export const listTool = createServerFn({ method: "POST" })
  .middleware([requireSupabaseAuth])
  .validator(z.object({ id: z.string().uuid(), is_listed: z.boolean() }))
  .handler(async ({ data, context: { supabase } }) => {
    const { error } = await supabase.from("tools").update({ is_listed: data.is_listed }).eq("id", data.id);
    if (error) throw new Error(error.message);
  });

export const askForTool = createServerFn({ method: "POST" })
  .middleware([requireSupabaseAuth])
  .validator(z.object({ tool_id: z.string().uuid(), note: z.string().max(500) }))
  .handler(async ({ data, context: { supabase } }) => {
    const { error } = await supabase.from("loans").insert(data);
    if (error) throw new Error(error.message);
  });

export const answerLoan = createServerFn({ method: "POST" })
  .middleware([requireSupabaseAuth])
  .validator(z.object({ id: z.string().uuid(), status: z.enum(["approved", "declined", "returned"]) }))
  .handler(async ({ data, context: { supabase } }) => {
    const { error } = await supabase.from("loans").update({ status: data.status }).eq("id", data.id);
    if (error) throw new Error(error.message);
  });
