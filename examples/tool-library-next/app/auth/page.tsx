"use client"

import { useRouter } from "next/navigation"
import { useState, type FormEvent } from "react"
import { Problem } from "@/components/problem"
import { Button } from "@/components/ui/button"
import { Input } from "@/components/ui/input"
import { createClient } from "@/lib/supabase/client"

export default function Auth() {
  const router = useRouter()
  const [isNew, setIsNew] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)

  async function enter(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [email, password] = [String(form.get("email")), String(form.get("password"))]
    const supabase = createClient()
    const { error } = isNew
      ? await supabase.auth.signUp({ email, password, options: { data: { display_name: String(form.get("name")) } } })
      : await supabase.auth.signInWithPassword({ email, password })
    if (error) return setProblem(error.message)
    router.push("/shed")
    router.refresh()
  }

  return (
    <>
      <h1 className="text-2xl font-semibold">{isNew ? "A shed of your own" : "Back to your shed"}</h1>
      <form onSubmit={enter} className="mt-6 grid gap-3">
        {isNew && (
          <label>
            Name
            <Input name="name" required />
          </label>
        )}
        <label>
          Email
          <Input name="email" type="email" required />
        </label>
        <label>
          Password
          <Input name="password" type="password" minLength={6} required />
        </label>
        <Problem text={problem} />
        <Button>{isNew ? "Create account" : "Sign in"}</Button>
        <Button type="button" variant="outline" onClick={() => setIsNew(!isNew)}>
          {isNew ? "Been here before?" : "New here?"}
        </Button>
      </form>
    </>
  )
}
