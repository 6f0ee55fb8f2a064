import { createFileRoute, notFound, useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { Page, Problem, button, field } from "@/components/Page";
import { supabase } from "@/integrations/supabase/client";
import { askForTool, getTool } from "@/lib/shed.functions";

export const Route = createFileRoute("/tools/$toolId")({
  loader: async ({ params }) => {
    const tool = await getTool({ data: { id: params.toolId } });
    if (!tool) throw notFound();
    return tool;
  },
  component: Tool,
});

function Tool() {
  const tool = Route.useLoaderData();
  const navigate = useNavigate();
  const [note, setNote] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  async function ask(event: FormEvent) {
    event.preventDefault();
    const { data } = await supabase.auth.getSession();
    if (!data.session) return navigate({ to: "/auth" });
    try {
      await askForTool({ data: { tool_id: tool.id, note } });
      await navigate({ to: "/shed" });
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <Page>
      <h1 className="text-2xl font-semibold">{tool.name}</h1>
      <p className="mt-2">{tool.description}</p>
      <p className="text-stone-500">From the shed of {tool.owner.display_name}</p>
      <form onSubmit={ask} className="mt-6 grid gap-3">
        <label>
          A word to the owner
          <input className={field} value={note} onChange={(e) => setNote(e.target.value)} />
        </label>
        <Problem text={problem} />
        <button className={button}>Ask to borrow</button>
      </form>
    </Page>
  );
}
