import Link from "next/link"
import { createClient } from "@/lib/supabase/server"

export default async function Wall() {
  const supabase = await createClient()
  const { data: tools, error } = await supabase
    .from("tools")
    .select("id, name, description, owner:profiles(display_name)")
    .eq("is_listed", true)
    .order("created_at", { ascending: false })
    .limit(60)
    .overrideTypes<{ id: string; name: string; description: string; owner: { display_name: string } }[], { merge: false }>()
  if (error) throw new Error(error.message)

  return (
    <>
      <h1 className="text-3xl font-semibold">One drill is enough for the whole street</h1>
      <ul className="mt-8 grid gap-3">
        {tools.map((tool) => (
          <li key={tool.id} data-testid="tool" className="rounded border border-stone-300 bg-white p-4">
            <Link href={`/tools/${tool.id}`} prefetch={false} className="text-lg font-medium">
              {tool.name}
            </Link>
            <p>{tool.description}</p>
            <p className="text-sm text-stone-500">From the shed of {tool.owner.display_name}</p>
          </li>
        ))}
      </ul>
      {tools.length === 0 && <p className="mt-8">Nothing hangs here yet.</p>}
    </>
  )
}
