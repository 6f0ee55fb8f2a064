import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { supabase } from "@/integrations/supabase/client";
import type { TablesInsert, TablesUpdate } from "@/integrations/supabase/types";
import type { Category } from "@/lib/categories";
import { useAuth } from "./useAuth";

export const PAGE_SIZE = 12;

const withOwner = "*, owner:profiles!tools_owner_id_fkey(id, display_name, street)" as const;

export function useFreshTools(limit: number) {
  return useQuery({
    queryKey: ["tools", "fresh", limit],
    queryFn: async () => {
      const { data, error } = await supabase
        .from("tools")
        .select(withOwner)
        .eq("is_listed", true)
        .order("created_at", { ascending: false })
        .limit(limit);
      if (error) throw error;
      return data;
    },
  });
}

export function useToolCount() {
  return useQuery({
    queryKey: ["tools", "count"],
    queryFn: async () => {
      const { count, error } = await supabase
        .from("tools")
        .select("*", { count: "exact", head: true })
        .eq("is_listed", true);
      if (error) throw error;
      return count ?? 0;
    },
  });
}

export function useWallSummary() {
  return useQuery({
    queryKey: ["tools", "summary"],
    queryFn: async () => {
      const { data, error } = await supabase.rpc("wall_summary");
      if (error) throw error;
      return new Map(data.map((row) => [row.category, row.tools]));
    },
  });
}

export function useBrowseTools(search: string, categories: Category[], page: number) {
  return useQuery({
    queryKey: ["tools", "browse", search, categories, page],
    queryFn: async () => {
      let query = supabase.from("tools").select(withOwner, { count: "exact" }).eq("is_listed", true);
      const words = search.replace(/[%,()*"\\]/g, " ").trim();
      if (words) query = query.or(`name.ilike.%${words}%,description.ilike.%${words}%`);
      if (categories.length) query = query.in("category", categories);
      const { data, error, count } = await query
        .order("name")
        .range(page * PAGE_SIZE, (page + 1) * PAGE_SIZE - 1);
      if (error) throw error;
      return { tools: data, count: count ?? 0 };
    },
    placeholderData: (previous) => previous,
  });
}

export function useTool(id: string) {
  const { user } = useAuth();
  return useQuery({
    queryKey: ["tools", "one", id, user?.id],
    enabled: /^[0-9a-f-]{36}$/i.test(id),
    queryFn: async () => {
      const { data, error } = await supabase.from("tools").select(withOwner).eq("id", id).maybeSingle();
      if (error) throw error;
      return data;
    },
  });
}

export function useMyTools() {
  const { user } = useAuth();
  return useQuery({
    queryKey: ["tools", "mine", user?.id],
    enabled: !!user,
    queryFn: async () => {
      const { data, error } = await supabase
        .from("tools")
        .select("*, loans(id, status)")
        .eq("owner_id", user!.id)
        .in("loans.status", ["requested", "approved"])
        .order("created_at", { ascending: false });
      if (error) throw error;
      return data;
    },
  });
}

export function useToolChanges() {
  const client = useQueryClient();
  const done = { onSuccess: () => client.invalidateQueries({ queryKey: ["tools"] }) };

  const add = useMutation({
    mutationFn: async (tools: TablesInsert<"tools">[]) => {
      const { data, error } = await supabase.from("tools").insert(tools).select();
      if (error) throw error;
      return data;
    },
    ...done,
  });

  const change = useMutation({
    mutationFn: async ({ id, ...values }: TablesUpdate<"tools"> & { id: string }) => {
      const { data, error } = await supabase.from("tools").update(values).eq("id", id).select().single();
      if (error) throw error;
      return data;
    },
    ...done,
  });

  const remove = useMutation({
    mutationFn: async (id: string) => {
      const { error } = await supabase.from("tools").delete().eq("id", id);
      if (error) throw error;
    },
    ...done,
  });

  return { add, change, remove };
}

export function useFavourites() {
  const { user } = useAuth();
  const client = useQueryClient();
  const list = useQuery({
    queryKey: ["favourites", user?.id],
    enabled: !!user,
    queryFn: async () => {
      const { data, error } = await supabase
        .from("favourites")
        .select("tool_id, tool:tools!inner(id, name, category)")
        .order("created_at", { ascending: false });
      if (error) throw error;
      return data;
    },
  });

  const toggle = useMutation({
    mutationFn: async ({ toolId, on }: { toolId: string; on: boolean }) => {
      const { error } = on
        ? await supabase.from("favourites").upsert({ user_id: user!.id, tool_id: toolId }, { onConflict: "user_id,tool_id" })
        : await supabase.from("favourites").delete().eq("user_id", user!.id).eq("tool_id", toolId);
      if (error) throw error;
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["favourites"] }),
  });

  return { list, toggle };
}
