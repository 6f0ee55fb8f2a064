import { Link, createFileRoute } from "@tanstack/react-router";
import { Page } from "@/components/Page";
import { getWall } from "@/lib/shed.functions";

export const Route = createFileRoute("/")({
  loader: () => getWall(),
  component: Wall,
});

function Wall() {
  const { tools, loans } = Route.useLoaderData();
  return (
    <Page>
      <h1 className="text-3xl font-semibold">One drill is enough for the whole street</h1>
      <p className="mt-2 text-stone-600">
        <span data-testid="loans">{loans}</span> times a neighbour has asked another one so far.
      </p>
      <ul className="mt-8 grid gap-3">
        {tools.map((tool) => (
          <li key={tool.id} data-testid="tool" className="rounded border border-stone-300 bg-white p-4">
            <Link to="/tools/$toolId" params={{ toolId: tool.id }} className="text-lg font-medium">
              {tool.name}
            </Link>
            <p>{tool.description}</p>
            <p className="text-sm text-stone-500">From the shed of {tool.owner.display_name}</p>
          </li>
        ))}
      </ul>
      {tools.length === 0 && <p className="mt-8">Nothing hangs here yet.</p>}
    </Page>
  );
}
