import { supabase } from "@/integrations/supabase/client";

// Gives the picture's address, or null where pictures can not be kept (yet): a tool is fine without one.
export async function uploadPicture(userId: string, file: File): Promise<string | null> {
  const name = `${userId}/${crypto.randomUUID()}.${file.name.split(".").pop()?.toLowerCase() || "jpg"}`;
  const { error } = await supabase.storage.from("tool-pictures").upload(name, file, { contentType: file.type });
  if (error) return null;
  return supabase.storage.from("tool-pictures").getPublicUrl(name).data.publicUrl;
}
