import { QueryClient } from "@tanstack/react-query";

async function orThrow(reply: Response) {
  if (!reply.ok) throw new Error(((await reply.json().catch(() => null)) as { message?: string } | null)?.message ?? reply.statusText);
  return reply;
}

export async function apiRequest(method: string, url: string, data?: unknown): Promise<Response> {
  const isForm = data instanceof FormData;
  return orThrow(
    await fetch(url, {
      method,
      headers: data && !isForm ? { "Content-Type": "application/json" } : {},
      body: data ? (isForm ? data : JSON.stringify(data)) : undefined,
      credentials: "include",
    }),
  );
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      queryFn: async ({ queryKey }) => (await orThrow(await fetch(queryKey.join("/"), { credentials: "include" }))).json(),
      retry: false,
      staleTime: 0,
    },
  },
});
