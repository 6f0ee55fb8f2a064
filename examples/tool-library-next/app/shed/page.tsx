import { redirect } from "next/navigation"
import { Button } from "@/components/ui/button"
import { Input } from "@/components/ui/input"
import { createClient } from "@/lib/supabase/server"
import { answer, hangUp, setListed, signOut } from "./actions"

type Loan = {
  id: string
  status: "requested" | "approved" | "declined" | "returned"
  note: string
  lender_id: string
  tool: { name: string }
  borrower: { display_name: string }
  lender: { display_name: string }
}

export default async function Shed() {
  const supabase = await createClient()
  const { data } = await supabase.auth.getUser()
  if (!data.user) redirect("/auth")
  const me = data.user.id
  const [profile, tools, loans] = await Promise.all([
    supabase.from("profiles").select("display_name").eq("id", me).single(),
    supabase.from("tools").select("id, name, is_listed").eq("owner_id", me).order("created_at"),
    supabase
      .from("loans")
      .select(
        "id, status, note, lender_id, tool:tools(name), borrower:profiles!loans_borrower_id_fkey(display_name), lender:profiles!loans_lender_id_fkey(display_name)",
      )
      .order("created_at")
      .overrideTypes<Loan[], { merge: false }>(),
  ])
  const error = profile.error ?? tools.error ?? loans.error
  if (error) throw new Error(error.message)

  return (
    <>
      <div className="flex items-center justify-between">
        <h1 className="text-2xl font-semibold">{profile.data!.display_name}&apos;s shed</h1>
        <form action={signOut}>
          <Button variant="outline">Sign out</Button>
        </form>
      </div>
      <form action={hangUp} className="my-6 grid gap-3 rounded border border-stone-300 p-4">
        <label>
          What is it?
          <Input name="name" required minLength={2} maxLength={80} />
        </label>
        <label>
          What should a neighbour know?
          <Input name="description" />
        </label>
        <Button>Hang it up</Button>
      </form>
      <ul className="grid gap-2">
        {tools.data!.map((tool) => (
          <li key={tool.id} data-testid="my-tool" data-id={tool.id} className="flex justify-between rounded bg-white p-3">
            <span>
              {tool.name} {!tool.is_listed && "(only you see it)"}
            </span>
            <form action={setListed.bind(null, tool.id, !tool.is_listed)}>
              <Button variant="outline">{tool.is_listed ? "Take it off the wall" : "Hang it back"}</Button>
            </form>
          </li>
        ))}
      </ul>
      <h2 className="mt-8 text-lg font-medium">Loans</h2>
      <ul className="mt-2 grid gap-2">
        {loans.data!.map((loan) => (
          <LoanRow key={loan.id} loan={loan} isMine={loan.lender_id === me} />
        ))}
      </ul>
    </>
  )
}

function LoanRow({ loan, isMine }: { loan: Loan; isMine: boolean }) {
  const choices = { requested: { approved: "Lend it", declined: "Not now" }, approved: { returned: "It is back" } }
  const list = isMine ? Object.entries(choices[loan.status as keyof typeof choices] ?? {}) : []
  return (
    <li data-testid="loan" className="flex items-center justify-between gap-2 rounded bg-white p-3">
      <span>
        {loan.tool.name} {isMine ? `to ${loan.borrower.display_name}` : `from ${loan.lender.display_name}`}:{" "}
        <b>{loan.status}</b> {loan.note}
      </span>
      <span className="flex gap-2">
        {list.map(([status, label]) => (
          <form key={status} action={answer.bind(null, loan.id, status as "approved")}>
            <Button variant="outline">{label}</Button>
          </form>
        ))}
      </span>
    </li>
  )
}
