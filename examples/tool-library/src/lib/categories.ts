import { Hammer, PaintRoller, Shovel, Tent, UtensilsCrossed, Wrench, type LucideIcon } from "lucide-react";
import type { Enums } from "@/integrations/supabase/types";

export type Category = Enums<"tool_category">;

export const categories: Record<Category, { label: string; icon: LucideIcon; tile: string; ink: string }> = {
  garden: { label: "Garden", icon: Shovel, tile: "bg-[#d7e6c5]", ink: "text-[#34592a]" },
  wood: { label: "Woodwork", icon: Hammer, tile: "bg-[#f0d9b8]", ink: "text-[#7b4a16]" },
  painting: { label: "Painting", icon: PaintRoller, tile: "bg-[#f6cfc2]", ink: "text-[#8c3420]" },
  repair: { label: "Repair", icon: Wrench, tile: "bg-[#cbdfe3]", ink: "text-[#1f5363]" },
  kitchen: { label: "Kitchen", icon: UtensilsCrossed, tile: "bg-[#f7e3a1]", ink: "text-[#76590a]" },
  outdoors: { label: "Outdoors", icon: Tent, tile: "bg-[#dcd3ea]", ink: "text-[#4d3a72]" },
};

export const categoryNames = Object.keys(categories) as Category[];
