import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import * as schema from "../shared/schema";

if (!process.env.DATABASE_URL) throw new Error("DATABASE_URL must be set");

export const db = drizzle(new pg.Pool({ connectionString: process.env.DATABASE_URL }), { schema });
