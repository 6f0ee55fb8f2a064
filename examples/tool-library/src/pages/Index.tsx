import { Link } from "react-router-dom";
import { ArrowRight, Drill, Fan, Hammer, PaintRoller, Ruler, Scissors, Shovel, Wrench } from "lucide-react";
import { Button } from "@/components/ui/button";
import { ToolCard } from "@/components/ToolCard";
import { useAuth } from "@/hooks/useAuth";
import { useFreshTools, useToolCount, useWallSummary } from "@/hooks/useTools";
import { categories, categoryNames } from "@/lib/categories";
import { cn } from "@/lib/utils";

const hooks = [
  { Icon: Drill, at: "left-[7%] top-[8%]", size: "h-[30%] w-[24%]", turn: "-rotate-12" },
  { Icon: Hammer, at: "left-[38%] top-[6%]", size: "h-[27%] w-[22%]", turn: "rotate-6" },
  { Icon: Ruler, at: "right-[7%] top-[9%]", size: "h-[26%] w-[22%]", turn: "rotate-45" },
  { Icon: Shovel, at: "left-[7%] bottom-[9%]", size: "h-[36%] w-[28%]", turn: "rotate-[18deg]" },
  { Icon: PaintRoller, at: "left-[39%] top-[41%]", size: "h-[28%] w-[23%]", turn: "-rotate-6" },
  { Icon: Wrench, at: "right-[8%] top-[44%]", size: "h-[22%] w-[18%]", turn: "-rotate-[30deg]" },
  { Icon: Scissors, at: "right-[10%] bottom-[7%]", size: "h-[18%] w-[15%]", turn: "-rotate-90" },
  { Icon: Fan, at: "left-[46%] bottom-[6%]", size: "h-[16%] w-[13%]", turn: "rotate-12" },
];

const steps = [
  ["Hang it up", "Photograph nothing, weigh nothing. A name, a hook and how many days you can miss it."],
  ["Somebody asks", "A neighbour picks the days. Only the two of you see the request."],
  ["It comes back", "Say yes, hand it over the fence, tick it off when it hangs in its place again."],
];

export default function Index() {
  const { user } = useAuth();
  const fresh = useFreshTools(4);
  const count = useToolCount();
  const summary = useWallSummary();

  return (
    <>
      <section className="container grid items-center gap-12 py-14 lg:grid-cols-[1.05fr_1fr] lg:py-20">
        <div>
          <p className="mb-5 inline-flex items-center gap-2 rounded-full border bg-card px-3.5 py-1 text-sm">
            <span className="h-2 w-2 rounded-full bg-accent" />
            {count.data ? `${count.data} ${count.data === 1 ? "tool is" : "tools are"} on the wall today` : "The wall is ready for its first tool"}
          </p>
          <h1 className="text-5xl font-extrabold leading-[1.02] sm:text-6xl lg:text-7xl">
            Nobody needs twelve drills on one street.
          </h1>
          <p className="mt-6 max-w-lg text-lg text-muted-foreground">
            Commonshed is the tool library you already own: your ladder, her tile cutter, the pressure washer at number 9.
            Lend what rests, borrow what you need on Saturday.
          </p>
          <div className="mt-8 flex flex-wrap gap-3">
            <Button asChild size="lg">
              <Link to={user ? "/shed" : "/auth"}>{user ? "Open my shed" : "Join your street"} <ArrowRight /></Link>
            </Button>
            <Button asChild size="lg" variant="outline">
              <Link to="/tools">Look at the wall</Link>
            </Button>
          </div>
        </div>
        <div className="relative aspect-[5/4] overflow-hidden rounded-[2rem] bg-primary shadow-hook" aria-hidden>
          <div className="pegboard absolute inset-0" />
          {hooks.map(({ Icon, at, size, turn }, index) => (
            <Icon key={index} strokeWidth={1.3} className={cn("absolute text-accent drop-shadow-[0_8px_8px_rgba(0,0,0,0.35)]", at, size, turn)} />
          ))}
        </div>
      </section>

      <section className="border-y bg-card">
        <div className="container grid grid-cols-2 gap-px py-2 sm:grid-cols-3 lg:grid-cols-6">
          {categoryNames.map((name) => {
            const { icon: Icon, label, tile, ink } = categories[name];
            return (
              <Link key={name} to={`/tools?in=${name}`} className="flex items-center gap-3 rounded-xl p-3 hover:bg-secondary">
                <span className={cn("rounded-lg p-2", tile)}><Icon className={cn("h-5 w-5", ink)} /></span>
                <span>
                  <span className="block text-sm font-medium">{label}</span>
                  <span className="block text-xs text-muted-foreground">{summary.data?.get(name) ?? 0} on the wall</span>
                </span>
              </Link>
            );
          })}
        </div>
      </section>

      {!!fresh.data?.length && (
        <section className="container pt-16">
          <div className="mb-6 flex items-end justify-between">
            <h2 className="text-3xl font-bold">Fresh on the wall</h2>
            <Link to="/tools" className="text-sm underline-offset-4 hover:underline">All tools</Link>
          </div>
          <div className="grid gap-5 sm:grid-cols-2 lg:grid-cols-4">
            {fresh.data.map((tool) => <ToolCard key={tool.id} tool={tool} />)}
          </div>
        </section>
      )}

      <section className="container grid gap-10 py-16 md:grid-cols-3">
        {steps.map(([title, text], index) => (
          <div key={title}>
            <span className="font-display text-5xl font-extrabold text-accent">{index + 1}</span>
            <h3 className="mt-3 text-xl font-semibold">{title}</h3>
            <p className="mt-2 text-muted-foreground">{text}</p>
          </div>
        ))}
      </section>
    </>
  );
}
