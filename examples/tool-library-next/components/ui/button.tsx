import type { ComponentProps } from "react"
import { cn } from "@/lib/utils"

type Props = ComponentProps<"button"> & { variant?: "default" | "outline" }

export function Button({ className, variant = "default", ...props }: Props) {
  const look = variant === "outline" ? "border border-stone-400 px-2 py-1 text-sm" : "bg-stone-800 px-3 py-1.5 text-white"
  return <button className={cn("rounded disabled:opacity-50", look, className)} {...props} />
}
