import { createCsrfMiddleware, createMiddleware, createStart } from "@tanstack/react-start";
import { attachSupabaseAuth } from "@/integrations/supabase/auth-attacher";
import { errorPage } from "@/lib/error-page";

const showErrors = createMiddleware().server(async ({ next }) => {
  try {
    return await next();
  } catch (error) {
    if (error !== null && typeof error === "object" && "statusCode" in error) throw error;
    console.error(error);
    return errorPage();
  }
});

export const startInstance = createStart(() => ({
  functionMiddleware: [attachSupabaseAuth],
  requestMiddleware: [showErrors, createCsrfMiddleware({ filter: (ctx) => ctx.handlerType === "serverFn" })],
}));
