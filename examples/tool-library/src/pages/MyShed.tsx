import { useState } from "react";
import { Link } from "react-router-dom";
import { Eye, EyeOff, Plus, Sparkles, Trash2 } from "lucide-react";
import { toast } from "sonner";
import { AddTool } from "@/components/AddTool";
import { LoanCard } from "@/components/LoanCard";
import { ToolPicture } from "@/components/ToolCard";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { useAuth } from "@/hooks/useAuth";
import { useMyLoans } from "@/hooks/useLoans";
import { useProfile } from "@/hooks/useProfile";
import { useFavourites, useMyTools, useToolChanges } from "@/hooks/useTools";

const starters = [
  { name: "Cordless drill, 18 V", category: "repair" as const, description: "Two batteries, one of them tired. Bits are in the lid.", max_days: 5 },
  { name: "Three-metre ladder", category: "painting" as const, description: "Heavier than it looks. Comes with a warning from my knee.", max_days: 3 },
  { name: "Pruning saw", category: "garden" as const, description: "Sharpened in spring. Please oil it before it comes back.", max_days: 7 },
];

function Empty({ children }: { children: string }) {
  return <p className="rounded-2xl border border-dashed px-5 py-8 text-center text-sm text-muted-foreground">{children}</p>;
}

export default function MyShed() {
  const { user } = useAuth();
  const { profile } = useProfile();
  const tools = useMyTools();
  const loans = useMyLoans();
  const { list: favourites } = useFavourites();
  const { add, change, remove } = useToolChanges();
  const [adding, setAdding] = useState(false);
  const failed = { onError: (error: Error) => toast.error(error.message) };

  return (
    <div className="container py-12">
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="text-4xl font-bold">{profile.data ? `${profile.data.display_name}'s shed` : "My shed"}</h1>
          <p className="mt-2 text-muted-foreground">{profile.data?.street ?? "What you lend, what you borrow, what you have an eye on."}</p>
        </div>
        {!adding && <Button onClick={() => setAdding(true)}><Plus /> Hang up a tool</Button>}
      </div>

      {adding && <div className="mt-8"><AddTool onDone={() => setAdding(false)} /></div>}

      <div className="mt-10 grid gap-12 lg:grid-cols-[1.2fr_1fr]">
        <section>
          <h2 className="mb-4 text-xl font-semibold">My tools</h2>
          <div className="space-y-3">
            {tools.data?.map((tool) => (
              <Card key={tool.id} className="flex items-center gap-4 overflow-hidden pr-4" data-testid="my-tool">
                <ToolPicture category={tool.category} url={tool.picture_url} className="h-20 w-24 shrink-0 [&_svg]:h-9 [&_svg]:w-9" />
                <div className="min-w-0 flex-1">
                  <Link to={`/tools/${tool.id}`} className="block truncate font-medium hover:underline">{tool.name}</Link>
                  <p className="text-sm text-muted-foreground">
                    {tool.is_listed ? "on the wall" : "only you see it"}
                    {tool.loans.length > 0 && `, ${tool.loans.length} open ${tool.loans.length === 1 ? "request" : "requests"}`}
                  </p>
                </div>
                <Button variant="ghost" size="icon" aria-label={tool.is_listed ? `Take ${tool.name} off the wall` : `Put ${tool.name} on the wall`}
                  onClick={() => change.mutate({ id: tool.id, is_listed: !tool.is_listed }, failed)}>
                  {tool.is_listed ? <Eye /> : <EyeOff />}
                </Button>
                <Button variant="ghost" size="icon" aria-label={`Remove ${tool.name}`} onClick={() => remove.mutate(tool.id, failed)}>
                  <Trash2 />
                </Button>
              </Card>
            ))}
            {tools.data?.length === 0 && (
              <div className="pegboard-light rounded-2xl border border-dashed px-6 py-12 text-center">
                <p className="font-display text-lg font-semibold">Nothing on your hooks yet</p>
                <p className="mx-auto mt-1 max-w-sm text-sm text-muted-foreground">Most sheds have these three. Hang them up in one go, then change what is different in yours.</p>
                <Button className="mt-5" variant="accent" disabled={add.isPending}
                  onClick={() => add.mutate(starters.map((tool) => ({ ...tool, owner_id: user!.id })), failed)}>
                  <Sparkles /> Hang up the usual three
                </Button>
              </div>
            )}
          </div>

          <h2 className="mb-4 mt-12 text-xl font-semibold">I have an eye on</h2>
          <div className="flex flex-wrap gap-2">
            {favourites.data?.map((row) => (
              <Link key={row.tool_id} to={`/tools/${row.tool_id}`}><Badge className="px-3.5 py-1.5 text-sm hover:bg-accent/40">{row.tool.name}</Badge></Link>
            ))}
            {favourites.data?.length === 0 && <p className="text-sm text-muted-foreground">Tap a heart on the wall to remember a tool.</p>}
          </div>
        </section>

        <section className="space-y-10">
          <div>
            <h2 className="mb-4 text-xl font-semibold">Neighbours ask for</h2>
            <div className="space-y-3">
              {loans.data?.lending.map((loan) => <LoanCard key={loan.id} loan={loan} side="lending" />)}
              {loans.data?.lending.length === 0 && <Empty>No requests. Your tools are resting.</Empty>}
            </div>
          </div>
          <div>
            <h2 className="mb-4 text-xl font-semibold">I borrow</h2>
            <div className="space-y-3">
              {loans.data?.borrowing.map((loan) => <LoanCard key={loan.id} loan={loan} side="borrowing" />)}
              {loans.data?.borrowing.length === 0 && <Empty>You owe nobody anything.</Empty>}
            </div>
          </div>
        </section>
      </div>
    </div>
  );
}
