import { errorPage } from "./lib/error-page";

type Entry = { fetch: (request: Request, env: unknown, context: unknown) => Promise<Response> | Response };

let entry: Promise<Entry> | undefined;
const load = () =>
  (entry ??= import("@tanstack/react-start/server-entry").then((it) => (it.default ?? it) as unknown as Entry));

export default {
  async fetch(request: Request, env: unknown, context: unknown) {
    try {
      return await (await load()).fetch(request, env, context);
    } catch (error) {
      console.error(error);
      return errorPage();
    }
  },
};
