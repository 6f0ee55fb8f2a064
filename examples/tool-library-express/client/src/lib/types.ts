import type { Tool } from "@shared/schema";

export type Me = { id: number; email: string; displayName: string } | null;
export type Hung = Omit<Tool, "createdAt"> & { owner: { displayName: string } };
export type Loan = {
  id: number;
  status: "requested" | "approved" | "declined" | "returned";
  note: string;
  borrower: { displayName: string };
  tool: { name: string; ownerId: number; owner: { displayName: string } };
};
