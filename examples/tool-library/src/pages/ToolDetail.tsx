import { useState, type FormEvent } from "react";
import { Link, useNavigate, useParams } from "react-router-dom";
import { ArrowLeft, CalendarCheck, CalendarX } from "lucide-react";
import { toast } from "sonner";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input, Textarea } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { FavouriteButton, ToolPicture, type ToolWithOwner } from "@/components/ToolCard";
import { useAuth } from "@/hooks/useAuth";
import { useLoanChanges, useToolFree } from "@/hooks/useLoans";
import { useTool } from "@/hooks/useTools";
import { categories } from "@/lib/categories";
import { day } from "@/lib/utils";
import NotFound from "./NotFound";

function AskForm({ tool }: { tool: ToolWithOwner }) {
  const { user } = useAuth();
  const { ask } = useLoanChanges();
  const navigate = useNavigate();
  const [from, setFrom] = useState(day(1));
  const [to, setTo] = useState(day(2));
  const [note, setNote] = useState("");
  const free = useToolFree(tool.id, from, to);

  if (!user) {
    return (
      <>
        <p className="text-muted-foreground">Sign in to see who lends it and to ask for it.</p>
        <Button asChild className="mt-4 w-full">
          <Link to="/auth" state={{ from: `/tools/${tool.id}` }}>Sign in to borrow</Link>
        </Button>
      </>
    );
  }
  if (user.id === tool.owner_id) {
    return <p className="text-muted-foreground">This one is yours. Requests for it arrive in <Link className="underline" to="/shed">your shed</Link>.</p>;
  }

  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate(
      { tool_id: tool.id, borrower_id: user.id, lender_id: tool.owner_id, starts_on: from, ends_on: to, note: note.trim() || null },
      {
        onSuccess: () => {
          toast.success("Asked. You will see the answer in your shed.");
          navigate("/shed");
        },
        onError: (error) => toast.error(error.message),
      },
    );
  };

  return (
    <form onSubmit={submit} className="space-y-4">
      <div className="grid grid-cols-2 gap-3">
        <div className="space-y-2">
          <Label htmlFor="from">From</Label>
          <Input id="from" type="date" required min={day()} value={from} onChange={(event) => setFrom(event.target.value)} />
        </div>
        <div className="space-y-2">
          <Label htmlFor="to">Until</Label>
          <Input id="to" type="date" required min={from} value={to} onChange={(event) => setTo(event.target.value)} />
        </div>
      </div>
      {free.data !== undefined && (
        <p className="flex items-center gap-2 text-sm" data-testid="free">
          {free.data ? <CalendarCheck className="h-4 w-4 text-[#34592a]" /> : <CalendarX className="h-4 w-4 text-destructive" />}
          {free.data ? "Free on those days" : "Somebody else has it on those days"}
        </p>
      )}
      <div className="space-y-2">
        <Label htmlFor="note">A word to the owner</Label>
        <Textarea id="note" value={note} onChange={(event) => setNote(event.target.value)} placeholder="Putting up shelves on Saturday …" />
      </div>
      <Button type="submit" className="w-full" disabled={ask.isPending || free.data === false}>Ask to borrow</Button>
    </form>
  );
}

export default function ToolDetail() {
  const { id = "" } = useParams();
  const { data: tool, isLoading, isFetched } = useTool(id);

  if (isLoading) return <div className="container py-24" />;
  if (!tool) return isFetched || !id.match(/^[0-9a-f-]{36}$/i) ? <NotFound /> : null;

  return (
    <div className="container py-10">
      <Link to="/tools" className="inline-flex items-center gap-2 text-sm text-muted-foreground hover:text-foreground">
        <ArrowLeft className="h-4 w-4" /> The wall
      </Link>
      <div className="mt-6 grid gap-10 lg:grid-cols-[1.4fr_1fr]">
        <div>
          <div className="relative">
            <ToolPicture category={tool.category} url={tool.picture_url} className="h-72 rounded-3xl border lg:h-96 [&_svg]:h-32 [&_svg]:w-32" />
            <FavouriteButton toolId={tool.id} className="absolute right-4 top-4" />
          </div>
          <div className="mt-6 flex flex-wrap gap-2">
            <Badge>{categories[tool.category].label}</Badge>
            <Badge>up to {tool.max_days} days</Badge>
            {!tool.is_listed && <Badge className="bg-accent/40">not on the wall</Badge>}
          </div>
          <h1 className="mt-3 text-4xl font-bold">{tool.name}</h1>
          <p className="mt-3 max-w-prose whitespace-pre-line text-muted-foreground">{tool.description || "No instructions. It knows what it is for."}</p>
          {tool.owner && (
            <p className="mt-6 text-sm">
              From the shed of <strong>{tool.owner.display_name}</strong>
              {tool.owner.street && `, ${tool.owner.street}`}
            </p>
          )}
        </div>
        <Card className="h-fit p-6 shadow-hook">
          <h2 className="mb-4 text-xl font-semibold">Borrow it</h2>
          <AskForm tool={tool} />
        </Card>
      </div>
    </div>
  );
}
