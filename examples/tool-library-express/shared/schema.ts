import { relations, sql } from "drizzle-orm";
import { boolean, index, integer, json, pgEnum, pgTable, serial, text, timestamp, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { createInsertSchema } from "drizzle-zod";
import { z } from "zod";

export const loanStatus = pgEnum("loan_status", ["requested", "approved", "declined", "returned"]);

// What connect-pg-simple keeps.
export const sessions = pgTable(
  "session",
  {
    sid: varchar("sid").primaryKey(),
    sess: json("sess").notNull(),
    expire: timestamp("expire", { precision: 6 }).notNull(),
  },
  (table) => [index("IDX_session_expire").on(table.expire)],
);

export const users = pgTable("users", {
  id: serial("id").primaryKey(),
  email: text("email").notNull().unique(),
  password: text("password").notNull(),
  displayName: text("display_name").notNull(),
});

export const tools = pgTable("tools", {
  id: serial("id").primaryKey(),
  ownerId: integer("owner_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  name: text("name").notNull(),
  description: text("description").notNull().default(""),
  picture: text("picture"),
  isListed: boolean("is_listed").notNull().default(true),
  createdAt: timestamp("created_at").notNull().defaultNow(),
});

export const loans = pgTable(
  "loans",
  {
    id: serial("id").primaryKey(),
    toolId: integer("tool_id")
      .notNull()
      .references(() => tools.id, { onDelete: "cascade" }),
    borrowerId: integer("borrower_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    note: text("note").notNull().default(""),
    status: loanStatus("status").notNull().default("requested"),
    createdAt: timestamp("created_at").notNull().defaultNow(),
  },
  (table) => [uniqueIndex("loans_one_at_a_time").on(table.toolId).where(sql`status = 'approved'`)],
);

export const toolsRelations = relations(tools, ({ one }) => ({
  owner: one(users, { fields: [tools.ownerId], references: [users.id] }),
}));

export const loansRelations = relations(loans, ({ one }) => ({
  tool: one(tools, { fields: [loans.toolId], references: [tools.id] }),
  borrower: one(users, { fields: [loans.borrowerId], references: [users.id] }),
}));

export const insertUserSchema = createInsertSchema(users, {
  email: (it) => it.email(),
  password: (it) => it.min(6),
  displayName: (it) => it.min(1).max(60),
}).omit({ id: true });
export const insertToolSchema = createInsertSchema(tools, { name: (it) => it.min(2).max(80) }).pick({ name: true, description: true });
export const insertLoanSchema = createInsertSchema(loans).pick({ toolId: true, note: true });
export const answerSchema = z.object({ status: z.enum(["approved", "declined", "returned"]) });

export type User = typeof users.$inferSelect;
export type Tool = typeof tools.$inferSelect;
export type InsertUser = z.infer<typeof insertUserSchema>;
