/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_text.h"

void export_nginx(const struct export_facts *f, struct buf *out)
{
	buf_puts(out,
		 "# nginx for the files of this export. From this folder, as any user:\n"
		 "#\n"
		 "#     mkdir -p tmp && nginx -p \"$PWD\" -c nginx.conf\n"
		 "#\n"
		 "# and it answers at http://127.0.0.1:8000\n"
		 "#\n"
		 "# or put the server block into /etc/nginx/conf.d with an absolute root.\n"
		 "pid nginx.pid;\n"
		 "error_log stderr;\n"
		 "events {}\n"
		 "http {\n"
		 "  access_log off;\n"
		 "  client_body_temp_path tmp/body;\n"
		 "  proxy_temp_path tmp/proxy;\n"
		 "  fastcgi_temp_path tmp/fastcgi;\n"
		 "  uwsgi_temp_path tmp/uwsgi;\n"
		 "  scgi_temp_path tmp/scgi;\n"
		 "  types {\n"
		 "    text/html html htm; text/css css; text/javascript js mjs; application/json json map;\n"
		 "    image/svg+xml svg; image/png png; image/jpeg jpg jpeg; image/webp webp; image/gif gif; "
		 "image/x-icon ico;\n"
		 "    font/woff2 woff2; font/woff woff; application/wasm wasm; application/pdf pdf; text/plain txt;\n"
		 "  }\n"
		 "  server {\n"
		 "    listen 127.0.0.1:8000;\n"
		 "    root site/public;\n"
		 "    index index.html;\n");
	if (f->has_server)
		buf_puts(out, "    location / { try_files $uri @app; }\n"
			      "    location @app {\n"
			      "      proxy_pass http://127.0.0.1:3000;\n"
			      "      proxy_set_header Host $http_host;\n"
			      "      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
			      "      proxy_set_header X-Forwarded-Proto $scheme;\n"
			      "    }\n");
	else
		buf_printf(out, "    location / { try_files $uri $uri/ $uri.html %s; }\n",
			   f->has_fallback ? "/index.html" : "=404");
	buf_puts(out, "  }\n}\n");
}

void export_compose(const struct export_facts *f, struct buf *out)
{
	buf_printf(
	    out,
	    "# docker compose up: PostgreSQL %d with this export's database, and nginx with its files on port 8000.\n"
	    "services:\n"
	    "  postgres:\n"
	    "    image: postgres:%d\n"
	    "    environment:\n"
	    "      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env beside this file}\n"
	    "      POSTGRES_USER: supabase_admin\n"
	    "      POSTGRES_DB: postgres\n"
	    "    volumes:\n"
	    "      - data:/var/lib/postgresql/data\n"
	    "      - ./database/roles.sql:/docker-entrypoint-initdb.d/1-roles.sql:ro\n"
	    "      - ./database/database.sql:/docker-entrypoint-initdb.d/2-database.sql:ro\n"
	    "  site:\n"
	    "    image: nginx:stable\n"
	    "    network_mode: host\n"
	    "    working_dir: /export\n"
	    "    command: [nginx, -p, /export, -c, nginx.conf, -g, 'daemon off; user root;']\n"
	    "    volumes:\n"
	    "      - ./:/export\n"
	    "volumes:\n"
	    "  data:\n",
	    f->major, f->major);
}

static void readme_database(const struct export_facts *f, struct buf *out)
{
	buf_printf(
	    out,
	    "## The database\n\n"
	    "PostgreSQL %d. In an empty one whose superuser is `supabase_admin` (`initdb -U supabase_admin`):\n\n"
	    "    psql -U supabase_admin -d postgres -f database/roles.sql\n"
	    "    pg_restore -U supabase_admin -d postgres --exit-on-error database/database.dump\n\n"
	    "The first says once that the role supabase_admin is there already; nothing else may be said. "
	    "`database/database.sql` is the "
	    "same as `database.dump`, as text that can be read (`psql -f` takes it). The schemas `auth`, `storage`, "
	    "`realtime`, `cron`, `vault` "
	    "and so on are ordinary tables and functions, as a Supabase project has them, users with the hashes of "
	    "their passwords included. "
	    "Roles come without passwords. `supabase_admin` finds no table by its bare name, since `roles.sql` sets "
	    "its "
	    "search_path to pg_catalog: write `public.tools`, or look as `postgres`.\n\n",
	    f->major);
}

static void readme_site(const struct export_facts *f, struct buf *out)
{
	buf_puts(out, "## The site\n\n");
	if (f->live == 0) {
		buf_puts(out, "Nothing was live.\n\n");
		return;
	}
	buf_printf(out,
		   "`site/public` holds the files of release %lld, as visitors got them at %s. Any web server takes "
		   "them; `nginx.conf` is one way, which then answers at http://127.0.0.1:8000:\n\n"
		   "    mkdir -p tmp && nginx -p \"$PWD\" -c nginx.conf\n\n"
		   "As root add `-g 'user root;'`: this folder is its owner's alone, and root's nginx works as another "
		   "user.\n\n"
		   "They were built for that address and its keys: for another one, build them anew from the source "
		   "with the variables in "
		   "`env.names`.\n\n",
		   (long long)f->live, f->url);
	if (f->has_server)
		buf_puts(out, "The release has a server of its own, in `site/server`; `site/release.json` says how it "
			      "is started. It wants "
			      "`DATABASE_URL`, `PORT=3000` and the variables of `env.names`; `nginx.conf` asks it for "
			      "what is no file.\n\n");
}

void export_readme(const struct export_facts *f, struct buf *out)
{
	buf_printf(out,
		   "# %s, to be run without Freehold\n\n"
		   "Everything of the app, in formats that ordinary tools read.\n\n"
		   "| | |\n|---|---|\n"
		   "| `repo.bundle` | the source with its history: `git clone repo.bundle %s` |\n"
		   "| `site/` | the files of the release that was live |\n"
		   "| `database/` | a dump (`pg_restore`), the same as SQL, and the roles |\n"
		   "| `storage/` | files of the app's users, a folder for each bucket (%zu files); `storage.json` "
		   "tells type and owner of each |\n"
		   "| `data/` | what the app's own server wrote |\n"
		   "| `env.names` | variables that were set; their values are not here |\n"
		   "| `nginx.conf`, `compose.yaml` | two ways to run it |\n\n",
		   f->app, f->app, f->object_count);
	readme_database(f, out);
	readme_site(f, out);
	buf_puts(out, "## What answered /rest, /auth, /storage\n\n"
		      "A page that uses supabase-js asks its own address for those. Freehold's backend is a program "
		      "that also runs by itself against "
		      "any PostgreSQL; a Supabase project does, too: restore `database.dump` into it, upload "
		      "`storage/`, and build the source with its "
		      "address and key. Sign-in goes on with the same passwords in both.\n");
}
