/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/run.h"
#include "cli/verbs.h"

#define LIVE "Put an app live"
#define LOOK "See what runs"
#define CHANGE "Change an app"
#define SELF "Freehold itself"

const struct option_spec common_options[] = {
    {0, "json", NULL, "print the answer as JSON"},
    {0, "socket", "PATH", "where the daemon listens"},
    {'h', "help", NULL, "show this"},
    {0},
};

static const struct option_spec deploy_options[] = {
    {'a', "app", "NAME", "the app's name (otherwise made from the name of the folder, archive or repository)"},
    {0, "accept", "FINDING", "deploy in spite of a finding; also schema-loss, migrations-ran; may stand several times"},
    {0, "network", NULL, "let the build use the network"},
    {0, "postgres", "MAJOR",
     "of which PostgreSQL a new app's database is made, such as 17; fetched where it is missing"},
    {0, "database", "URL",
     "a database that you keep elsewhere (postgresql://...; - to type it unseen), instead of one of the app's own"},
    {0, "database-ca", "FILE",
     "with --database: the certificates (PEM) of the authority that signed the database's; public: those this machine "
     "trusts"},
    {0, "detach", NULL, "come back at once instead of following"},
    {0},
};

static const struct option_spec rollback_options[] = {
    {'y', "yes", NULL, "do not ask"},
    {0, "with-data", NULL, "the data too, as it was before the next release; shows first what would be lost"},
    {0},
};

static const struct option_spec logs_options[] = {
    {'f', "follow", NULL, "go on with what is written from now on; Ctrl-C ends it"},
    {'n', "lines", "N", "begin with the last N lines (200)"},
    {0, "source", "NAME", "only the edge, the backend, postgres, the server or its pool"},
    {0, "release", "N", "the server of that release instead of the live one"},
    {0, "functions", NULL, "of edge functions, or of the one that is named behind the app"},
    {0, "build", "N", "what deployment N printed"},
    {0},
};

static const struct option_spec key_options[] = {
    {0, "new", NULL, "make another one; the former is of no use any more"},
    {0, "forget-servers", NULL, "take the servers' keys anew, where one was changed on purpose"},
    {0},
};

static const struct option_spec env_options[] = {
    {0, "show", NULL, "with list: print the values too"},
    {0, "build", NULL, "with set: for builds only"},
    {0, "run", NULL, "with set: for the running server only; no build sees it"},
    {0, "both", NULL, "with set: for builds and the running server"},
    {0, "functions", NULL, "of edge functions only: nothing else of the app gets them"},
    {0, "file", "FILE", "with set: all variables of a file as .env"},
    {0},
};

static const struct option_spec auth_options[] = {
    {0, "all", NULL, "with list: every setting, with what holds"},
    {0, "user", "NAME", "with smtp: the mail server's user; its password is asked for"},
    {0, "from", "ADDRESS", "with smtp: where mails come from"},
    {0, "sender", "NAME", "with smtp: the name beside that address"},
    {0, "security", "KIND", "with smtp: auto, tls (465), starttls or none"},
    {0, "client-id", "ID", "with provider: what the provider calls your app; its secret is asked for"},
    {0, "url", "URL", "with provider: the issuer of any OpenID Connect provider, an Azure tenant"},
    {0, "scopes", "LIST", "with provider: what else is asked for"},
    {0, "edit", NULL, "with template: in your editor ($EDITOR); \"Subject: ...\" is the first line"},
    {0, "file", "FILE", "with template: from a file"},
    {0, "subject", "TEXT", "with template: the subject"},
    {0, "preview", NULL, "with template: as somebody would get it"},
    {0, "html", NULL, "with --preview: the HTML instead of the text"},
    {0, "reset", NULL, "with template: back to the default"},
    {0, "take-over", NULL, "with keys import: the first of them signs from now on"},
    {0, "limit", "N", "with users: so many at most (100)"},
    {0, "search", "TEXT", "with users: whose address has this in it"},
    {0},
};

static const struct option_spec recover_options[] = {
    {0, "place", "N", "from this place of the kit"},
    {0, "at", "PATH", "where that place's folder is now"},
    {0},
};

