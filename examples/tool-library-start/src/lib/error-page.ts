export function errorPage(): Response {
  const page =
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Commonshed</title></head>' +
    "<body><h1>The shed is locked</h1><p>Something went wrong on our side. Try again in a minute.</p></body></html>";
  return new Response(page, { status: 500, headers: { "content-type": "text/html; charset=utf-8" } });
}
