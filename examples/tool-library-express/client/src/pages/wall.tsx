import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { Problem } from "@/components/Page";
import type { Hung } from "@/lib/types";

export default function Wall() {
  const { data: tools, error } = useQuery<Hung[]>({ queryKey: ["/api/tools"] });
  return (
    <>
      <h1 className="text-3xl font-semibold">One drill is enough for the whole street</h1>
      <Problem error={error} />
      <ul className="mt-8 grid gap-3">
        {tools?.map((tool) => (
          <li key={tool.id} data-testid="tool" className="rounded border border-stone-300 bg-white p-4">
            <Link href={`/tools/${tool.id}`} className="text-lg font-medium">
              {tool.name}
            </Link>
            <p>{tool.description}</p>
            <p className="text-sm text-stone-500">From the shed of {tool.owner.displayName}</p>
          </li>
        ))}
      </ul>
      {tools?.length === 0 && <p className="mt-8">Nothing hangs here yet.</p>}
    </>
  );
}
