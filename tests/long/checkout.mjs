// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";

// Of an export that is a git repository only what is committed, in a folder below work; another is taken as it lies.
export async function checkout(source, work) {
  const isRepository = existsSync(path.join(source, ".git")) || existsSync(path.join(source, "HEAD"));
  if (!isRepository) return source;
  const target = path.join(work, "source");
  await mkdir(target, { recursive: true });
  const tar = execFileSync("git", ["-C", source, "archive", "HEAD"], { maxBuffer: 1 << 30 });
  execFileSync("tar", ["-x", "-C", target], { input: tar });
  return target;
}

// An app's name for the export in this folder.
export const appName = (folder, index) =>
  `${path.basename(path.resolve(folder)).toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 20).replace(/^-|-$/g, "")}-${index + 1}`;
