export type Json =
  | string
  | number
  | boolean
  | null
  | { [key: string]: Json | undefined }
  | Json[]

export type Database = {
  // Allows to automatically instantiate createClient with right options
  // instead of createClient<Database, { PostgrestVersion: 'XX' }>(URL, KEY)
  __InternalSupabase: {
    PostgrestVersion: "12.2.3 (519615d)"
  }
  public: {
    Tables: {
      favourites: {
        Row: {
          created_at: string
          tool_id: string
          user_id: string
        }
        Insert: {
          created_at?: string
          tool_id: string
          user_id?: string
        }
        Update: {
          created_at?: string
          tool_id?: string
          user_id?: string
        }
        Relationships: [
          {
            foreignKeyName: "favourites_tool_id_fkey"
            columns: ["tool_id"]
            isOneToOne: false
            referencedRelation: "tools"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "favourites_user_id_fkey"
            columns: ["user_id"]
            isOneToOne: false
            referencedRelation: "profiles"
            referencedColumns: ["id"]
          },
        ]
      }
      loans: {
        Row: {
          borrower_id: string
          created_at: string
          ends_on: string
          id: string
          lender_id: string
          note: string | null
          starts_on: string
          status: Database["public"]["Enums"]["loan_status"]
          tool_id: string
          updated_at: string
        }
        Insert: {
          borrower_id?: string
          created_at?: string
          ends_on: string
          id?: string
          lender_id: string
          note?: string | null
          starts_on: string
          status?: Database["public"]["Enums"]["loan_status"]
          tool_id: string
          updated_at?: string
        }
        Update: {
          borrower_id?: string
          created_at?: string
          ends_on?: string
          id?: string
          lender_id?: string
          note?: string | null
          starts_on?: string
          status?: Database["public"]["Enums"]["loan_status"]
          tool_id?: string
          updated_at?: string
        }
        Relationships: [
          {
            foreignKeyName: "loans_borrower_id_fkey"
            columns: ["borrower_id"]
            isOneToOne: false
            referencedRelation: "profiles"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "loans_lender_id_fkey"
            columns: ["lender_id"]
            isOneToOne: false
            referencedRelation: "profiles"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "loans_tool_id_fkey"
            columns: ["tool_id"]
            isOneToOne: false
            referencedRelation: "tools"
            referencedColumns: ["id"]
          },
        ]
      }
      profiles: {
        Row: {
          about: string | null
          created_at: string
          display_name: string
          id: string
          street: string | null
          updated_at: string
        }
        Insert: {
          about?: string | null
          created_at?: string
          display_name?: string
          id: string
          street?: string | null
          updated_at?: string
        }
        Update: {
          about?: string | null
          created_at?: string
          display_name?: string
          id?: string
          street?: string | null
          updated_at?: string
        }
        Relationships: []
      }
      tools: {
        Row: {
          category: Database["public"]["Enums"]["tool_category"]
          created_at: string
          description: string
          id: string
          is_listed: boolean
          max_days: number
          name: string
          owner_id: string
          picture_url: string | null
          updated_at: string
        }
        Insert: {
          category?: Database["public"]["Enums"]["tool_category"]
          created_at?: string
          description?: string
          id?: string
          is_listed?: boolean
          max_days?: number
          name: string
          owner_id?: string
          picture_url?: string | null
          updated_at?: string
        }
        Update: {
          category?: Database["public"]["Enums"]["tool_category"]
          created_at?: string
          description?: string
          id?: string
          is_listed?: boolean
          max_days?: number
          name?: string
          owner_id?: string
          picture_url?: string | null
          updated_at?: string
        }
        Relationships: [
          {
            foreignKeyName: "tools_owner_id_fkey"
            columns: ["owner_id"]
            isOneToOne: false
            referencedRelation: "profiles"
            referencedColumns: ["id"]
          },
        ]
      }
    }
    Views: {
      [_ in never]: never
    }
    Functions: {
      is_tool_free: {
        Args: { _from: string; _to: string; _tool_id: string }
        Returns: boolean
      }
      wall_summary: {
        Args: never
        Returns: {
          category: Database["public"]["Enums"]["tool_category"]
          tools: number
        }[]
      }
    }
    Enums: {
      loan_status:
        | "requested"
        | "approved"
        | "declined"
        | "cancelled"
        | "returned"
      tool_category:
        | "garden"
        | "wood"
        | "painting"
        | "repair"
        | "kitchen"
        | "outdoors"
    }
    CompositeTypes: {
      [_ in never]: never
    }
  }
}

type PublicSchema = Database["public"]

export type Tables<Name extends keyof PublicSchema["Tables"]> =
  PublicSchema["Tables"][Name]["Row"]

export type TablesInsert<Name extends keyof PublicSchema["Tables"]> =
  PublicSchema["Tables"][Name]["Insert"]

export type TablesUpdate<Name extends keyof PublicSchema["Tables"]> =
  PublicSchema["Tables"][Name]["Update"]

export type Enums<Name extends keyof PublicSchema["Enums"]> =
  PublicSchema["Enums"][Name]

export const Constants = {
  public: {
    Enums: {
      loan_status: ["requested", "approved", "declined", "cancelled", "returned"],
      tool_category: ["garden", "wood", "painting", "repair", "kitchen", "outdoors"],
    },
  },
} as const
