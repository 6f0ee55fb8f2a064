import { Link } from "react-router-dom";
import { Heart } from "lucide-react";
import { toast } from "sonner";
import { useAuth } from "@/hooks/useAuth";
import { useFavourites } from "@/hooks/useTools";
import type { Tables } from "@/integrations/supabase/types";
import { categories, type Category } from "@/lib/categories";
import { cn } from "@/lib/utils";

type Owner = { id: string; display_name: string; street: string | null };
export type ToolWithOwner = Tables<"tools"> & { owner: Owner | null };

export function ToolPicture({ category, url, className }: { category: Category; url: string | null; className?: string }) {
  const { icon: Icon, tile, ink } = categories[category];
  return (
    <div className={cn("relative flex items-center justify-center overflow-hidden", tile, className)}>
      <div className="pegboard-light absolute inset-0" />
      {url ? (
        <img src={url} alt="" className="absolute inset-0 h-full w-full object-cover" />
      ) : (
        <Icon className={cn("relative h-16 w-16 drop-shadow-sm", ink)} strokeWidth={1.4} />
      )}
    </div>
  );
}

export function FavouriteButton({ toolId, className }: { toolId: string; className?: string }) {
  const { user } = useAuth();
  const { list, toggle } = useFavourites();
  if (!user) return null;
  const on = !!list.data?.some((row) => row.tool_id === toolId);
  return (
    <button
      type="button"
      aria-label={on ? "Forget this tool" : "Remember this tool"}
      aria-pressed={on}
      className={cn("rounded-full bg-card/90 p-2 shadow-sm transition-transform hover:scale-110", className)}
      onClick={() => toggle.mutate({ toolId, on: !on }, { onError: (error) => toast.error(error.message) })}
    >
      <Heart className={cn("h-4 w-4", on && "fill-destructive text-destructive")} />
    </button>
  );
}

export function ToolCard({ tool }: { tool: ToolWithOwner }) {
  return (
    <article className="group relative overflow-hidden rounded-2xl border bg-card shadow-hook transition-transform hover:-translate-y-0.5">
      <Link to={`/tools/${tool.id}`} className="block">
        <ToolPicture category={tool.category} url={tool.picture_url} className="h-40" />
        <div className="space-y-1 p-4">
          <div className="flex items-baseline justify-between gap-3">
            <h3 className="truncate text-lg font-semibold">{tool.name}</h3>
            <span className="shrink-0 text-xs text-muted-foreground">up to {tool.max_days} d</span>
          </div>
          <p className="truncate text-sm text-muted-foreground">
            {tool.owner ? [tool.owner.display_name, tool.owner.street].filter(Boolean).join(", ") : "A neighbour's shed"}
          </p>
        </div>
      </Link>
      <FavouriteButton toolId={tool.id} className="absolute right-3 top-3" />
    </article>
  );
}
