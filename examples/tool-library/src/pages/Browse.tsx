import { useState } from "react";
import { useSearchParams } from "react-router-dom";
import { Search } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { ToolCard } from "@/components/ToolCard";
import { PAGE_SIZE, useBrowseTools } from "@/hooks/useTools";
import { categories, categoryNames, type Category } from "@/lib/categories";
import { cn } from "@/lib/utils";

export default function Browse() {
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(0);
  const chosen = categoryNames.filter((name) => params.get("in")?.split(",").includes(name));
  const { data, isLoading, error } = useBrowseTools(search, chosen, page);
  const pages = Math.ceil((data?.count ?? 0) / PAGE_SIZE);

  const flip = (name: Category) => {
    const next = chosen.includes(name) ? chosen.filter((item) => item !== name) : [...chosen, name];
    setPage(0);
    setParams(next.length ? { in: next.join(",") } : {}, { replace: true });
  };

  return (
    <div className="container py-12">
      <h1 className="text-4xl font-bold">The wall</h1>
      <p className="mt-2 text-muted-foreground">Everything your street is happy to lend.</p>

      <div className="mt-8 flex flex-wrap items-center gap-3">
        <div className="relative w-full sm:w-80">
          <Search className="absolute left-3.5 top-3 h-4 w-4 text-muted-foreground" />
          <Input
            type="search"
            aria-label="Search tools"
            placeholder="Ladder, drill, cake tin …"
            className="rounded-full pl-10"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setPage(0);
            }}
          />
        </div>
        {categoryNames.map((name) => {
          const { icon: Icon, label, tile, ink } = categories[name];
          const on = chosen.includes(name);
          return (
            <button
              key={name}
              type="button"
              aria-pressed={on}
              onClick={() => flip(name)}
              className={cn("inline-flex items-center gap-2 rounded-full border px-3.5 py-1.5 text-sm", on ? cn(tile, ink, "border-transparent") : "hover:bg-secondary")}
            >
              <Icon className="h-4 w-4" /> {label}
            </button>
          );
        })}
      </div>

      {error && <p className="mt-10 text-destructive">{error.message}</p>}
      <div className="mt-8 grid gap-5 sm:grid-cols-2 lg:grid-cols-4">
        {isLoading && Array.from({ length: 4 }, (_, index) => <Skeleton key={index} className="h-60" />)}
        {data?.tools.map((tool) => <ToolCard key={tool.id} tool={tool} />)}
      </div>
      {data && !data.tools.length && (
        <div className="pegboard-light rounded-2xl border border-dashed px-6 py-20 text-center">
          <p className="font-display text-xl font-semibold">{search || chosen.length ? "Nothing like that hangs here" : "An empty wall"}</p>
          <p className="mt-1 text-muted-foreground">
            {search || chosen.length ? "Try fewer words, or ask the street." : "Be the first to hang something up."}
          </p>
        </div>
      )}
      {pages > 1 && (
        <div className="mt-10 flex items-center justify-center gap-4 text-sm">
          <Button variant="outline" size="sm" disabled={page === 0} onClick={() => setPage(page - 1)}>Back</Button>
          {page + 1} of {pages}
          <Button variant="outline" size="sm" disabled={page + 1 >= pages} onClick={() => setPage(page + 1)}>More</Button>
        </div>
      )}
    </div>
  );
}
