import { and, desc, eq, inArray, or } from "drizzle-orm";
import { loans, tools, users, type InsertUser } from "@shared/schema";
import { db } from "./db";

const owner = { columns: { displayName: true } } as const;

// Every query of the app. There is no row security here: who may see what is decided in these functions.
export const storage = {
  userById: (id: number) => db.query.users.findFirst({ where: eq(users.id, id) }),
  userByEmail: (email: string) => db.query.users.findFirst({ where: eq(users.email, email) }),
  addUser: async (user: InsertUser) => (await db.insert(users).values(user).returning())[0],

  wall: () =>
    db.query.tools.findMany({ where: eq(tools.isListed, true), orderBy: desc(tools.createdAt), limit: 60, with: { owner } }),
  tool: (id: number, viewer: number | undefined) =>
    db.query.tools.findFirst({
      where: and(eq(tools.id, id), or(eq(tools.isListed, true), eq(tools.ownerId, viewer ?? 0))),
      with: { owner },
    }),
  toolsOf: (ownerId: number) => db.query.tools.findMany({ where: eq(tools.ownerId, ownerId), orderBy: tools.createdAt }),
  addTool: async (tool: typeof tools.$inferInsert) => (await db.insert(tools).values(tool).returning())[0],
  changeTool: async (id: number, ownerId: number, change: Partial<typeof tools.$inferInsert>) =>
    (await db.update(tools).set(change).where(and(eq(tools.id, id), eq(tools.ownerId, ownerId))).returning())[0],

  loansOf: (userId: number) =>
    db.query.loans.findMany({
      where: or(
        eq(loans.borrowerId, userId),
        inArray(loans.toolId, db.select({ id: tools.id }).from(tools).where(eq(tools.ownerId, userId))),
      ),
      orderBy: loans.createdAt,
      with: { borrower: owner, tool: { columns: { name: true, ownerId: true }, with: { owner } } },
    }),
  addLoan: async (loan: typeof loans.$inferInsert) => (await db.insert(loans).values(loan).returning())[0],
  answerLoan: async (id: number, ownerId: number, status: "approved" | "declined" | "returned") =>
    (
      await db
        .update(loans)
        .set({ status })
        .where(
          and(
            eq(loans.id, id),
            inArray(loans.toolId, db.select({ id: tools.id }).from(tools).where(eq(tools.ownerId, ownerId))),
          ),
        )
        .returning()
    )[0],
};
