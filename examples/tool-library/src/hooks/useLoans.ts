import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { supabase } from "@/integrations/supabase/client";
import type { Enums, TablesInsert } from "@/integrations/supabase/types";
import { useAuth } from "./useAuth";

const withBoth = `*,
  tool:tools(id, name, category),
  borrower:profiles!loans_borrower_id_fkey(display_name, street),
  lender:profiles!loans_lender_id_fkey(display_name, street)` as const;

export function useMyLoans() {
  const { user } = useAuth();
  return useQuery({
    queryKey: ["loans", user?.id],
    enabled: !!user,
    queryFn: async () => {
      const { data, error } = await supabase
        .from("loans")
        .select(withBoth)
        .or(`borrower_id.eq.${user!.id},lender_id.eq.${user!.id}`)
        .order("starts_on", { ascending: true })
        .order("created_at", { ascending: false });
      if (error) throw error;
      return {
        borrowing: data.filter((loan) => loan.borrower_id === user!.id),
        lending: data.filter((loan) => loan.lender_id === user!.id),
      };
    },
  });
}

export function useToolFree(toolId: string, from: string, to: string) {
  const { user } = useAuth();
  return useQuery({
    queryKey: ["loans", "free", toolId, from, to],
    enabled: !!user && !!from && !!to && to >= from,
    queryFn: async () => {
      const { data, error } = await supabase.rpc("is_tool_free", { _tool_id: toolId, _from: from, _to: to });
      if (error) throw error;
      return data;
    },
  });
}

export function useLoanChanges() {
  const client = useQueryClient();
  const onSuccess = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["loans"] }),
      client.invalidateQueries({ queryKey: ["tools", "mine"] }),
    ]);

  const ask = useMutation({
    mutationFn: async (loan: TablesInsert<"loans">) => {
      const { data, error } = await supabase.from("loans").insert(loan).select(withBoth).single();
      if (error) throw error;
      return data;
    },
    onSuccess,
  });

  const answer = useMutation({
    mutationFn: async ({ id, status }: { id: string; status: Enums<"loan_status"> }) => {
      const { error } = await supabase.from("loans").update({ status }).eq("id", id);
      if (error) throw error;
    },
    onSuccess,
  });

  return { ask, answer };
}