static const struct option_spec backup_options[] = {
    {0, "elsewhere", NULL, "with add: this folder is of another machine (a network file system)"},
    {0, "endpoint", "HOST", "with add s3://...: the provider's address"},
    {0, "region", "NAME", "with add s3://...: the bucket's region (auto)"},
    {0, "key-id", "ID", "with add s3://...: the access key; its secret is asked for"},
    {0, "uri-style", "STYLE", "with add s3://...: path or host (path)"},
    {0, "no-verify-tls", NULL, "with add s3://...: take any certificate, in a network that is your own"},
    {0},
};

static const struct option_spec postgres_options[] = {
    {0, "later", NULL,
     "with update, back: restart nothing; each app changes over with the next start of its PostgreSQL"},
    {0},
};

static const struct option_spec ai_options[] = {
    {0, "all", NULL, "for all apps that have none of their own"},
    {0, "url", "URL", "with set: where the provider's API is, up to its version: https://api.openai.com/v1"},
    {0, "key", "KEY", "with set: its key; - lets it be typed unseen"},
    {0, "model", "A=B[,...]",
     "with set: what the app calls A is the provider's B; google/*=* leaves a prefix out; A= takes "
     "it away"},
    {0},
};

static const struct option_spec cron_options[] = {
    {0, "limit", "N", "with runs: so many at most (50)"},
    {0},
};

static const struct option_spec tls_options[] = {
    {0, "cert", "FILE", "with set: the certificate, and those that lead to its authority, as PEM"},
    {0, "key", "FILE", "with set: its private key, as PEM and without a passphrase"},
    {0},
};

static const struct option_spec mail_options[] = {
    {0, "state", "STATE", "with list: only waiting, sending, sent or dead"},
    {0, "limit", "N", "with list: so many at most (50)"},
    {0, "html", NULL, "with show: the HTML instead of the text"},
    {0},
};

static const struct option_spec move_options[] = {
    {0, "finish", NULL, "the last copy: the old place refuses writes from then on"},
    {0, "back", NULL, "the old place writes again, and the app's database is the one it had"},
    {0, "check", NULL, "try and compare everything, and change nothing"},
    {0, "no-follow", NULL, "make nothing at the source: the last copy takes as long as the first, without writing"},
    {0, "slot-limit", "MB", "the source may have to keep that much of its log for the copy that follows it (4096)"},
    {0, "replace", NULL, "even though the app's database has rows of its own (they are set aside)"},
    {0, "rewrite-urls", NULL, "the old project's address in rows and jobs becomes the app's"},
    {0, "make-roles", NULL, "make roles that the source names and that are not here"},
    {0, "accept-errors", NULL, "leave out what cannot be restored, and list it"},
    {0, "postgres", "MAJOR", "of which PostgreSQL the new database is (otherwise what the source needs)"},
    {0, "files", "URL|FOLDER", "bring the storage's files too, from the old project or a folder of BUCKET/PATH"},
    {0, "files-key", "FILE", "with --files: a file that holds the old project's service_role key; - to type it unseen"},
    {0, "drop-missing", NULL, "with --files: remove the rows whose files are not at the source"},
    {0},
};
static const struct option_spec db_options[] = {
    {0, "full", NULL,
     "with backup: everything, not only what changed; with branch: with all rows (that is the default)"},
    {0, "sample", "SHARE|ROWS", "with branch create, reset: that much of each table (5%, 1000), and what it refers to"},
    {0, "days", "N", "with branch create, reset: it goes by itself after so many (30; 0: it stays)"},
    {0, "to", "TIME", "with restore: the moment, in UTC (2026-11-30T12:00:00), or now"},
    {0, "point", "NAME", "with restore: a deployment's restore point (before-7)"},
    {0, "backup", "ID", "with restore: a backup as freehold db APP backups lists it"},
    {0, "place", "N", "with restore and drill: from this place only"},
    {0, "inspect", NULL, "with restore: only make the copy, to look at it"},
    {0, "copy", NULL, "with restore: switch over to the copy that was looked at"},
    {0, "undo", NULL, "with restore, import: back to what was live before the last one"},
    {0, "forget", NULL, "with restore: let go of the copy and of what the last restore set aside"},
    {0, "table", "NAME",
     "with restore: bring rows of this table back from the copy; with import: the table that a CSV file goes into"},
    {0, "where", "SQL", "with restore: only those rows of the table"},
    {'y', "yes", NULL, "with restore, branch: do not ask"},
    {'c', "command", "SQL", "with psql, branch psql: run this and end"},
    {0, "fetch", NULL, "with pool: a newer PgBouncer, from Debian 13, beside the machine's own"},
    {0, "read-only", NULL, "with psql, branch psql: nothing is changed by mistake"},
    {0, "plain", NULL, "with dump: SQL text instead of PostgreSQL's custom format"},
    {0, "schema-only", NULL, "with dump, branch: tables without their rows"},
    {0, "replace", NULL, "with import, move: even though the app's database has rows of its own (they are set aside)"},
    {0, "check", NULL, "with import, move: try and compare everything, and change nothing"},
    {0, "rewrite-urls", NULL, "with import, move: the old project's address in rows and jobs becomes the app's"},
    {0, "make-roles", NULL, "with import, move: make roles that the dump names and that are not here"},
    {0, "accept-errors", NULL, "with import, move: leave out what cannot be restored, and list it"},
    {0, "postgres", "MAJOR",
     "with import, move: of which PostgreSQL the new database is (otherwise what the source needs)"},
    {0, "resume", NULL, "with import: go on with, or try again, what was received"},
    {0, "finish", NULL, "with move: the last copy; the old place refuses writes from then on"},
    {0, "back", NULL, "with move: the old place writes again, and the app's database is the one it had"},
    {0, "no-follow", NULL, "with move: make nothing at the source"},
    {0, "slot-limit", "MB",
     "with move: so much of its log the source may have to keep for the copy that follows (4096)"},
    {0, "files", "URL|FOLDER",
     "with import, move: bring the storage's files too, from the old project or a folder of BUCKET/PATH; without a "
     "dump: them alone"},
    {0, "files-key", "FILE", "with --files: a file that holds the old project's service_role key; - to type it unseen"},
    {0, "drop-missing", NULL, "with --files: remove the rows whose files are not at the source"},
    {0, "database-ca", "FILE",
     "with external: the certificates (PEM) of the authority that signed the database's; public: those this machine "
     "trusts"},
    {0},
};

