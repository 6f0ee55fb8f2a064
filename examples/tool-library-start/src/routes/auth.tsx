import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { Page, Problem, button, field, quiet } from "@/components/Page";
import { supabase } from "@/integrations/supabase/client";

export const Route = createFileRoute("/auth")({ component: Auth });

function Auth() {
  const navigate = useNavigate();
  const [isNew, setIsNew] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function enter(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [email, password] = [String(form.get("email")), String(form.get("password"))];
    const { error } = isNew
      ? await supabase.auth.signUp({ email, password, options: { data: { display_name: String(form.get("name")) } } })
      : await supabase.auth.signInWithPassword({ email, password });
    if (error) setProblem(error.message);
    else await navigate({ to: "/shed" });
  }

  return (
    <Page>
      <h1 className="text-2xl font-semibold">{isNew ? "A shed of your own" : "Back to your shed"}</h1>
      <form onSubmit={enter} className="mt-6 grid gap-3">
        {isNew && (
          <label>
            Name
            <input name="name" required className={field} />
          </label>
        )}
        <label>
          Email
          <input name="email" type="email" required className={field} />
        </label>
        <label>
          Password
          <input name="password" type="password" minLength={6} required className={field} />
        </label>
        <Problem text={problem} />
        <button className={button}>{isNew ? "Create account" : "Sign in"}</button>
        <button type="button" className={quiet} onClick={() => setIsNew(!isNew)}>
          {isNew ? "Been here before?" : "New here?"}
        </button>
      </form>
    </Page>
  );
}
