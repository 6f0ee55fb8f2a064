import connectPg from "connect-pg-simple";
import type { Express, RequestHandler } from "express";
import session from "express-session";
import memoize from "memoizee";
import * as client from "openid-client";
import { Strategy, type VerifyFunction } from "openid-client/passport";
import passport from "passport";
import { users } from "../shared/schema";
import { db } from "./db";

if (!process.env.REPLIT_DOMAINS) throw new Error("REPLIT_DOMAINS must be set");

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

const discovered = memoize(
  () => client.discovery(new URL(process.env.ISSUER_URL ?? "https://replit.com/oidc"), process.env.REPL_ID!),
  { maxAge: 3600 * 1000, promise: true },
);

function keptSessions() {
  const Store = connectPg(session);
  return session({
    secret: process.env.SESSION_SECRET!,
    store: new Store({ conString: process.env.DATABASE_URL, createTableIfMissing: false, ttl: WEEK_MS, tableName: "sessions" }),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, secure: true, maxAge: WEEK_MS },
  });
}

type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

function note(user: any, tokens: Tokens) {
  user.claims = tokens.claims();
  user.access_token = tokens.access_token;
  user.refresh_token = tokens.refresh_token;
  user.expires_at = user.claims?.exp;
}

async function remember(claims: any) {
  const person = { id: claims.sub, email: claims.email, firstName: claims.first_name, lastName: claims.last_name, profileImageUrl: claims.profile_image_url };
  await db.insert(users).values(person).onConflictDoUpdate({ target: users.id, set: { ...person, updatedAt: new Date() } });
}

export async function setupAuth(app: Express) {
  app.set("trust proxy", 1);
  app.use(keptSessions());
  app.use(passport.initialize());
  app.use(passport.session());

  const config = await discovered();

  const verify: VerifyFunction = async (tokens, verified) => {
    const user = {};
    note(user, tokens);
    await remember(tokens.claims());
    verified(null, user);
  };

  for (const domain of process.env.REPLIT_DOMAINS!.split(",")) {
    passport.use(new Strategy(
      { name: `replitauth:${domain}`, config, scope: "openid email profile offline_access", callbackURL: `https://${domain}/api/callback` },
      verify,
    ));
  }
  passport.serializeUser((user: Express.User, done) => done(null, user));
  passport.deserializeUser((user: Express.User, done) => done(null, user));

  app.get("/api/login", (req, res, next) => {
    passport.authenticate(`replitauth:${req.hostname}`, { prompt: "login consent", scope: ["openid", "email", "profile", "offline_access"] })(req, res, next);
  });
  app.get("/api/callback", (req, res, next) => {
    passport.authenticate(`replitauth:${req.hostname}`, { successReturnToOrRedirect: "/", failureRedirect: "/api/login" })(req, res, next);
  });
  app.get("/api/logout", (req, res) => {
    req.logout(() => {
      res.redirect(client.buildEndSessionUrl(config, { client_id: process.env.REPL_ID!, post_logout_redirect_uri: `${req.protocol}://${req.hostname}` }).href);
    });
  });
}

export const isAuthenticated: RequestHandler = async (req, res, next) => {
  const user = req.user as any;
  if (!req.isAuthenticated() || !user.expires_at) return res.status(401).json({ message: "Unauthorized" });
  if (Math.floor(Date.now() / 1000) <= user.expires_at) return next();
  if (!user.refresh_token) return res.status(401).json({ message: "Unauthorized" });
  try {
    note(user, await client.refreshTokenGrant(await discovered(), user.refresh_token));
    next();
  } catch {
    res.status(401).json({ message: "Unauthorized" });
  }
};
