import { randomBytes, scrypt, timingSafeEqual } from "crypto";
import { promisify } from "util";
import connectPgSimple from "connect-pg-simple";
import type { Express, NextFunction, Request, Response } from "express";
import session from "express-session";
import passport from "passport";
import { Strategy as LocalStrategy } from "passport-local";
import { insertUserSchema, type User as Account } from "@shared/schema";
import { pool } from "./db";
import { storage } from "./storage";

declare global {
  namespace Express {
    interface User extends Account {}
  }
}

const derive = promisify(scrypt);

async function hash(password: string) {
  const salt = randomBytes(16).toString("hex");
  return `${((await derive(password, salt, 64)) as Buffer).toString("hex")}.${salt}`;
}

async function matches(password: string, stored: string) {
  const [hashed, salt] = stored.split(".");
  return timingSafeEqual(Buffer.from(hashed, "hex"), (await derive(password, salt, 64)) as Buffer);
}

const shown = ({ id, email, displayName }: Account) => ({ id, email, displayName });

export function requireUser(req: Request, res: Response, next: NextFunction) {
  if (req.isAuthenticated()) return next();
  res.status(401).json({ message: "Sign in first" });
}

export function setupAuth(app: Express) {
  const Store = connectPgSimple(session);
  app.set("trust proxy", 1);
  app.use(
    session({
      secret: process.env.SESSION_SECRET!,
      resave: false,
      saveUninitialized: false,
      store: new Store({ pool, tableName: "session" }),
      cookie: { httpOnly: true, sameSite: "lax", secure: "auto", maxAge: 7 * 24 * 3600 * 1000 },
    }),
  );
  app.use(passport.initialize());
  app.use(passport.session());
  passport.use(
    new LocalStrategy({ usernameField: "email" }, async (email, password, done) => {
      const user = await storage.userByEmail(email.toLowerCase());
      if (!user || !(await matches(password, user.password))) return done(null, false);
      done(null, user);
    }),
  );
  passport.serializeUser((user, done) => done(null, user.id));
  passport.deserializeUser(async (id: number, done) => done(null, (await storage.userById(id)) ?? false));

  app.post("/api/register", async (req, res, next) => {
    const parsed = insertUserSchema.safeParse(req.body);
    if (!parsed.success) return res.status(400).json({ message: "Name, email and a password of six characters are needed" });
    const email = parsed.data.email.toLowerCase();
    if (await storage.userByEmail(email)) return res.status(409).json({ message: "That email is known here already" });
    const user = await storage.addUser({ ...parsed.data, email, password: await hash(parsed.data.password) });
    req.login(user, (error) => (error ? next(error) : res.status(201).json(shown(user))));
  });

  app.post("/api/login", (req, res, next) => {
    passport.authenticate("local", (error: Error | null, user: Account | false) => {
      if (error) return next(error);
      if (!user) return res.status(401).json({ message: "Wrong email or password" });
      req.login(user, (failed) => (failed ? next(failed) : res.json(shown(user))));
    })(req, res, next);
  });

  app.post("/api/logout", (req, res, next) => {
    req.logout((error) => (error ? next(error) : res.sendStatus(204)));
  });

  // null for a stranger, so that asking is no error
  app.get("/api/user", (req, res) => res.json(req.user ? shown(req.user) : null));
}
