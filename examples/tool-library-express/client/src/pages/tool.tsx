import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useLocation } from "wouter";
import { Problem, button, field } from "@/components/Page";
import { apiRequest } from "@/lib/queryClient";
import type { Hung } from "@/lib/types";

export default function ToolPage({ id }: { id: string }) {
  const [, go] = useLocation();
  const [note, setNote] = useState("");
  const tool = useQuery<Hung>({ queryKey: ["/api/tools", id] });
  const ask = useMutation({
    mutationFn: () => apiRequest("POST", "/api/loans", { toolId: Number(id), note }),
    onSuccess: () => go("/shed"),
  });

  if (tool.error) return <h1 className="text-2xl font-semibold">{tool.error.message}</h1>;
  if (!tool.data) return <p>One moment …</p>;
  return (
    <>
      <h1 className="text-2xl font-semibold">{tool.data.name}</h1>
      {tool.data.picture && <img src={tool.data.picture} alt={tool.data.name} className="my-3 max-h-60 rounded" />}
      <p className="mt-2">{tool.data.description}</p>
      <p className="text-stone-500">From the shed of {tool.data.owner.displayName}</p>
      <form
        className="mt-6 grid gap-3"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        <label>
          A word to the owner
          <input className={field} value={note} onChange={(e) => setNote(e.target.value)} />
        </label>
        <Problem error={ask.error} />
        <button className={button}>Ask to borrow</button>
      </form>
    </>
  );
}
