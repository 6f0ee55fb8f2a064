"use client"

import { useActionState } from "react"
import { ask } from "@/app/shed/actions"
import { Problem } from "@/components/problem"
import { Button } from "@/components/ui/button"
import { Input } from "@/components/ui/input"

export function AskForm({ toolId }: { toolId: string }) {
  const [problem, action, isAsking] = useActionState(ask.bind(null, toolId), null)
  return (
    <form action={action} className="mt-6 grid gap-3">
      <label>
        A word to the owner
        <Input name="note" />
      </label>
      <Problem text={problem} />
      <Button disabled={isAsking}>Ask to borrow</Button>
    </form>
  )
}
