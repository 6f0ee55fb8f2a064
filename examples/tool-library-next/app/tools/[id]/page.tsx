import { notFound } from "next/navigation"
import { AskForm } from "@/components/ask-form"
import { createClient } from "@/lib/supabase/server"

export default async function Tool({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params
  const supabase = await createClient()
  const { data: tool } = await supabase
    .from("tools")
    .select("id, name, description, owner:profiles(display_name)")
    .eq("id", id)
    .maybeSingle()
    .overrideTypes<{ id: string; name: string; description: string; owner: { display_name: string } }, { merge: false }>()
  if (!tool) notFound()

  return (
    <>
      <h1 className="text-2xl font-semibold">{tool.name}</h1>
      <p className="mt-2">{tool.description}</p>
      <p className="text-stone-500">From the shed of {tool.owner.display_name}</p>
      <AskForm toolId={tool.id} />
    </>
  )
}
