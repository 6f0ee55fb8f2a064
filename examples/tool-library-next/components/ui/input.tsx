import type { ComponentProps } from "react"
import { cn } from "@/lib/utils"

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input className={cn("mt-1 block w-full rounded border border-stone-400 bg-white p-2", className)} {...props} />
}
