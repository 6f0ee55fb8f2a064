"use server"

import { revalidatePath } from "next/cache"
import { redirect } from "next/navigation"
import { createClient } from "@/lib/supabase/server"

// Each runs as the visitor whose cookies came with the request; row security decides.
async function visitor() {
  const supabase = await createClient()
  const { data } = await supabase.auth.getUser()
  if (!data.user) redirect("/auth")
  return { supabase, id: data.user.id }
}

export async function hangUp(form: FormData) {
  const { supabase, id } = await visitor()
  const { error } = await supabase
    .from("tools")
    .insert({ owner_id: id, name: String(form.get("name")), description: String(form.get("description")) })
  if (error) throw new Error(error.message)
  revalidatePath("/shed")
}

export async function setListed(toolId: string, isListed: boolean) {
  const { supabase } = await visitor()
  const { error } = await supabase.from("tools").update({ is_listed: isListed }).eq("id", toolId)
  if (error) throw new Error(error.message)
  revalidatePath("/shed")
}

export async function ask(toolId: string, _: string | null, form: FormData): Promise<string | null> {
  const { supabase, id } = await visitor()
  const { error } = await supabase
    .from("loans")
    .insert({ tool_id: toolId, borrower_id: id, lender_id: id, note: String(form.get("note")) })
  if (error) return error.message
  redirect("/shed")
}

export async function answer(loanId: string, status: "approved" | "declined" | "returned") {
  const { supabase } = await visitor()
  const { error } = await supabase.from("loans").update({ status }).eq("id", loanId)
  if (error) throw new Error(error.message)
  revalidatePath("/shed")
}

export async function signOut() {
  const { supabase } = await visitor()
  await supabase.auth.signOut()
  redirect("/auth")
}
