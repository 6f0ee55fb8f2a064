/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/config.h"

#include <stdio.h>
#include <string.h>

/* Where the backend's answers find the files of objects; no visitor does. */
#define EDGE_FILES "/.freehold/files/"

/* Files of public buckets. */
#define PUBLIC_FILES "/storage/v1/object/public/"

/* What browsers fetch as parts of a page. A missing one is 404, never the page: a script that is HTML breaks the tab.
 */
#define ASSET_ENDINGS                                                                                                  \
	"js|mjs|cjs|css|map|json|wasm|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp4|webm|mp3|ogg|wav|pdf|"    \
	"txt|xml|webmanifest"

/* Names that bundlers give: they change with the content. */
#define FINGERPRINTED "^/(?:.+[-.][a-z0-9_-]{8,}|_next/static/(?:chunks|css|media)/.+)\\.(?:" ASSET_ENDINGS ")$"

#define BACKEND "^/(?:(?:rest|auth|storage|realtime|functions|graphql|analytics|pg)/v1|~oauth|~ai|~mail)(?:/|$)"

#define SECURITY_HEADERS                                                                                               \
	"      add_header X-Content-Type-Options nosniff always;\n"                                                    \
	"      add_header Referrer-Policy strict-origin-when-cross-origin always;\n"                                   \
	"      add_header X-Frame-Options SAMEORIGIN always;\n"

/* Where requests come in, and the folder of names that are known there. */
struct door {
	const char *listen, *tls_listen, *hosts;
	bool is_inside;
};

static bool is_plain(const char *text)
{
	return text[strcspn(text, " \t\r\n;{}\"'$\\#")] == '\0';
}

static void put_main(const struct edge_settings *e, struct buf *b)
{
	buf_puts(b, "# Written by freeholdd at each start; what is changed here by hand is lost.\n");
	if (e->has_brotli) buf_printf(b, "load_module %s/ngx_http_brotli_filter_module.so;\n", e->modules);
	if (e->user != NULL) buf_printf(b, "user %s;\n", e->user);
	buf_printf(b,
		   "daemon off;\nworker_processes auto;\npcre_jit on;\nworker_shutdown_timeout "
		   "30s;\nworker_rlimit_nofile 20000;\n"
		   "pid %s/nginx.pid;\nerror_log stderr warn;\n"
		   /* A live connection takes two, and stays. */
		   "events {\n  worker_connections 8192;\n}\n",
		   e->run);
}

