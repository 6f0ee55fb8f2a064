import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { supabase } from "@/integrations/supabase/client";
import { useAuth } from "./useAuth";

export function useProfile() {
  const { user } = useAuth();
  const client = useQueryClient();
  const profile = useQuery({
    queryKey: ["profile", user?.id],
    enabled: !!user,
    queryFn: async () => {
      const { data, error } = await supabase.from("profiles").select("*").eq("id", user!.id).single();
      if (error) throw error;
      return data;
    },
  });

  const save = useMutation({
    mutationFn: async (values: { display_name: string; street: string }) => {
      const { error } = await supabase.from("profiles").upsert({ id: user!.id, ...values }, { onConflict: "id" });
      if (error) throw error;
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["profile"] }),
  });

  return { profile, save };
}
