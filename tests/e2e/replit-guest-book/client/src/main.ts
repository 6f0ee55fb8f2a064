const main = document.getElementById("main")!;

async function show() {
  const reply = await fetch("/api/auth/user");
  const entries: { words: string; by: string }[] = await (await fetch("/api/entries")).json();
  main.replaceChildren();
  const heading = document.createElement("h1");
  if (reply.ok) {
    const { email } = await reply.json();
    heading.textContent = `Welcome, ${email}`;
    const form = document.createElement("form");
    form.innerHTML = '<input name="words" aria-label="Words" /><button>Write</button> <a href="/api/logout">Log out</a>';
    form.onsubmit = async (event) => {
      event.preventDefault();
      const words = new FormData(form).get("words");
      await fetch("/api/entries", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ words }) });
      await show();
    };
    main.append(heading, form);
  } else {
    heading.textContent = "Guest book";
    const link = document.createElement("a");
    link.href = "/api/login";
    link.textContent = "Log in";
    main.append(heading, link);
  }
  const list = document.createElement("ul");
  list.append(...entries.map(({ words, by }) => Object.assign(document.createElement("li"), { textContent: `${words}, ${by}` })));
  main.append(list);
}

void show();
