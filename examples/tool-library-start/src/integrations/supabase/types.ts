export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

type Relationship<Name extends string, Column extends string, One extends boolean, Table extends string> = {
  foreignKeyName: Name;
  columns: [Column];
  isOneToOne: One;
  referencedRelation: Table;
  referencedColumns: ["id"];
};

export type Database = {
  __InternalSupabase: { PostgrestVersion: "14.5" };
  public: {
    Tables: {
      loans: {
        Row: {
          borrower_id: string;
          created_at: string;
          id: string;
          lender_id: string;
          note: string;
          status: Database["public"]["Enums"]["loan_status"];
          tool_id: string;
        };
        Insert: {
          borrower_id?: string;
          created_at?: string;
          id?: string;
          lender_id?: string;
          note?: string;
          status?: Database["public"]["Enums"]["loan_status"];
          tool_id: string;
        };
        Update: {
          note?: string;
          status?: Database["public"]["Enums"]["loan_status"];
        };
        Relationships: [
          Relationship<"loans_borrower_id_fkey", "borrower_id", false, "profiles">,
          Relationship<"loans_lender_id_fkey", "lender_id", false, "profiles">,
          Relationship<"loans_tool_id_fkey", "tool_id", false, "tools">,
        ];
      };
      profiles: {
        Row: { created_at: string; display_name: string; id: string };
        Insert: { created_at?: string; display_name?: string; id: string };
        Update: { display_name?: string };
        Relationships: [];
      };
      tools: {
        Row: { created_at: string; description: string; id: string; is_listed: boolean; name: string; owner_id: string };
        Insert: {
          created_at?: string;
          description?: string;
          id?: string;
          is_listed?: boolean;
          name: string;
          owner_id?: string;
        };
        Update: { description?: string; is_listed?: boolean; name?: string };
        Relationships: [Relationship<"tools_owner_id_fkey", "owner_id", false, "profiles">];
      };
    };
    Views: { [_ in never]: never };
    Functions: { [_ in never]: never };
    Enums: { loan_status: "requested" | "approved" | "declined" | "returned" };
    CompositeTypes: { [_ in never]: never };
  };
};
