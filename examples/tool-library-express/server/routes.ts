import { createServer, type Server } from "http";
import fs from "fs";
import path from "path";
import express, { type Express } from "express";
import multer from "multer";
import { answerSchema, insertLoanSchema, insertToolSchema } from "@shared/schema";
import { requireUser, setupAuth } from "./auth";
import { storage } from "./storage";

const uploadDir = path.join(process.cwd(), "uploads");
if (!fs.existsSync(uploadDir)) {
  fs.mkdirSync(uploadDir, { recursive: true });
}
const upload = multer({ dest: "uploads/", limits: { fileSize: 5 * 1024 * 1024 } });

export async function registerRoutes(app: Express): Promise<Server> {
  setupAuth(app);
  app.use("/uploads", express.static(uploadDir));

  app.get("/api/tools", async (_req, res) => res.json(await storage.wall()));

  app.get("/api/tools/:id", async (req, res) => {
    const tool = await storage.tool(Number(req.params.id) || 0, req.user?.id);
    if (!tool) return res.status(404).json({ message: "This hook is empty" });
    res.json(tool);
  });

  app.get("/api/shed", requireUser, async (req, res) => {
    const [tools, loans] = await Promise.all([storage.toolsOf(req.user!.id), storage.loansOf(req.user!.id)]);
    res.json({ tools, loans });
  });

  app.post("/api/tools", requireUser, upload.single("picture"), async (req, res) => {
    const parsed = insertToolSchema.safeParse(req.body);
    if (!parsed.success) return res.status(400).json({ message: "A tool needs a name of 2 to 80 letters" });
    const picture = req.file ? `/uploads/${req.file.filename}` : null;
    res.status(201).json(await storage.addTool({ ...parsed.data, picture, ownerId: req.user!.id }));
  });

  app.patch("/api/tools/:id", requireUser, async (req, res) => {
    const tool = await storage.changeTool(Number(req.params.id) || 0, req.user!.id, { isListed: req.body.isListed === true });
    if (!tool) return res.status(404).json({ message: "This hook is empty" });
    res.json(tool);
  });

  app.post("/api/loans", requireUser, async (req, res) => {
    const parsed = insertLoanSchema.safeParse(req.body);
    const tool = parsed.success ? await storage.tool(parsed.data.toolId, undefined) : undefined;
    if (!parsed.success || !tool) return res.status(404).json({ message: "That tool is not on the wall any more" });
    if (tool.ownerId === req.user!.id) return res.status(400).json({ message: "This one is yours already" });
    res.status(201).json(await storage.addLoan({ ...parsed.data, borrowerId: req.user!.id }));
  });

  app.patch("/api/loans/:id", requireUser, async (req, res) => {
    const parsed = answerSchema.safeParse(req.body);
    if (!parsed.success) return res.status(400).json({ message: "That is no answer" });
    const loan = await storage.answerLoan(Number(req.params.id) || 0, req.user!.id, parsed.data.status);
    if (!loan) return res.status(404).json({ message: "Nobody asked for that" });
    res.json(loan);
  });

  return createServer(app);
}