static void put_http(const struct edge_settings *e, struct buf *b)
{
	static const char *const temps[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
	buf_puts(
	    b, "http {\n  include /etc/nginx/mime.types;\n  types { application/manifest+json webmanifest; "
	       "text/javascript mjs; }\n"
	       "  default_type application/octet-stream;\n  charset utf-8;\n"
	       "  charset_types text/css text/plain text/xml text/javascript application/javascript "
	       "application/json image/svg+xml;\n"
	       "  server_tokens off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_timeout 65s;\n  keepalive_requests "
	       "100000;\n"
	       "  client_max_body_size 64m;\n  client_header_timeout 20s;\n  client_body_timeout 60s;\n  send_timeout "
	       "60s;\n"
	       "  large_client_header_buffers 4 32k;\n  reset_timedout_connection on;\n  types_hash_max_size 4096;\n");
	for (size_t i = 0; i < sizeof temps / sizeof *temps; i++)
		buf_printf(b, "  %s_temp_path %s/%s;\n", temps[i], e->run, temps[i]);
	buf_printf(
	    b, "  proxy_cache_path %s/kept levels=2 keys_zone=files:4m max_size=256m inactive=10s use_temp_path=off;\n",
	    e->run);
	buf_puts(b, "  gzip on;\n  gzip_vary on;\n  gzip_proxied any;\n  gzip_comp_level 5;\n  gzip_min_length 860;\n"
		    "  gzip_types text/css text/plain text/xml text/javascript application/javascript application/json "
		    "application/wasm "
		    "application/manifest+json image/svg+xml font/ttf;\n");
	if (e->has_brotli)
		buf_puts(b, "  brotli on;\n  brotli_comp_level 5;\n  brotli_min_length 860;\n"
			    "  brotli_types text/css text/plain text/xml text/javascript application/javascript "
			    "application/json application/wasm "
			    "application/manifest+json image/svg+xml font/ttf;\n");
	buf_puts(b, "  log_format access escape=json "
		    "'{\"time\":\"$time_iso8601\",\"host\":\"$host\",\"method\":\"$request_method\","
		    "\"path\":\"$asked_path\",\"status\":$status,\"bytes\":$bytes_sent,\"seconds\":$request_time,"
		    "\"release\":$release,"
		    "\"referer\":\"$http_referer\",\"agent\":\"$http_user_agent\"}';\n");
	buf_printf(b, "  access_log %s/access.log access buffer=32k flush=1s;\n", e->home);
	/* Without the query, which may hold what nobody should read in a log. */
	buf_puts(b, "  map $request_uri $asked_path { ~^(?<asked>[^?]*) $asked; }\n");
	/* A name of a file, and nothing that leads elsewhere: it comes from the browser. */
	buf_puts(b, "  map $ssl_server_name $tls_host { default none; ~^(?<name>[a-z0-9][a-z0-9.-]*)$ $name; }\n"
		    "  ssl_protocols TLSv1.2 TLSv1.3;\n  ssl_session_cache shared:edge:4m;\n"
		    "  ssl_session_tickets off;\n");
	buf_puts(b, "  map $pin $release { default 0; ~/releases/(?<number>[0-9]+)/ $number; }\n");
	/* As it was asked for: what is in a function's path is the function's to read. */
	buf_puts(
	    b,
	    "  map $request_uri $function { default ''; "
	    "\"~^/functions/v1/(?<function_name>[A-Za-z0-9][A-Za-z0-9_-]*)(?:[/?]|$)\" $function_name; }\n"
	    "  map $request_uri $function_uri { default /; \"~^/functions/v1(?<function_rest>/.*)$\" "
	    "$function_rest; }\n"
	    "  map $function_why $function_says { default 'Invalid JWT'; missing 'Missing authorization header'; }\n");
	/* One of 128 in the last fifth of a second (GIVEN_EARLY_MS of the backend's). */
	buf_puts(b, "  map $msec $asks_early { default 0; ~\\.[89] $is_chosen; }\n"
		    "  map $request_id $is_chosen { default 0; ~^0[01] 1; }\n");
	buf_puts(b, "  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n");
	/* The release that a tab was loaded from, in every request but the one for a new page. */
	buf_puts(b, "  map \"$cookie___fh_release:$http_sec_fetch_dest\" $tab { default none; "
		    "\"~^(?<tab_release>[0-9]{1,9}):(?!document$)\" $tab_release; }\n");
	buf_puts(b, "  map \"$pinned:$upstream_http_content_type\" $tab_cookie { default ''; ~^yes:text/html "
		    "\"__fh_release=$release; Path=/; HttpOnly; SameSite=Lax\"; }\n");
}

/* Never asked twice: a request that changes something must not be done again. */
#define PROXY                                                                                                          \
	"      proxy_http_version 1.1;\n"                                                                              \
	"      proxy_set_header Connection $connection_upgrade;\n"                                                     \
	"      proxy_set_header Upgrade $http_upgrade;\n"                                                              \
	"      proxy_set_header X-Real-IP $remote_addr;\n"                                                             \
	"      proxy_set_header X-Forwarded-For $remote_addr;\n"                                                       \
	"      proxy_set_header X-Forwarded-Host $http_host;\n"                                                        \
	"      proxy_set_header X-Forwarded-Proto $scheme;\n"                                                          \
	"      proxy_connect_timeout 5s;\n      proxy_next_upstream off;\n      proxy_intercept_errors off;\n"

/* Headers of the backend's that nginx does not keep when it sends a file in the answer's place. */
static void put_file_headers(struct buf *b)
{
	static const struct {
		const char *name, *variable;
	} kept[] = {{"ETag", "etag"},
		    {"Last-Modified", "last_modified"},
		    {"X-Content-Type-Options", "x_content_type_options"},
		    {"Content-Security-Policy", "content_security_policy"},
		    {"X-Robots-Tag", "x_robots_tag"},
		    {"X-Transformations", "x_transformations"},
		    {"Vary", "vary"},
		    {"Access-Control-Allow-Origin", "access_control_allow_origin"},
		    {"Access-Control-Expose-Headers", "access_control_expose_headers"}};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		buf_printf(b, "      add_header %s $upstream_http_%s;\n", kept[i].name, kept[i].variable);
}

#define TO_STORAGE                                                                                                     \
	"      proxy_pass http://unix:%s/%s/$host/backend.sock;\n" PROXY "      proxy_set_header Host $host;\n"        \
	"      proxy_set_header X-Freehold-Files " EDGE_FILES ";\n"                                                    \
	"      charset off;\n      client_max_body_size 0;\n      proxy_request_buffering off;\n      "                \
	"proxy_send_timeout 120s;\n"                                                                                   \
	"      proxy_read_timeout 120s;\n"

/* What anybody may read and is small is kept here until the second is over (X-Accel-Expires: the backend's word, and
 * the only one that counts; storage/given.h says what that is good for). Then all who come ask until one has its
 * answer: what has run out must not be sent meanwhile, and waiting (proxy_cache_lock) is done in steps of half a
 * second. So a few are led to ask shortly before, whose answers hold for the next second. Of small files reading and
 * sending in one piece costs less than sendfile. */
static void put_public_files(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_printf(b,
		   "    location ^~ " PUBLIC_FILES " {\n" TO_STORAGE
		   "      open_file_cache max=4096 inactive=10s;\n      open_file_cache_valid 1s;\n"
		   "      proxy_cache files;\n      proxy_cache_key $host$request_uri;\n      proxy_cache_min_uses 2;\n"
		   "      proxy_cache_bypass $asks_early;\n"
		   "      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;\n"
		   "      proxy_set_header Range $http_range;\n      proxy_set_header If-Range $http_if_range;\n"
		   "      proxy_set_header If-None-Match $http_if_none_match;\n"
		   "      proxy_set_header If-Modified-Since $http_if_modified_since;\n"
		   "      sendfile off;\n      output_buffers 1 32k;\n"
		   "      if_modified_since before;\n      gzip off;\n%s"
		   "      error_page 502 504 = @backend_away;\n    }\n",
		   e->home, d->hosts, e->has_brotli ? "      brotli off;\n" : "");
}

/* Files of objects: the backend says who may have which (X-Accel-Redirect), nginx sends it from the disk. An upload
 * flows through as it comes; the backend knows how large it may be. Below our name for the files no visitor gets.
 * tus-js-client takes any answer to HEAD but 423 for the end of its upload, and begins again from nothing. */
static void put_storage(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	put_public_files(e, d, b);
	buf_printf(
	    b,
	    "    location ^~ /storage/v1/ {\n" TO_STORAGE "      error_page 502 504 = @backend_away;\n    }\n"
	    "    location ^~ /storage/v1/upload/resumable {\n" TO_STORAGE
	    "      error_page 502 504 = @upload_away;\n    }\n"
	    "    location @upload_away {\n      internal;\n      add_header Access-Control-Allow-Origin * always;\n"
	    "      if ($request_method = HEAD) {\n        return 423;\n      }\n      return 503;\n    }\n"
	    "    location ^~ " EDGE_FILES " {\n      internal;\n"
	    "      alias %s/%s/$host/storage/;\n"
	    "      etag off;\n      if_modified_since off;\n      gzip off;\n%s      charset off;\n      types {}\n"
	    "      error_page 404 = @file_away;\n",
	    e->home, d->hosts, e->home, d->hosts, e->home, d->hosts, e->has_brotli ? "      brotli off;\n" : "");
	put_file_headers(b);
	buf_puts(
	    b,
	    "    }\n"
	    "    location @file_away {\n      internal;\n      default_type application/json;\n"
	    "      add_header Access-Control-Allow-Origin * always;\n      add_header Cache-Control no-store always;\n"
	    "      return 400 '{\"statusCode\":\"404\",\"error\":\"not_found\",\"message\":\"Object not "
	    "found\",\"code\":\"NoSuchKey\"}';\n    }\n");
}

/* What the relay answers itself, as upstream's: functions-js knows it by x-relay-error. */
#define RELAY_HEADERS                                                                                                  \
	"      internal;\n      default_type application/json;\n      add_header X-Relay-Error true always;\n"         \
	"      add_header Access-Control-Allow-Origin * always;\n"                                                     \
	"      add_header Access-Control-Expose-Headers x-relay-error always;\n"                                       \
	"      add_header Cache-Control no-store always;\n"

/* A stream flows both ways, and belongs to the release that was live when it began. */
#define TO_FUNCTION                                                                                                    \
	"      proxy_pass http://unix:$at/../fn/web.sock:$function_uri;\n" PROXY                                       \
	"      proxy_set_header Host $http_host;\n"                                                                    \
	"      proxy_request_buffering off;\n      proxy_buffering off;\n"                                             \
	"      proxy_read_timeout 400s;\n      proxy_send_timeout 400s;\n"                                             \
	"      error_page 502 503 = @function_away;\n      error_page 504 = @function_late;\n"

/* The backend says whether the caller's token is one of this app's; it never sees the body. A preflight carries none,
 * and functions that the app declared open (verify_jwt = false) want none. */
static void put_functions(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_puts(b, "    set $function_why '';\n"
		    "    location ^~ /functions/v1/ {\n"
		    "      error_page 401 = @function_refused;\n      error_page 404 = @function_unknown;\n"
		    "      error_page 418 = @function;\n      error_page 500 = @function_away;\n"
		    "      recursive_error_pages on;\n"
		    "      if ($function = '') {\n        return 404;\n      }\n"
		    "      if (!-f $at/../functions-known/$function) {\n        return 404;\n      }\n"
		    "      if ($request_method = OPTIONS) {\n        return 418;\n      }\n"
		    "      if (-f $at/../functions-open/$function) {\n        return 418;\n      }\n"
		    "      auth_request /.freehold/functions/verify;\n"
		    "      auth_request_set $function_why $upstream_http_x_freehold_why;\n" TO_FUNCTION "    }\n"
		    "    location @function {\n      internal;\n" TO_FUNCTION "    }\n");
	buf_printf(b,
		   "    location = /.freehold/functions/verify {\n      internal;\n"
		   "      proxy_pass http://unix:%s/%s/$host/backend.sock:/.freehold/functions/verify;\n"
		   "      proxy_http_version 1.1;\n      proxy_set_header Connection '';\n"
		   "      proxy_pass_request_body off;\n      proxy_set_header Content-Length '';\n"
		   "      proxy_set_header Host $host;\n      proxy_connect_timeout 5s;\n    }\n",
		   e->home, d->hosts);
	buf_puts(
	    b,
	    "    location @function_refused {\n" RELAY_HEADERS
	    "      return 401 '{\"code\":401,\"message\":\"$function_says\"}';\n    }\n"
	    "    location @function_unknown {\n" RELAY_HEADERS
	    "      return 404 '{\"code\":\"NOT_FOUND\",\"message\":\"Requested function was not found\"}';\n    }\n"
	    "    location @function_away {\n" RELAY_HEADERS "      add_header Retry-After 1 always;\n"
	    "      return 503 '{\"code\":\"BOOT_ERROR\",\"message\":\"The functions of this app are not answering at "
	    "the moment; try again in a second.\"}';\n    }\n"
	    "    location @function_late {\n" RELAY_HEADERS
	    "      return 504 '{\"code\":\"IDLE_TIMEOUT\",\"message\":\"Request idle timeout limit reached\"}';\n    "
	    "}\n");
}

static void put_api(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_printf(b,
		   "    location ~ " BACKEND " {\n"
		   "      proxy_pass http://unix:%s/%s/$host/backend.sock;\n" PROXY
		   "      proxy_set_header Host $host;\n"
		   "      proxy_read_timeout 120s;\n      error_page 502 504 = @backend_away;\n"
		   "    }\n"
		   "    location @backend_away {\n      internal;\n      default_type application/json;\n"
		   "      add_header Retry-After 1 always;\n      add_header Access-Control-Allow-Origin * always;\n"
		   "      return 503 '{\"code\":\"unavailable\",\"message\":\"The backend of this app is not answering "
		   "at the moment; try again in a second.\"}';\n"
		   "    }\n",
		   e->home, d->hosts);
}

/* A location's own error_page replaces those of the server. */
#define TO_SERVER                                                                                                      \
	"      error_page 404 @missing;\n      error_page 418 = @server;\n      recursive_error_pages on;\n"           \
	"      if ($kind = server) {\n        return 418;\n      }\n"

/* What the app's own server answers. Nothing is held back: a request reaches the release at its first byte, so that it
 * belongs to that one however long its body takes, and a stream flows. */
static void put_app_server(struct buf *b)
{
	buf_puts(b,
		 "    location @server {\n"
		 "      proxy_pass http://unix:$at/../run/web.sock;\n" PROXY "      proxy_set_header Host $http_host;\n"
		 "      proxy_request_buffering off;\n      proxy_buffering off;\n"
		 "      proxy_read_timeout 1h;\n      proxy_send_timeout 1h;\n"
		 "      add_header Set-Cookie $tab_cookie;\n"
		 "      error_page 502 504 = @server_away;\n    }\n"
		 "    location @server_away {\n      internal;\n      default_type text/plain;\n"
		 "      add_header Retry-After 1 always;\n      add_header Cache-Control no-store always;\n"
		 "      return 503 \"The server of this app is not answering at the moment; try again in a "
		 "second.\\n\";\n    }\n");
}

static void put_static(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_puts(b, "    location = /.well-known/freehold {\n      default_type application/json;\n"
		    "      add_header Cache-Control no-store;\n      return 200 '{\"release\":$release}';\n    }\n");
	buf_puts(b, "    location ~ /\\.(?!well-known/) {\n      return 404;\n    }\n");
	/* A fingerprinted name changes with its content: found in assets/ it never needs to be asked for again. */
	buf_printf(b,
		   "    location ~* \"" FINGERPRINTED "\" {\n"
		   "      root %s/%s/$host/assets;\n      try_files $uri @file;\n"
		   "      add_header Cache-Control \"public, max-age=31536000, immutable\";\n" SECURITY_HEADERS
		   "    }\n",
		   e->home, d->hosts);
	buf_printf(b,
		   "    location ~* \"\\.(?:%s)$\" {\n" TO_SERVER "      root $at;\n      try_files $uri =404;\n"
		   "      add_header Cache-Control no-cache;\n" SECURITY_HEADERS "    }\n",
		   ASSET_ENDINGS);
	/* Where only one file can be the answer, either release may give it: no pin. */
	buf_puts(b, "    location @file {\n" TO_SERVER "      root $live;\n      try_files $uri =404;\n"
		    "      add_header Cache-Control no-cache;\n" SECURITY_HEADERS "    }\n");
	buf_puts(b, "    location / {\n" TO_SERVER
		    "      root $at;\n      try_files $uri $uri/index.html $uri.html @page;\n"
		    "      add_header Cache-Control no-cache;\n" SECURITY_HEADERS "    }\n");
	buf_puts(b, "    location @page {\n      root $at/../pages;\n      try_files /200.html =404;\n"
		    "      add_header Cache-Control no-cache;\n" SECURITY_HEADERS "    }\n");
	buf_puts(b, "    error_page 404 @missing;\n    location @missing {\n      root $live;\n      try_files "
		    "/404.html =404;\n"
		    "      add_header Cache-Control no-cache always;\n" SECURITY_HEADERS "    }\n");
}

/* No app, or one that its owner stopped. Checked first, since a root that does not exist cannot be resolved. An app's
 * own server is no visitor: it runs, so it has its backend. */
static void put_absent(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_printf(b,
		   "    set $absent '';\n    default_type text/plain;\n"
		   "    if (!-d %s/%s/$host/live/public) {\n      set $absent unknown;\n    }\n",
		   e->home, d->hosts);
	if (!d->is_inside)
		buf_printf(b, "    if (-f %s/stopped/$host) {\n      set $absent stopped;\n    }\n", e->home);
	buf_puts(
	    b,
	    "    if ($absent = unknown) {\n      return 404 \"There is no app at this address.\\n\";\n    }\n"
	    "    if ($absent = stopped) {\n      return 503 \"This app has been stopped by its owner.\\n\";\n    }\n");
}

/* Of what scripts ask nothing is sent elsewhere, nor of what proves whose the name is. */
static void put_secured(const struct edge_settings *e, struct buf *b)
{
	buf_printf(b,
		   "    set $plain '';\n"
		   "    if (-f %s/secured/$host) {\n      set $plain $scheme;\n    }\n"
		   "    if ($uri ~ \"" BACKEND "|^/\\.well-known/\") {\n      set $plain '';\n    }\n",
		   e->home);
	if (e->tls_port == 443)
		buf_puts(b, "    if ($plain = http) {\n      return 308 https://$host$request_uri;\n    }\n");
	else
		buf_printf(b, "    if ($plain = http) {\n      return 308 https://$host:%u$request_uri;\n    }\n",
			   (unsigned)e->tls_port);
}

static void put_server(const struct edge_settings *e, const struct door *d, struct buf *b)
{
	buf_printf(b,
		   "  server {\n    listen %s;\n    listen %s;\n"
		   "    ssl_certificate %s/certs/$tls_host.pem;\n    ssl_certificate_key %s/certs/$tls_host.pem;\n"
		   "    server_name _;\n    root %s/%s/$host/live/public;\n"
		   "    set $pin '';\n"
		   /* The backend of an app alone answers for its files; what follows costs more than a file does. */
		   "    if ($uri ~ ^" PUBLIC_FILES ") {\n      break;\n    }\n"
		   "    set $live %s/%s/$host/live/public;\n    set $at $live;\n    set $pinned '';\n"
		   "    set $kind files;\n",
		   d->listen, d->tls_listen, e->home, e->home, e->home, d->hosts, e->home, d->hosts);
	put_absent(e, d, b);
	if (!d->is_inside) put_secured(e, b);
	/* Resolving the links is what a request costs most; a fingerprinted file is the same whatever is live. */
	if (e->is_pinned)
		buf_puts(b, "    if ($uri !~* \"" FINGERPRINTED
			    "\") {\n      set $pin $realpath_root;\n      set $at $pin;\n    }\n");
	/* pinned/<host>/<n> leads to a release whose tabs may keep it, where the owner wants that. */
	buf_printf(b,
		   "    if (-d %s/pinned/$host) {\n      set $pinned yes;\n    }\n"
		   "    if (-d %s/pinned/$host/$tab) {\n"
		   "      set $at %s/pinned/$host/$tab/public;\n      set $pin /releases/$tab/;\n    }\n"
		   "    if (-d $at/../server) {\n      set $kind server;\n    }\n",
		   e->home, e->home, e->home);
	put_api(e, d, b);
	put_functions(e, d, b);
	put_storage(e, d, b);
	put_app_server(b);
	put_static(e, d, b);
	buf_puts(b, "  }\n");
}

bool edge_config(const struct edge_settings *e, struct buf *ret_text)
{
	if (!is_plain(e->home) || !is_plain(e->run) || !is_plain(e->listen) || !is_plain(e->tls_listen) ||
	    !is_plain(e->modules) || (e->user != NULL && !is_plain(e->user)))
		return false;
	put_main(e, ret_text);
	put_http(e, ret_text);
	char listen[1200], tls_listen[1200];
	(void)snprintf(listen, sizeof listen, "%s default_server backlog=4096", e->listen);
	(void)snprintf(tls_listen, sizeof tls_listen, "%s ssl http2 default_server backlog=4096", e->tls_listen);
	struct door visitors = {listen, tls_listen, "hosts", false};
	put_server(e, &visitors, ret_text);
	(void)snprintf(listen, sizeof listen, "unix:%s/edge.sock", e->run);
	(void)snprintf(tls_listen, sizeof tls_listen, "unix:%s/edge-tls.sock ssl", e->run);
	struct door inside = {listen, tls_listen, "inside", true};
	put_server(e, &inside, ret_text);
	buf_puts(ret_text, "}\n");
	return buf_is_ok(ret_text);
}
