import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useLocation } from "wouter";
import { Problem, button, field, quiet } from "@/components/Page";
import { apiRequest } from "@/lib/queryClient";

export default function Auth() {
  const [, go] = useLocation();
  const client = useQueryClient();
  const [isNew, setIsNew] = useState(false);
  const enter = useMutation({
    mutationFn: (data: Record<string, string>) => apiRequest("POST", isNew ? "/api/register" : "/api/login", data),
    onSuccess: () => {
      client.clear();
      go("/shed");
    },
  });

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    enter.mutate(Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>);
  }

  return (
    <>
      <h1 className="text-2xl font-semibold">{isNew ? "A shed of your own" : "Back to your shed"}</h1>
      <form onSubmit={submit} className="mt-6 grid gap-3">
        {isNew && (
          <label>
            Name
            <input name="displayName" required className={field} />
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
        <Problem error={enter.error} />
        <button className={button}>{isNew ? "Create account" : "Sign in"}</button>
        <button type="button" className={quiet} onClick={() => setIsNew(!isNew)}>
          {isNew ? "Been here before?" : "New here?"}
        </button>
      </form>
    </>
  );
}
