import { Link } from "@tanstack/react-router";
import { Hammer } from "lucide-react";
import type { ReactNode } from "react";

export function Page({ children }: { children: ReactNode }) {
  return (
    <div className="mx-auto max-w-3xl px-6 py-8">
      <header className="mb-10 flex items-center justify-between">
        <Link to="/" className="flex items-center gap-2 text-xl font-semibold">
          <Hammer aria-hidden className="size-5" /> Commonshed
        </Link>
        <Link to="/shed" className="rounded border border-stone-400 px-3 py-1">
          My shed
        </Link>
      </header>
      <main>{children}</main>
    </div>
  );
}

export function Problem({ text }: { text: string | null }) {
  return text ? (
    <p role="alert" className="my-3 rounded bg-red-100 p-3">
      {text}
    </p>
  ) : null;
}

export const field = "mt-1 block w-full rounded border border-stone-400 bg-white p-2";
export const button = "rounded bg-stone-800 px-3 py-1.5 text-white disabled:opacity-50";
export const quiet = "rounded border border-stone-400 px-2 py-1 text-sm";
