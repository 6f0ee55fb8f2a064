import fs from "fs";
import path from "path";
import { eq } from "drizzle-orm";
import express from "express";
import { entries, users } from "../shared/schema";
import { db } from "./db";
import { isAuthenticated, setupAuth } from "./replitAuth";

const app = express();
app.use(express.json());

(async () => {
  await setupAuth(app);

  app.get("/api/auth/user", isAuthenticated, async (req: any, res) => {
    const [user] = await db.select().from(users).where(eq(users.id, req.user.claims.sub));
    res.json(user);
  });
  app.get("/api/entries", async (_req, res) => {
    res.json(await db.select({ words: entries.words, by: users.email }).from(entries).innerJoin(users, eq(users.id, entries.userId)));
  });
  app.post("/api/entries", isAuthenticated, async (req: any, res) => {
    const [made] = await db.insert(entries).values({ userId: req.user.claims.sub, words: String(req.body.words) }).returning();
    res.status(201).json(made);
  });

  const pages = path.resolve(import.meta.dirname, "public");
  if (!fs.existsSync(pages)) throw new Error(`${pages} is missing: build the client first`);
  app.use(express.static(pages));
  app.use("*", (_req, res) => res.sendFile(path.resolve(pages, "index.html")));

  const port = parseInt(process.env.PORT || "5000", 10);
  app.listen(port, "0.0.0.0", () => console.log(`serving on port ${port}`));
})();