static const struct option_spec storage_options[] = {
    {0, "fix", NULL, "with sweep: delete files that no object names"},
    {0, "older-than", "AGE", "with sweep --fix: only those written so long ago: 30d (unless given), 12h, 10m, 0"},
    {0, "note", "TEXT", "with key add: what it is for"},
    {0, "endpoint", "URL", "with place s3: where that S3 answers, https"},
    {0, "region", "NAME", "with place s3: its region (us-east-1)"},
    {0, "bucket", "NAME", "with place s3: the bucket; it must be there"},
    {0, "prefix", "TEXT", "with place s3: what the files' names begin with there (the app's name and /)"},
    {0, "access-key", "ID", "with place s3: whose secret is asked for"},
    {0},
};

static const struct option_spec export_options[] = {
    {'o', "output", "FOLDER", "where to (APP-export-DATE)"},
    {0},
};

static const struct option_spec destroy_options[] = {
    {0, "confirm", "NAME", "the app's name once more, where nobody can be asked"},
    {0},
};

const struct command commands[] = {
    {"deploy", LIVE, "PATH|ARCHIVE|GIT-URL", "put an export live",
     "Takes the folder, the zip or tar that the builder let you download, or the address of a git repository (https or "
     "ssh), builds it in "
     "a sandbox, tries everything out, and puts it live (promote). If anything fails, what was live stays live.\nFrom "
     "a folder, "
     "node_modules and .git are left out.",
     "freehold deploy my-export.zip\nfreehold deploy . --app shop\nfreehold deploy "
     "https://github.com/me/shop\nfreehold deploy shop.zip "
     "--accept no-row-security:public.votes\nfreehold deploy . --app shop --database -\nfreehold deploy . --app shop "
     "--database - --database-ca eu-central-1-bundle.pem",
     deploy_options, 1, 1, "f", run_deploy},
    {"cancel", LIVE, "APP", "stop a deployment that is under way",
     "Ends the deployment of the app that runs now and takes back what it had begun, as one that fails is taken back. "
     "What was live stays live; migrations that have committed stay, which is said. Where visitors got the new release "
     "already, it stays.",
     "freehold cancel shop", NULL, 1, 1, "a", run_cancel},
    {"check", LIVE, "PATH|ARCHIVE", "say whether an export can go live, and change nothing",
     "Looks through a folder or an archive: what it is, what it needs, what is dangerous in it, what of it does not "
     "work here yet. Needs no "
     "running daemon.\nExit status: 0 it can go live, 5 it is refused and the report says why, 2 it cannot be read.",
     "freehold check my-export.zip\nfreehold check . --json", NULL, 1, 1, "f", run_check},
    {"rollback", LIVE, "APP [RELEASE]", "go back to an earlier release (or forward again)",
     "Visitors get the other release in well under a second. Without a number it is the one that was live before. The "
     "database stays as it is, and it is said whether that release can live with it; --with-data brings back the data "
     "too, from a copy whose differences are shown first.",
     "freehold rollback shop\nfreehold rollback shop 6 --yes\nfreehold rollback shop 6 --with-data", rollback_options,
     1, 2, "ar", run_rollback},

    {"status", LOOK, "[APP]", "everything that runs here, on one screen",
     "Shows the edge, each app's address, live release, processes and restarts, and warnings.",
     "freehold status\nfreehold status shop", NULL, 0, 1, "a", run_status},
    {"apps", LOOK, "", "the apps on this server", "Lists the apps with their state, live release and address.",
     "freehold apps\nfreehold apps --json", NULL, 0, 0, "", run_apps},
    {"releases", LOOK, "APP", "what was live and can be again",
     "Lists an app's releases, newest first. The live one is marked.", "freehold releases shop", NULL, 1, 1, "a",
     run_releases},
    {"deployments", LOOK, "APP [N]", "every attempt, and one of them step by step",
     "A deployment is an attempt to put something live; one that succeeds makes a release of the same number.",
     "freehold deployments shop\nfreehold deployments shop 7", NULL, 1, 2, "ad", run_deployments},
    {"logs", LOOK, "APP [--functions [NAME]]", "what an app wrote, or what a build printed",
     "Shows what the app's edge, backend, database (postgres) and server wrote; with --functions what its edge "
     "functions "
     "wrote, and why one of them was ended.",
     "freehold logs shop -f\nfreehold logs shop -n 1000 --source backend\nfreehold logs shop --source server --release "
     "6\nfreehold logs shop --functions send-mail -f\nfreehold logs shop --build 7",
     logs_options, 1, 2, "a", run_logs},
    {"open", LOOK, "APP", "print the address and open it in a browser",
     "Prints the app's address; where there is a screen, a browser opens it.", "freehold open shop", NULL, 1, 1, "a",
     run_open},

    {"env", CHANGE, "APP set NAME=VALUE...|unset NAME...|list", "variables of the app",
     "Values are kept encrypted and are not printed unless you ask (--show). NAME=- reads the value from standard "
     "input, or lets you type "
     "it unseen, so that it stands in no history of your shell. Names that frameworks write into pages (VITE_, "
     "NEXT_PUBLIC_, PUBLIC_ ...) go to builds and to the running server, all others to the running server only; "
     "--build, "
     "--run and --both say it otherwise. Edge functions get what the running server gets, and what is set with "
     "--functions, which holds from their next call on. From a --file, what Freehold gives the app itself is left out.",
     "freehold env shop set VITE_STRIPE_KEY=pk_live_1\nfreehold env shop set SECRET=-\nfreehold env shop set --file "
     ".env\nfreehold env shop unset "
     "VITE_STRIPE_KEY\nfreehold env "
     "shop list --show\nfreehold env shop --functions set STRIPE_SECRET_KEY=-",
     env_options, 1, CLI_WORDS_MAX, "ae", run_env},
    {"key", CHANGE, "APP", "the app's key for a private repository",
     "Prints the public half of a key with which freehold deploy fetches the app's source by ssh "
     "(git@host:you/app.git, "
     "ssh://...); it is made when there is none, and so is the app, since its first deployment needs it. Add it to the "
     "repository as a deploy key; reading is enough. Each app "
     "has "
     "a key of its own. The server's own key is remembered when it is met first, and another one is refused later.",
     "freehold key shop\nfreehold key shop --new\nfreehold key shop --forget-servers", key_options, 1, 1, "a", run_key},
    {"set", CHANGE, "APP [NAME=VALUE...]", "how the app's server is run",
     "Without values it shows what is set. warm: how long an earlier release's server is kept so that going back need "
     "not boot (10m; 0: not at all). drain: how long its requests and streams may go on (30s). memory: what the server "
     "may use (512M). instances: processes side by side (1). boot: how long it may take until it listens; its first "
     "page may take a "
     "third of that (30s). pin: on, and open tabs keep asking the release they were "
     "loaded from while it is warm (off).\npostgres.NAME: any setting of the app's PostgreSQL that Freehold does not "
     "need "
     "for itself; default takes it back. freehold db shop settings shows them.",
     "freehold set shop\nfreehold set shop memory=1G instances=2\nfreehold set shop boot=90s\nfreehold set shop "
     "warm=30m pin=on\nfreehold set shop "
     "postgres.work_mem=16MB\nfreehold set shop postgres.work_mem=default",
     NULL, 1, 6, "av", run_set},
    {"auth", CHANGE, "APP [WORD ...]", "how the app's users sign in",
     "Without more it says how sign-in is set. What is set holds at once, without a restart. Secrets are kept "
     "encrypted and never printed.",
     "freehold auth shop\nfreehold auth shop set enable_signup=false email.otp_length=8\nfreehold auth shop unset "
     "enable_signup\nfreehold auth shop smtp "
     "smtp.example.com:587 --user me --from hello@example.com\nfreehold auth shop smtp test me@example.com\nfreehold "
     "auth "
     "shop provider google --client-id 123.apps.googleusercontent.com\nfreehold auth shop template confirmation "
     "--edit\nfreehold auth shop keys standby\nfreehold auth shop keys rotate\nfreehold auth shop users --search ada",
     auth_options, 1, CLI_WORDS_MAX, "aw", run_auth, auth_words},
    {"ai", CHANGE, "APP|--all [set|unset]", "who answers what the app asks of an AI",
     "Apps of Lovable ask its AI gateway. Here the provider that you set answers: any with OpenAI's API (OpenAI, "
     "Google, "
     "OpenRouter, Mistral, an Ollama on this machine). The key stays here; the app never sees it. Holds at once.",
     "freehold ai shop\nfreehold ai --all set --url https://openrouter.ai/api/v1 --key -\nfreehold ai shop set --url "
     "https://generativelanguage.googleapis.com/v1beta/openai --key - --model 'google/*=*'\nfreehold ai shop set "
     "--model "
     "google/gemini-2.5-flash=gpt-4o-mini\nfreehold ai shop unset",
     ai_options, 0, 2, "ai", run_ai},
    {"cron", CHANGE, "APP [WORD ...]", "the jobs that the app scheduled in its database",
     "Without more it lists them: when each is due, how it last ended. Jobs are made by the app itself "
     "(cron.schedule).",
     "freehold cron shop\nfreehold cron shop runs nightly\nfreehold cron shop run nightly\nfreehold cron shop "
     "pause\nfreehold cron shop resume nightly\nfreehold cron shop allow 10.0.0.5\nfreehold cron shop deny 10.0.0.5",
     cron_options, 1, 3, "aw", run_cron, cron_words},
    {"mail", CHANGE, "APP [WORD ...]", "the mails of the app's sign-in",
     "Shows the mails that sign-up, password reset and the like made: whether they left, what the mail server "
     "answered, and of those that did not leave their links and codes. Without a mail server all are kept here.",
     "freehold mail shop\nfreehold mail shop show 12\nfreehold mail shop retry\nfreehold mail shop purge dead",
     mail_options, 1, 3, "aw", run_mail, mail_words},
    {"db", CHANGE, "APP [VERB ...]", "the app's database",
     "Everything about the app's database: looking in, taking it out, moving one in, backups and going back, copies to "
     "try things in. Without a verb it lists what there is.",
     "freehold db shop psql\n"
     "freehold db shop psql --read-only -c 'select count(*) from orders'\n"
     "freehold db shop dump shop.dump\n"
     "freehold db shop restore --to 2026-11-30T12:00:00 --inspect\n"
     "freehold db shop import project.dump --check\n"
     "freehold db shop branch create try-1 --sample 5% --days 7\n"
     "freehold db shop dump --plain shop.sql\n"
     "freehold db shop restore --copy\n"
     "freehold db shop restore --undo\n"
     "freehold db shop restore --table orders --where \"id < 100\"\n"
     "freehold db shop import shop.dump --files https://abcdefgh.supabase.co\n"
     "freehold db shop import customers.csv --table public.customers\n"
     "freehold db shop import -\n"
     "freehold db shop move -\n"
     "freehold db shop move --finish\n"
     "freehold db shop external -\n"
     "freehold db shop size\n"
     "freehold db shop size --json\n"
     "freehold db shop backup --full\n"
     "freehold db shop backups\n"
     "freehold db shop drill\n"
     "freehold db shop branch psql try-1\n"
     "freehold db shop branch delete try-1\n"
     "freehold db shop pool\n"
     "freehold db shop pool size=20\n"
     "freehold db shop pool mode=session\n"
     "freehold db shop pool --fetch\n"
     "freehold db shop settings\n"
     "freehold db shop renew\n"
     "freehold db shop slow",
     db_options, 1, CLI_WORDS_MAX, "aw", run_db, db_words},
    {"storage", CHANGE, "APP [WORD ...]", "the files of the app's users",
     "The buckets and files of the app's users, which lie on this server's disk or in an S3 of yours.",
     "freehold storage shop usage\nfreehold storage shop sweep\nfreehold storage shop sweep --fix --older-than "
     "7d\nfreehold storage shop key add --note backup\nfreehold storage shop key remove FH0123456789ABCDEFGH\nfreehold "
     "storage shop place\nfreehold storage shop place s3 --endpoint https://s3.eu-central-1.amazonaws.com --region "
     "eu-central-1 --bucket my-files --access-key AKIA...\nfreehold storage shop place local",
     storage_options, 1, CLI_WORDS_MAX, "aw", run_storage, storage_words},
    {"tls", CHANGE, "APP [set|reset|redirect on|redirect off]",
     "https: whose certificate, and whether http leads there",
     "Every app is reached by http and by https. Its certificate is made by an authority of this machine (freehold "
     "trust) and renewed by itself; set gives one of your own, reset goes back. With redirect on, who comes by http is "
     "sent to https, and mails and sign-in name that address. Nothing is interrupted by any of it.",
     "freehold tls shop\nfreehold tls shop set --cert fullchain.pem --key privkey.pem\nfreehold tls shop reset\n"
     "freehold tls shop redirect on",
     tls_options, 1, 3, "at", run_tls},
    {"move", CHANGE, "APP [URL|-]", "move an app in from a running project, the whole day of it",
     "With an address (postgresql://..., or - to type it unseen) the database there is copied, compared row by row and "
     "put "
     "in the place of the app's own, while the old app goes on: try it here. A second copy follows the source "
     "meanwhile, "
     "where that lets it. --finish lets the old place refuse writes, which takes seconds where it was followed and "
     "about "
     "as long as the copy otherwise; a copy that fails lets it write again. Then "
     "this "
     "is the app, and the DNS record to set is shown. --back lets the old place write again. Without anything it says "
     "how "
     "far it is.",
     "freehold move shop -\nfreehold move shop - --files https://abcdefgh.supabase.co --rewrite-urls\nfreehold move "
     "shop\n"
     "freehold move shop --finish\nfreehold move shop --back",
     move_options, 1, 2, "a", run_move},
    {"export", CHANGE, "APP", "everything of an app in a folder, to run without Freehold",
     "Writes a folder with the source and its history (a git bundle), the live release's files, the database as a dump "
     "and as "
     "SQL, its roles, the files of its users, the names of its variables, a configuration of nginx, a compose file, "
     "and a "
     "README that says how to run it with those alone. Nothing is stopped or changed. Values of variables are not in "
     "it.",
     "freehold export shop\nfreehold export shop --output /mnt/disk/shop", export_options, 1, 1, "a", run_export},
    {"start", CHANGE, "APP", "start a stopped app", "Starts the app's database, backend and server.",
     "freehold start shop", NULL, 1, 1, "a", run_start},
    {"stop", CHANGE, "APP", "stop an app; its data stays",
     "Stops the app's server, backend and database. Nothing is removed.", "freehold stop shop", NULL, 1, 1, "a",
     run_stop},
    {"restart", CHANGE, "APP", "stop and start an app's backend and server",
     "Stops and starts the app's backend and its server, which then have the variables and settings as they are now. "
     "Its database goes on running.",
     "freehold restart shop", NULL, 1, 1, "a", run_restart},
    {"destroy", CHANGE, "APP", "remove an app for good (asks first)",
     "Removes the app with its releases, database, users, files and backups. A last dump of the database is kept. A "
     "database "
     "elsewhere stays as it is. Asks "
     "for the app's name; "
     "where nobody can be asked, give it with --confirm.",
     "freehold destroy shop\nfreehold destroy shop --confirm shop", destroy_options, 1, 1, "a", run_destroy},

    {"trust", SELF, "", "the authority that signs this machine's certificates",
     "Prints the certificate of the authority that Freehold made for this machine, so that a browser can be told to "
     "trust it; on a screen, how. It can sign names below localhost and nothing else.",
     "freehold trust\nfreehold trust > freehold-authority.pem", NULL, 0, 0, "", run_trust},
    {"backup", SELF, "[WORD ...]", "where backups lie, and for how long",
     "Where backups lie and for how long. Each app's database has them from its first deployment on, on this disk; "
     "until there is a place elsewhere they are lost with it.",
     "freehold backup\nfreehold backup set days=30 ceiling=2G\nfreehold backup add /mnt/disk2/backups\nfreehold backup "
     "add s3://my-bucket/freehold --endpoint s3.eu-central-1.amazonaws.com --region eu-central-1 --key-id "
     "AKIA...\nfreehold backup remove 1\nfreehold backup files\nfreehold backup kit kit.txt",
     backup_options, 0, CLI_WORDS_MAX, "w", run_backup, backup_words},
    {"postgres", SELF, "[list|look|update|back]", "PostgreSQL that Freehold fetched itself, and its newer editions",
     "What Debian 12 does not have (PostgreSQL 17, a newer PgBouncer) is fetched beside it, and apt upgrade does not "
     "know "
     "of it: security updates come by this. Freehold looks each day what is newer; status says so.\nlook: looks now. "
     "update: fetches what is newer beside what is there, then restarts the PostgreSQL of one app after the other; "
     "with "
     "--later each app has it from its next start on. back: to the edition before, which is kept until the next "
     "update.",
     "freehold postgres\nfreehold postgres look\nfreehold postgres update\nfreehold postgres update --later\nfreehold "
     "postgres back",
     postgres_options, 0, 1, "g", run_postgres},
    {"recover", SELF, "KIT", "bring a lost server back, from its backups and the recovery kit",
     "Fills an empty home with everything: apps, databases, files, releases, settings, secrets. No freeholdd may run "
     "there; start it afterwards. It can be run again until all is there.",
     "freehold recover kit.txt\nfreehold recover kit.txt --at /mnt/disk2/backups", recover_options, 1, 1, "f",
     run_recover},
    {"doctor", SELF, "", "what this machine gives, and what is weaker for it",
     "Checks what Freehold needs. Exit status 1 when something must be mended.", "freehold doctor", NULL, 0, 0, "",
     run_doctor},
    {"version", SELF, "", "versions of this command and of the daemon", "Prints both versions.",
     "freehold version\nfreehold version --json", NULL, 0, 0, "", run_version},
    {"completion", SELF, "bash|zsh", "let the shell complete commands and app names", "Prints a script for your shell.",
     "source <(freehold completion bash)\nfreehold completion zsh > ~/.zfunc/_freehold", NULL, 1, 1, "s",
     run_completion},
    {"help", SELF, "[COMMAND]", "this overview, or more about one command", "Shows what there is.",
     "freehold help\nfreehold help deploy", NULL, 0, 1, "c", run_help},
    {"__complete", NULL, "WORD...", "", "What the completion scripts ask.", "freehold __complete rollback sh", NULL, 0,
     CLI_WORDS_MAX, "", run_complete},
    {0},
};
