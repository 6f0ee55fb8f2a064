import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { HeadContent, Outlet, Scripts, createRootRouteWithContext } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Page } from "@/components/Page";
import css from "../styles.css?url";

export const Route = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  head: () => ({
    meta: [
      { charSet: "utf-8" },
      { name: "viewport", content: "width=device-width, initial-scale=1" },
      { title: "Commonshed: the street's tool library" },
      { name: "description", content: "Neighbours hang tools on a shared wall and lend them to each other." },
    ],
    links: [
      { rel: "stylesheet", href: css },
      { rel: "icon", href: "/favicon.svg", type: "image/svg+xml" },
    ],
  }),
  shellComponent: Shell,
  component: Root,
  errorComponent: ({ error }) => {
    console.error(error);
    return (
      <Page>
        <h1 className="text-2xl font-semibold">The shed is locked</h1>
        <p>Something went wrong on our side. Try again in a minute.</p>
      </Page>
    );
  },
  notFoundComponent: () => (
    <Page>
      <h1 className="text-2xl font-semibold">This hook is empty</h1>
    </Page>
  ),
});

function Shell({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <HeadContent />
      </head>
      <body>
        {children}
        <Scripts />
      </body>
    </html>
  );
}

function Root() {
  const { queryClient } = Route.useRouteContext();
  return (
    <QueryClientProvider client={queryClient}>
      <Outlet />
    </QueryClientProvider>
  );
}
