// The config package brings TanStack Start, React, Tailwind, path aliases and Nitro; adding them here again breaks the build.
import { defineConfig } from "@lovable.dev/vite-tanstack-config";

export default defineConfig({
  tanstackStart: {
    // src/server.ts wraps the generated server entry.
    server: { entry: "server" },
  },
});
