import express, { type NextFunction, type Request, type Response } from "express";
import { registerRoutes } from "./routes";
import { serveStatic, setupVite } from "./vite";

const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: false }));

(async () => {
  const server = await registerRoutes(app);

  app.use("/api", (_req, res) => res.status(404).json({ message: "There is nothing here" }));
  app.use((error: Error & { status?: number }, _req: Request, res: Response, _next: NextFunction) => {
    console.error(error);
    res.status(error.status ?? 500).json({ message: "Something went wrong on our side" });
  });

  if (app.get("env") === "development") {
    await setupVite(app, server);
  } else {
    serveStatic(app);
  }

  const port = parseInt(process.env.PORT || "5000", 10);
  server.listen({ port, host: "0.0.0.0", reusePort: true }, () => console.log(`serving on port ${port}`));
})();
