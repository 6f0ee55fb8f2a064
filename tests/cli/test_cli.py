#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command `freehold` as a person or a script meets it, against a daemon that pretends. test_cli.py PATH-OF-FREEHOLD"""
import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import time
import unittest

import fake_daemon
from fake_daemon import AUTH, MAIL, FakeDaemon, line, step

FREEHOLD = os.path.abspath(sys.argv.pop(1))
END = {"event": "end", "deployment": {"app": "shop", "number": 7, "state": "live", "step": "watch", "duration_ms": 900,
                                      "report": fake_daemon.REPORT, "steps": []}}
FAILED = {"event": "end", "deployment": {"app": "shop", "number": 7, "state": "failed", "step": "build", "steps": [], "report": None,
                                         "error": {"code": "failed", "message": "the build ended with status 2"}}}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freehold-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.daemon = self.enterContext(FakeDaemon(self.folder)) if hasattr(self, "enterContext") else self.begin_daemon()
        # Never the Freehold that may run on this machine: what is not said to a fake daemon is said to nobody.
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "FREEHOLD_HOME": os.path.join(self.folder, "home"), "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def begin_daemon(self):
        daemon = FakeDaemon(self.folder).__enter__()
        self.addCleanup(daemon.__exit__)
        return daemon

    def run_cli(self, *words, stdin="", env=None):
        return subprocess.run([FREEHOLD, words[0], "--socket", self.daemon.socket, *words[1:]], input=stdin, text=True,
                              capture_output=True, env=self.env | (env or {}), timeout=30)

    def export(self, name="shop"):
        path = os.path.join(self.folder, name)
        for file in ("package.json", "src/App.tsx", "node_modules/x/index.js", ".git/config"):
            os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
            with open(os.path.join(path, file), "w") as out:
                out.write("x" * 1000)
        return path

    def lay_deployment(self, events, app="shop"):
        self.daemon.answer("POST", f"/v1/apps/{app}/deployments", {"app": app, "number": 7, "state": "running"}, 201)
        self.daemon.stream(f"/v1/apps/{app}/deployments/7/events", events)

    def on_terminal(self, *words, answers=(), interrupt_at=None, env=None, columns=0):
        """Runs on a pseudo terminal; types answers; gives what was shown and the exit status."""
        pid, fd = pty.fork()
        if pid == 0:
            if columns:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(FREEHOLD, [FREEHOLD, words[0], "--socket", self.daemon.socket, *words[1:]], self.env | (env or {}))
        shown, answers, deadline = b"", list(answers), time.monotonic() + 30
        while time.monotonic() < deadline and select.select([fd], [], [], 10)[0]:
            try:
                chunk = os.read(fd, 65536)
            except OSError:
                break
            shown += chunk
            if answers and answers[0][0] in shown:
                os.write(fd, answers.pop(0)[1])
            if interrupt_at and interrupt_at in shown:
                os.write(fd, b"\x03")
                interrupt_at = None
        os.close(fd)
        return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Deploy(Case):
    def test_folder_is_sent_as_tar_and_followed(self):
        self.lay_deployment([step("build", "running"), line("build", "vite"), step("build", "done", 900), END])
        done = self.run_cli("deploy", self.export(), "--accept", "a:b c", "--accept", "d", "--network")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        asked = self.daemon.asked[0]
        names = tarfile.open(fileobj=io.BytesIO(asked.body)).getnames()
        self.assertEqual(sorted(names), ["package.json", "src", "src/App.tsx"])
        self.assertEqual(asked.headers["Content-Type"], "application/octet-stream")
        self.assertIn("accept=a%3Ab%20c&accept=d&network=1", asked.query)
        self.assertIn("left out: node_modules, .git", done.stdout)
        self.assertIn("build| vite\nbuild: done in 0.9 s\n", done.stdout)
        self.assertIn("shop is live: http://shop.localhost:8080\n", done.stdout)
        self.assertIn("freehold rollback shop", done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_archive_is_sent_as_it_is(self):
        path = os.path.join(self.folder, "My Shop-main (1).zip")
        with open(path, "wb") as out:
            out.write(b"PK\x03\x04" + bytes(3_000_000))
        self.lay_deployment([END], "my-shop")
        done = self.run_cli("deploy", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.daemon.asked[0].body), 3_000_004)
        self.assertIn("Deploying my-shop from", done.stdout)

    def test_git_address_is_sent_as_json(self):
        self.lay_deployment([END])
        done = self.run_cli("deploy", "git@github.com:me/shop.git")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(self.daemon.asked[0].body), {"git": "ssh://git@github.com/me/shop.git"})
        self.assertEqual(self.daemon.asked[0].headers["Content-Type"], "application/json")

    def test_token_in_an_address_is_not_kept(self):
        self.lay_deployment([END])
        done = self.run_cli("deploy", "https://me:s3cret@github.com/me/shop.git")
        self.assertNotIn("s3cret", done.stdout + self.daemon.asked[0].query)

    def test_failure_gives_the_class_of_the_error_and_says_what_is_live(self):
        self.lay_deployment([step("build", "running"), line("build", "error TS1"), step("build", "failed", 5), FAILED])
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop", "live": 6})
        done = self.run_cli("deploy", self.export())
        self.assertEqual(done.returncode, 10)
        self.assertIn("freehold: the build ended with status 2\nRelease 6 is still live and untouched.", done.stderr)
        self.assertIn("the live release stays until then", done.stderr)

    def test_first_failure_says_that_there_is_an_app_now_and_how_it_goes(self):
        end = {"event": "end", "deployment": {**FAILED["deployment"], "number": 1}}
        self.daemon.answer("POST", "/v1/apps/shop/deployments", {"app": "shop", "number": 1, "state": "running"}, 201)
        self.daemon.stream("/v1/apps/shop/deployments/1/events", [step("build", "failed", 5), end])
        app = {"name": "shop", "state": "new", "live": None, "has_database": False, "processes": [{"name": "postgres", "state": "stopped"}]}
        self.daemon.answer("GET", "/v1/apps/shop", app)
        said = self.run_cli("deploy", self.export()).stderr
        self.assertIn("Nothing was live before and nothing is now.", said)
        self.assertNotIn("the live release stays", said)
        self.assertIn("freehold destroy shop", said)
        # A database that was moved in before is not to be thrown away because its first deployment failed.
        self.daemon.answer("GET", "/v1/apps/shop", {**app, "has_database": True})
        self.assertNotIn("freehold destroy", self.run_cli("deploy", self.export()).stderr)

    def test_json_prints_the_events(self):
        self.lay_deployment([step("build", "done", 1), END])
        done = self.run_cli("deploy", self.export(), "--json")
        events = [json.loads(text) for text in done.stdout.splitlines()]
        self.assertEqual([e["event"] for e in events], ["step", "end"])

    def test_detach(self):
        self.lay_deployment([END])
        done = self.run_cli("deploy", self.export(), "--detach")
        self.assertIn("freehold logs shop --build 7 -f", done.stdout)
        self.assertEqual(len(self.daemon.asked), 1)

    def test_refusal_before_the_body_was_read(self):
        self.daemon.refuse_early("POST", "/v1/apps/shop/deployments", 409, "conflict", "shop is being deployed (deployment 6)")
        with open(os.path.join(self.export(), "big"), "wb") as out:
            out.write(os.urandom(8_000_000))
        done = self.run_cli("deploy", os.path.join(self.folder, "shop"))
        self.assertEqual((done.returncode, done.stderr), (4, "freehold: shop is being deployed (deployment 6)\n"))

    def test_stream_that_breaks(self):
        self.lay_deployment([step("build", "running")])
        self.daemon.answer("GET", "/v1/apps/shop/deployments/7", {"app": "shop", "number": 7, "state": "running"})
        done = self.run_cli("deploy", self.export())
        self.assertEqual(done.returncode, 8)
        self.assertIn("freehold deployments shop 7", done.stderr)
        self.daemon.answer("GET", "/v1/apps/shop/deployments/7", END["deployment"])
        self.assertEqual(self.run_cli("deploy", self.export()).returncode, 0)

    def test_stream_that_falls_silent(self):
        self.lay_deployment([step("build", "running"), 25])
        self.daemon.answer("GET", "/v1/apps/shop/deployments/7", END["deployment"])
        done = self.run_cli("deploy", self.export())
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_no_source(self):
        for words, status, text in ((["/nowhere"], 3, "no such file"), (["http://x/y"], 2, "https://"), ([FREEHOLD], 2, "neither a folder")):
            done = self.run_cli("deploy", *words)
            self.assertEqual(done.returncode, status)
            self.assertIn(text, done.stderr)
        self.assertIn("1 to 32 characters", self.run_cli("deploy", self.export(), "--app", "../x").stderr)


class Terminal(Case):
    def test_display(self):
        self.lay_deployment([step("build", "running"), line("build", "\033]0;owned\007\033[2Jtransforming"), 0.5, step("build", "done", 500), END])
        shown, status = self.on_terminal("deploy", self.export())
        self.assertEqual(status, 0)
        self.assertIn("transforming", shown)
        self.assertNotIn("owned", shown)
        self.assertNotIn("\033[2J", shown)
        self.assertRegex(shown, "[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]")
        self.assertIn("\033[32m✓\033[0m build", shown)
        self.assertTrue(set(re.findall(r"\033\[[0-9;?]*[A-Za-z]", shown)) <= {"\033[K"} | {f"\033[{n}m" for n in (0, 1, 2, 31, 32, 33)})

    def test_no_color(self):
        self.lay_deployment([step("build", "done", 500), END])
        shown, _ = self.on_terminal("deploy", self.export(), env={"NO_COLOR": "1"})
        self.assertEqual(set(re.findall(r"\033\[[0-9;?]*[A-Za-z]", shown)), {"\033[K"})

    def test_ctrl_c_detaches(self):
        self.lay_deployment([step("build", "running"), 20, END])
        shown, status = self.on_terminal("deploy", self.export(), interrupt_at=b" build ")
        self.assertEqual(status, 130)
        self.assertIn("The deployment goes on without this terminal", shown)
        self.assertIn("freehold logs shop --build 7 -f", shown)

    def test_tail_of_a_failed_step(self):
        self.lay_deployment([step("build", "running"), line("build", "error TS2304"), step("build", "failed", 5), FAILED])
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop", "live": None})
        shown, status = self.on_terminal("deploy", self.export())
        self.assertEqual(status, 10)
        self.assertRegex(shown, r"The last lines of build:\s+error TS2304")
        self.assertIn("Nothing was live before", shown)

    def test_destroy_asks_for_the_name(self):
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop"})
        self.daemon.answer("DELETE", "/v1/apps/shop", {"dump": "/b/shop.dump"})
        shown, status = self.on_terminal("destroy", "shop", answers=[(b"to go on:", b"yes\n")])
        self.assertEqual((status, [a.method for a in self.daemon.asked]), (2, ["GET"]))
        self.assertIn("nothing was changed", shown)
        shown, status = self.on_terminal("destroy", "shop", answers=[(b"to go on:", b"shop\n")])
        self.assertEqual(status, 0)
        self.assertRegex(shown, "Destroying shop.*\n[^]*/b/shop.dump".replace("[^]", "[\\s\\S]"))

    def test_rollback_asks(self):
        self.daemon.answer("POST", "/v1/apps/shop/rollback", {"from": 7, "to": 6, "first_served_ms": 8.0, "notes": []})
        _, status = self.on_terminal("rollback", "shop", answers=[(b"[Y/n]", b"n\n")])
        self.assertEqual((status, self.daemon.asked), (4, []))
        shown, status = self.on_terminal("rollback", "shop", answers=[(b"[Y/n]", b"\n")])
        self.assertIn("back at release 6", shown)
        _, status = self.on_terminal("rollback", "shop", "6", "--yes")
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"release": 6})

    def test_cancel_stops_the_one_that_runs(self):
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop", "live": 6})
        self.daemon.answer("GET", "/v1/apps/shop/deployments", {"deployments": [{"number": 7, "state": "live"}]})
        done = self.run_cli("cancel", "shop")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("nothing of shop is being deployed; freehold deployments shop", done.stderr)
        self.daemon.answer("GET", "/v1/apps/shop/deployments", {"deployments": [{"number": 8, "state": "running"}, {"number": 7, "state": "live"}]})
        for state, said in (("interrupted", "Deployment 8 of shop is stopped, and what it had begun is taken back.\nRelease 6 is still live and untouched.\n"),
                            ("live", "It was too late: release 8 of shop is live. The way back: freehold rollback shop\n")):
            self.daemon.answer("POST", "/v1/apps/shop/deployments/8/stop", {"app": "shop", "number": 8, "state": state})
            done = self.run_cli("cancel", "shop")
            self.assertEqual((done.returncode, done.stdout), (0, said))

    def test_value_typed_unseen(self):
        self.daemon.answer("PUT", "/v1/apps/shop/env", {"env": []})
        shown, status = self.on_terminal("env", "shop", "set", "KEY=-", answers=[(b"while you type", b"s3cret\n")])
        self.assertEqual(status, 0)
        self.assertNotIn("s3cret", shown)
        self.assertEqual(json.loads(self.daemon.asked[0].body), {"set": {"KEY": "s3cret"}, "unset": []})


class Others(Case):
    def test_not_running(self):
        for words in (["apps"], ["status"], ["deploy", self.export()]):
            done = subprocess.run([FREEHOLD, *words], text=True, capture_output=True, env=self.env, timeout=30)
            self.assertEqual(done.returncode, 8)
            self.assertIn("freehold: Freehold is not running", done.stderr)
            self.assertIn("./up", done.stderr)
        done = subprocess.run([FREEHOLD, "version", "--json"], text=True, capture_output=True, env=self.env, timeout=30)
        self.assertEqual((done.returncode, json.loads(done.stdout)["daemon"]), (0, None))

    def test_where_the_daemon_is(self):
        os.makedirs(os.path.join(self.folder, "h/run"))
        os.symlink(self.daemon.socket, os.path.join(self.folder, "h/run/control.sock"))
        self.daemon.answer("GET", "/v1/apps", {"apps": []})
        done = subprocess.run([FREEHOLD, "apps"], text=True, capture_output=True, timeout=30,
                              env=self.env | {"FREEHOLD_HOME": os.path.join(self.folder, "h")})
        self.assertEqual(done.returncode, 0, done.stderr)
        os.makedirs(os.path.join(self.folder, ".freehold"))
        os.symlink(os.path.join(self.folder, "h/run"), os.path.join(self.folder, ".freehold/run"))
        if not os.path.exists("/run/freehold/control.sock"):
            unsaid = {name: value for name, value in self.env.items() if name != "FREEHOLD_HOME"}
            self.assertEqual(subprocess.run([FREEHOLD, "apps"], capture_output=True, env=unsaid, timeout=30).returncode, 0)

    def test_errors_are_the_daemons_and_give_the_status(self):
        codes = {"invalid": (400, 2), "not-found": (404, 3), "conflict": (409, 4), "refused": (422, 5), "denied": (403, 6), "limit": (413, 7),
                 "unavailable": (503, 8), "timeout": (504, 9), "failed": (500, 10), "io": (500, 11), "internal": (500, 12)}
        for code, (http_status, status) in codes.items():
            self.daemon.refuse("POST", "/v1/apps/shop/stop", http_status, code, f"because {code}\033[31m")
            done = self.run_cli("stop", "shop")
            self.assertEqual((done.returncode, done.stderr), (status, f"freehold: because {code}\n"))

    def test_answers_that_are_not_json(self):
        self.daemon.answer("GET", "/v1/apps", b"<html>")
        self.assertIn("is not JSON", self.run_cli("apps").stderr)
        self.daemon.answer("GET", "/v1/apps", b"<html>", 502)
        self.assertIn("status 502", self.run_cli("apps").stderr)

    def test_json_is_the_daemons(self):
        app = {"name": "shop", "live": 7, "new member": [1, None]}
        self.daemon.answer("GET", "/v1/apps", {"apps": [app]})
        self.assertEqual(json.loads(self.run_cli("apps", "--json").stdout), {"apps": [app]})

    def test_key(self):
        self.daemon.answer("POST", "/v1/apps/shop/git-key", {"public_key": "ssh-ed25519 AAAA freehold-shop", "created": False})
        done = self.run_cli("key", "shop")
        self.assertEqual((done.returncode, done.stdout), (0, "ssh-ed25519 AAAA freehold-shop\n"))
        shown, status = self.on_terminal("key", "shop", "--new")
        self.assertEqual(status, 0)
        self.assertIn("Deploy keys", shown)
        self.assertEqual(json.loads(self.run_cli("key", "shop", "--json").stdout)["public_key"], "ssh-ed25519 AAAA freehold-shop")

    def test_key_of_no_app_says_that_it_made_one(self):
        self.daemon.answer("POST", "/v1/apps/shpo/git-key", {"public_key": "ssh-ed25519 AAAA", "created": True})
        self.daemon.answer("GET", "/v1/apps", {"apps": [{"name": "shpo"}, {"name": "shop"}, {"name": "other-thing"}]})
        done = self.run_cli("key", "shpo")
        self.assertEqual((done.returncode, done.stdout), (0, "ssh-ed25519 AAAA\n"))
        self.assertIn("There was no app named shpo, so this made one for the deployment that follows. Did you mean shop?", done.stderr)
        self.assertIn("freehold destroy shpo --confirm shpo", done.stderr)

    def test_tls(self):
        shown = {"url": "https://shop.localhost:8443", "certificate": "local", "names": "shop.localhost", "issuer": "x", "until": "2027-01-15T00:00:00.000Z", "redirect": False}
        self.daemon.answer("GET", "/v1/apps/shop/tls", shown)
        self.daemon.answer("PUT", "/v1/apps/shop/tls", {**shown, "certificate": "yours", "issuer": "O = Acme"})
        self.daemon.answer("POST", "/v1/apps/shop/tls/redirect", {**shown, "redirect": True})
        self.assertIn("Good until 2027-01-15.", self.run_cli("tls", "shop").stdout)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("cert", "key"):
                with open(os.path.join(folder, name), "w") as file: file.write({"cert": "-----BEGIN CERTIFICATE-----", "key": "-----BEGIN PRIVATE KEY-----"}[name])
            done = self.run_cli("tls", "shop", "set", "--cert", os.path.join(folder, "cert"), "--key", os.path.join(folder, "key"))
        self.assertIn("Your certificate", done.stdout)
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"certificate": "-----BEGIN CERTIFICATE-----", "key": "-----BEGIN PRIVATE KEY-----"})
        self.assertIn("/etc/passwd has no certificate in it", self.run_cli("tls", "shop", "set", "--cert", "/etc/passwd", "--key", __file__).stderr.replace("\n", " "))
        self.assertIn("--cert is missing", self.run_cli("tls", "shop", "set", "--key", __file__).stderr)
        done = self.run_cli("tls", "shop", "redirect", "on").stdout
        self.assertIn("sent there", done)
        self.assertIn("Its pages, links in mails and sign-in use https from now on.", done)
        self.assertNotIn("restart", done)
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"on": True})
        self.assertIn("redirect on, or redirect off", self.run_cli("tls", "shop", "redirect").stderr)
        self.assertIn("knows set, reset and redirect", self.run_cli("tls", "shop", "drop").stderr)

    def test_trust(self):
        self.daemon.answer("GET", "/v1/trust", {"certificate": "-----BEGIN\n", "name": "Freehold", "path": "/h/a.pem", "fingerprint": "AB"})
        self.assertEqual(self.run_cli("trust").stdout, "-----BEGIN\n")
        shown, status = self.on_terminal("trust")
        self.assertIn("add-trusted-cert", shown)

    def test_env(self):
        self.daemon.answer("PUT", "/v1/apps/shop/env", {"env": [{"name": "A"}]})
        done = self.run_cli("env", "shop", "set", "A=1=2", "B=-", stdin="s3cret\n")
        self.assertEqual(json.loads([a for a in self.daemon.asked if a.method == "PUT"][-1].body), {"set": {"A": "1=2", "B": "s3cret"}, "unset": []})
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        self.run_cli("env", "shop", "unset", "A", "B")
        self.assertEqual(json.loads([a for a in self.daemon.asked if a.method == "PUT"][-1].body), {"set": {}, "unset": ["A", "B"]})
        self.daemon.answer("GET", "/v1/apps/shop/env", {"env": [{"name": "A", "set_at": "2026-11-22T21:03:20.123Z"}]})
        self.assertIn("hidden", self.run_cli("env", "shop", "list").stdout)
        self.assertEqual(self.daemon.asked[-1].query, "")
        self.run_cli("env", "shop", "list", "--show")
        self.assertEqual(self.daemon.asked[-1].query, "values=1")
        self.run_cli("env", "shop", "set", "A=1", "--build")
        self.assertEqual(json.loads([a for a in self.daemon.asked if a.method == "PUT"][-1].body), {"set": {"A": "1"}, "unset": [], "scope": "build"})
        self.daemon.answer("GET", "/v1/apps/shop/env", {"env": [{"name": n, "scope": s, "set_at": "2026-11-22T21:03:20.123Z"}
                                                                for n, s in (("A", "build"), ("B", "run"), ("C", "both"))]})
        listed = self.run_cli("env", "shop", "list").stdout
        for pattern in (r"A +builds +[0-9j]", r"B +running", r"C +builds and running"):
            self.assertRegex(listed, pattern)
        for words, text in ((["set", "A=1", "--build", "--run"], "exclude each other"), (["sett", "A=1"], "did you mean set?"), (["set", "A"], "NAME=-"), (["set", "1A=x"], "cannot be"), (["set"], "needs names")):
            done = self.run_cli("env", "shop", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)

    def test_auth(self):
        self.daemon.answer("GET", "/v1/apps/shop/auth", AUTH)
        shown = self.run_cli("auth", "shop").stdout
        for text in ("no mail server is set", "confirmed at once", "HS256 (key legacy)", "freehold env shop set GITHUB_SECRET=-", "(secret)", "7200", "config.toml"):
            self.assertIn(text, shown)
        self.daemon.answer("PUT", "/v1/apps/shop/auth", AUTH | {"created": True})
        done = self.run_cli("auth", "shop", "set", "jwt_expiry=1h", "captcha.secret=-", stdin="s3cret\n")
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"set": {"jwt_expiry": "1h", "captcha.secret": "s3cret"}})
        self.assertIn("no app named shop yet", done.stdout)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        self.run_cli("auth", "shop", "unset", "jwt_expiry")
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"unset": ["jwt_expiry"]})
        self.run_cli("auth", "shop", "list", "--all")
        self.assertEqual(self.daemon.asked[-1].query, "all=1")
        self.assertEqual(json.loads(self.run_cli("auth", "shop", "--json").stdout), AUTH)
        for words, text in ((["sett", "a=1"], "did you mean set?"), (["set"], "needs settings"), (["set", "a"], "NAME=-"), (["unset"], "needs names"),
                            (["smtp", "h:99999", "--from", "a@b"], "HOST:PORT"), (["smtp", "h:25"], "--from"), (["keys", "turn"], "standby"),
                            (["keys", "revoke"], "say which"), (["provider", "google", "maybe"], "on or off"), (["list", "more"], "too many")):
            done = self.run_cli("auth", "shop", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(text, done.stderr)

    def test_auth_smtp_and_provider(self):
        self.daemon.answer("PUT", "/v1/apps/shop/auth", AUTH | {"sends_mail": True, "confirmations": True, "providers": ["google"]})
        done = self.run_cli("auth", "shop", "smtp", "mail.example:465", "--user", "me", "--from", "a@b.example", "--sender", "Shop", stdin="pw\n")
        self.assertEqual(json.loads(self.daemon.asked[-1].body)["set"], {
            "email.smtp.host": "mail.example", "email.smtp.port": 465, "email.smtp.enabled": True, "email.smtp.user": "me",
            "email.smtp.admin_email": "a@b.example", "email.smtp.sender_name": "Shop", "email.smtp.pass": "pw"})
        self.assertIn("a sign-up is confirmed by mail", done.stdout)
        done = self.run_cli("auth", "shop", "provider", "google", "--client-id", "1.apps", stdin="sec\n")
        self.assertEqual(json.loads(self.daemon.asked[-1].body)["set"], {
            "external.google.client_id": "1.apps", "external.google.secret": "sec", "external.google.enabled": True})
        self.assertIn("http://shop.localhost:8080/auth/v1/callback", done.stdout)
        self.assertIn("Authorized redirect URIs", done.stdout)
        self.daemon.answer("POST", "/v1/apps/shop/mail/test", {"id": 12})
        self.daemon.answer("GET", "/v1/apps/shop/mail/12", MAIL | {"state": "waiting", "tries": [{"at": "x", "outcome": "again", "answer": "535 wrong password"}]})
        done = self.run_cli("auth", "shop", "smtp", "test", "me@example.com")
        self.assertEqual(done.returncode, 10)
        self.assertIn("535 wrong password", done.stderr)

    def test_auth_keys(self):
        keys = {"keys": [{"id": "k1", "algorithm": "ES256", "state": "in_use", "changed_at": "2026-11-22T21:03:20.123Z"},
                         {"id": "legacy", "algorithm": "HS256", "state": "previously_used"}]}
        self.daemon.answer("GET", "/v1/apps/shop/auth/keys", keys)
        self.daemon.answer("POST", "/v1/apps/shop/auth/keys", keys)
        self.assertRegex(self.run_cli("auth", "shop", "keys").stdout, r"k1 +ES256 +signs")
        for words, body in ((["standby"], {"action": "standby", "algorithm": "ES256"}), (["standby", "RS256"], {"action": "standby", "algorithm": "RS256"}),
                            (["rotate"], {"action": "rotate"}), (["revoke", "legacy"], {"action": "revoke", "id": "legacy"})):
            self.assertEqual(self.run_cli("auth", "shop", "keys", *words).returncode, 0)
            self.assertEqual(json.loads(self.daemon.asked[-1].body), body)
        self.run_cli("auth", "shop", "keys", "import", "-", stdin="a secret of thirty-two characters\n")
        self.assertEqual(json.loads(self.daemon.asked[-1].body)["keys"][0]["kty"], "oct")
        self.assertEqual(self.run_cli("auth", "shop", "keys", "import", "-", stdin="short\n").returncode, 2)

    def test_ai(self):
        none = {"has_key": False, "models": {}, "from": "none"}
        held = {"url": "https://api.example/v1", "has_key": True, "models": {"google/*": "*"}, "from": "app"}
        self.daemon.answer("GET", "/v1/apps/shop/ai", none)
        self.assertIn("freehold ai shop set", self.run_cli("ai", "shop").stdout)
        self.daemon.answer("PUT", "/v1/apps/shop/ai", held)
        done = self.run_cli("ai", "shop", "set", "--url", "https://api.example/v1", "--key", "-", "--model", "google/*=*,a=", stdin="sk-1\n")
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"url": "https://api.example/v1", "key": "sk-1", "models": {"google/*": "*", "a": None}})
        for text in ("https://api.example/v1, with a key", "google/* is *"):
            self.assertIn(text, done.stdout)
        self.daemon.answer("DELETE", "/v1/ai", none)
        self.assertIn("for all apps", self.run_cli("ai", "--all", "unset").stdout)
        for words in ([], ["shop", "set"], ["shop", "st"], ["shop", "set", "--model", "x"]):
            self.assertEqual(self.run_cli("ai", *words).returncode, 2)

    def test_cron(self):
        job = {"id": 1, "name": "nightly", "schedule": "0 3 * * *", "command": "select 1", "username": "postgres", "active": True,
               "next_at": "2026-11-23T03:00:00+00:00", "running": False,
               "last": {"status": "failed", "message": "ERROR:  no\x1b[2J", "at": "2026-11-22T03:00:00+00:00"}}
        self.daemon.answer("GET", "/v1/apps/shop/cron", {"paused": False, "jobs": [job, job | {"id": 2, "name": None, "active": False, "last": None}],
            "requests": {"waiting": 1, "under_way": 0, "failed": 2, "answered": 5}, "allow": ["10.0.0.5"], "projects": []})
        shown = self.run_cli("cron", "shop").stdout
        for text in ("nightly", "0 3 * * *", "2026-11-23T03:00", "failed", "ERROR:  no", "paused", "5, 2 of them failed; 1 wait", "10.0.0.5"):
            self.assertIn(text, shown)
        self.assertNotIn("\x1b", shown)
        self.daemon.answer("GET", "/v1/apps/shop/cron/runs", {"runs": [{"id": 7, "job": 1, "name": "nightly", "status": "succeeded",
            "message": "1 row", "started_at": "2026-11-22T03:00:00+00:00"}]})
        self.assertIn("1 row", self.run_cli("cron", "shop", "runs", "nightly").stdout)
        self.assertEqual(self.daemon.asked[-1].query, "limit=50&job=nightly")
        self.daemon.answer("POST", "/v1/apps/shop/cron/run", {"id": 1, "name": "nightly", "begun": False})
        self.assertEqual(self.run_cli("cron", "shop", "run", "nightly").returncode, 4)
        self.daemon.answer("POST", "/v1/apps/shop/cron/pause", {"paused": True})
        self.assertIn("All jobs: paused", self.run_cli("cron", "shop", "pause").stdout)
        self.daemon.answer("POST", "/v1/apps/shop/cron/allow", {"allow": [], "projects": []})
        self.run_cli("cron", "shop", "deny", "10.0.0.5")
        self.assertEqual(json.loads(self.daemon.asked[-1].body), {"network": "10.0.0.5", "allowed": False})
        self.assertEqual(self.run_cli("cron", "shop", "run").returncode, 2)

    def test_mail(self):
        self.daemon.answer("GET", "/v1/apps/shop/mail", {"mails": [MAIL], "counts": {"waiting": 1}, "sends_mail": False})
        shown = self.run_cli("mail", "shop").stdout
        for text in ("kept", "ada@example.com", MAIL["link"], "No mail server is set"):
            self.assertIn(text, shown)
        self.daemon.answer("GET", "/v1/apps/shop/mail/12", MAIL | {"plain": "Hello\x1b[2J", "html": "<p>Hello", "tries": [], "sends_mail": True})
        shown = self.run_cli("mail", "shop", "show", "12").stdout
        self.assertIn("Hello", shown)
        self.assertNotIn("\x1b", shown)
        self.daemon.answer("POST", "/v1/apps/shop/mail/12/retry", {"retried": 0, "sends_mail": True})
        self.assertEqual(self.run_cli("mail", "shop", "retry", "12").returncode, 3)
        self.daemon.answer("DELETE", "/v1/apps/shop/mail", {"removed": 4})
        self.assertIn("4 removed", self.run_cli("mail", "shop", "purge", "dead").stdout)
        self.assertEqual(self.daemon.asked[-1].query, "state=dead")
        for words, text in ((["shwo"], "did you mean show?"), (["show"], "say which"), (["show", "x"], "not the number"), (["purge"], "say which")):
            done = self.run_cli("mail", "shop", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)

    def test_env_says_what_happened(self):
        self.daemon.answer("PUT", "/v1/apps/shop/env", {"env": [{"name": "STRIPE", "scope": "run"}, {"name": "VITE_A", "scope": "both"}],
                                                        "created": True, "left_out": []})
        said = self.run_cli("env", "shop", "set", "STRIPE=sk").stdout
        self.assertIn("no app named shop yet", said)
        self.assertIn("when it starts next", said)
        self.assertNotIn("builds with", said)
        self.assertIn("builds with", self.run_cli("env", "shop", "set", "VITE_A=1").stdout)
        app = {"name": "shop", "live": 3, "processes": [{"name": "postgres"}, {"name": "backend"}]}
        self.daemon.answer("GET", "/v1/apps/shop", app)
        self.assertIn("this one has neither", self.run_cli("env", "shop", "set", "STRIPE=sk").stdout)
        self.assertNotIn("neither", self.run_cli("env", "shop", "set", "VITE_A=1").stdout)
        app["processes"].append({"name": "server"})
        self.assertIn("when it starts next: freehold restart shop", self.run_cli("env", "shop", "set", "STRIPE=sk").stdout)
        missing = self.run_cli("env", "shop", "set", "--file", "/nonexistent").stderr
        self.assertEqual(missing.count("/nonexistent"), 1, missing)

    def test_env_file(self):
        path = os.path.join(self.folder, ".env")
        with open(path, "w") as f:
            f.write("# mine\nSTRIPE='sk_1'\nexport VITE_SUPABASE_URL=https://old.supabase.co # theirs\n")
        self.daemon.answer("PUT", "/v1/apps/shop/env", {"env": [{"name": "STRIPE", "scope": "run"}], "created": False, "left_out": ["VITE_SUPABASE_URL"]})
        done = self.run_cli("env", "shop", "set", "--file", path)
        self.assertEqual(json.loads([a for a in self.daemon.asked if a.method == "PUT"][-1].body), {"set": {"STRIPE": "sk_1", "VITE_SUPABASE_URL": "https://old.supabase.co"},
                                                                 "unset": [], "leave_given": True})
        self.assertIn("Left out, because Freehold gives the app its own: VITE_SUPABASE_URL.", done.stdout)
        self.assertIn("1 set for shop.", done.stdout)
        self.assertNotIn("sk_1", done.stdout + done.stderr)
        with open(path, "w") as f:
            f.write("A=1\nnonsense\n")
        for words, text in ((["--file", path], "line 2"), (["--file", path + "x"], "No such file"), (["--file", path, "B=1"], "not both")):
            done = self.run_cli("env", "shop", "set", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)

    def test_logs(self):
        self.daemon.stream("/v1/apps/shop/logs", [{"source": "edge", "text": "GET / 200"}, {"source": "backend", "text": "a\033[2Jb"}, b"junk"])
        self.assertEqual(self.run_cli("logs", "shop").stdout, "edge     | GET / 200\nbackend  | ab\n")
        self.assertEqual(self.daemon.asked[-1].query, "lines=200")
        done = self.run_cli("logs", "shop", "-f", "-n", "5", "--source", "back&end")
        self.assertEqual(self.daemon.asked[-1].query, "lines=5&source=back%26end&follow=1")
        self.assertEqual(done.stdout, "GET / 200\nab\n")
        self.lay_deployment([line("build", "vite"), END])
        self.assertEqual(self.run_cli("logs", "shop", "--build", "7").stdout, "build| vite\n")
        self.assertEqual(self.run_cli("logs", "shop", "-n", "x").returncode, 2)
        self.assertEqual(self.run_cli("logs", "shop", "--build", "0").returncode, 2)

    def test_an_app_that_is_not_there(self):
        self.daemon.answer("GET", "/v1/apps", {"apps": [{"name": "shop"}]})
        for name in ("shpo", "psql"):
            self.daemon.refuse("GET", f"/v1/apps/{name}", 404, "not-found", f"there is no app named {name}; freehold apps lists them")
        for words in (["db", "shpo"], ["destroy", "shpo"], ["destroy", "shpo", "--confirm", "shpo"]):
            done = self.run_cli(*words)
            self.assertEqual(done.returncode, 3, words)
            self.assertIn("there is no app named shpo; did you mean shop? freehold apps lists them", done.stderr)
        self.assertIn("the app comes first: freehold db APP psql", self.run_cli("db", "psql").stderr)
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop"})
        self.assertIn("freehold db shop psql", self.run_cli("db", "shop").stdout)
        self.daemon.answer("GET", "/v1/apps/shop/storage/buckets", {"buckets": []})
        self.assertEqual(self.run_cli("storage", "shop").returncode, 0)

    def test_help_of_one_verb(self):
        for words in (["restore"], ["shop", "restore"]):
            shown = self.run_cli("db", *words, "--help").stdout
            self.assertIn("freehold db APP restore", shown)
            for there in ("--inspect", "--to TIME", "--where SQL", "--table NAME", "--json", "freehold db shop restore --undo"):
                self.assertIn(there, shown)
            for other in ("--files-key", "--read-only", "--sample", "shop psql", "db shop import"):
                self.assertNotIn(other, shown)
            self.assertLess(len(shown.splitlines()), 40)
        for words in (["db", "shop"], ["db"], ["auth"], ["storage"], ["backup"], ["cron"], ["mail"]):
            shown = self.run_cli(*words, "--help").stdout
            for verb in re.findall(r"^  ([a-z]+) ", shown.split("\nWords")[1].split("\nOptions")[0], re.M):
                one = self.run_cli(words[0], verb, "--help").stdout
                self.assertRegex(one, rf"^freehold {words[0]} (APP )?{verb}\b[^\n]*\n\n[A-Z]")
                self.assertRegex(one, rf"Examples\n  freehold {words[0]} (shop )?{verb}\b")
            self.assertNotIn("with ", "".join(line for line in shown.splitlines() if line.startswith("      --")))
            self.assertNotIn("--read-only", shown.split("\nExamples")[0])
        self.assertIn("--drop-missing", self.run_cli("db", "import", "--help").stdout)

    def test_options_of_another_verb(self):
        for words, option in ((["db", "shop", "size", "--full"], "db size has no option --full"), (["auth", "shop", "users", "--edit"], "auth users has no option --edit"),
                              (["backup", "set", "days=3", "--endpoint", "x"], "backup set has no option --endpoint")):
            done = self.run_cli(*words)
            self.assertEqual((done.returncode, self.daemon.asked), (2, []))
            self.assertIn(option, done.stderr)

    def test_narrow_screen_cuts_nothing(self):
        for words in ([], ["deploy", "--help"], ["db", "--help"], ["db", "import", "--help"]):
            shown, _ = self.on_terminal(*words, columns=60) if words else self.on_terminal("help", columns=60)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r", "")
            said = plain.split("\nExamples")[0]
            self.assertEqual([line for line in said.splitlines() if len(line) > 60 and " APP " not in line], [])
            self.assertNotIn("...\n", said.replace(" ...\n", ""))

    def test_no_daemon(self):
        home = self.env["FREEHOLD_HOME"]
        os.makedirs(os.path.join(home, "logs"))
        said = subprocess.run([FREEHOLD, "status"], text=True, capture_output=True, env=self.env, timeout=30)
        self.assertEqual(said.returncode, 8)
        self.assertIn("Start it with ./up", said.stderr)
        self.assertIn(f"FREEHOLD_HOME={home} setsid {os.path.dirname(FREEHOLD)}/freeholdd </dev/null >>{home}/logs/freeholdd.log 2>&1 &", said.stderr)
        self.assertNotIn("nohup", said.stderr)

    def test_destroy_elsewhere_wants_the_name_twice(self):
        self.daemon.answer("DELETE", "/v1/apps/shop", {"dump": "/b/shop.dump"})
        self.daemon.answer("GET", "/v1/apps/shop", {"name": "shop"})
        for words in ([], ["--confirm", "shpo"]):
            self.assertEqual(self.run_cli("destroy", "shop", *words).returncode, 2)
        self.assertNotIn("DELETE", [a.method for a in self.daemon.asked])
        self.assertEqual(self.run_cli("destroy", "shop", "--confirm", "shop").returncode, 0)
        self.assertEqual((self.daemon.asked[-1].method, self.daemon.asked[-1].path), ("DELETE", "/v1/apps/shop"))

    def test_doctor_and_views(self):
        fake_daemon.demo(self.daemon)
        self.daemon.answer("GET", "/v1/doctor", {"checks": [{"name": "disk", "state": "weak", "what": "one"}]})
        self.assertEqual(self.run_cli("doctor").returncode, 0)
        self.daemon.answer("GET", "/v1/doctor", {"checks": [{"name": "disk", "state": "bad", "what": "none"}]})
        self.assertEqual(self.run_cli("doctor").returncode, 1)
        self.assertIn("2 restarts", self.run_cli("status").stdout)
        self.assertIn("2 restarts", self.run_cli("status", "shop").stdout)
        self.assertIn("live now", self.run_cli("releases", "shop").stdout)
        self.assertEqual(self.run_cli("open", "shop").stdout, "http://shop.localhost:8080\n")

    def test_every_command_has_help_with_examples(self):
        overview = subprocess.run([FREEHOLD], text=True, capture_output=True, env=self.env, timeout=30)
        self.assertEqual(overview.returncode, 0)
        names = re.findall(r"^  ([a-z]+)[ \n]", overview.stdout.split("Put an app live")[1], re.M)
        self.assertGreaterEqual(len(names), 18)
        for name in names:
            done = self.run_cli(name, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"Examples\n  {'source <(' if name == 'completion' else ''}freehold {name}", done.stdout)

    def test_typing_errors(self):
        for words, text in ((["aps"], "did you mean freehold apps?"), (["apps", "--jsn"], "did you mean --json?"), (["apps", "shop"], "\"shop\""),
                            (["zzz"], "freehold help"), (["logs", "shop", "--lines"], "needs a value"), (["apps", "--json=1"], "takes no value"),
                            (["rollback", "shop", "x"], "not the number"), (["stop", "Shop"], "1 to 32"), (["-x"], "a command comes first")):
            done = subprocess.run([FREEHOLD, *words], text=True, capture_output=True, env=self.env, timeout=30)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(text, done.stderr)


class Branches(Case):
    BRANCH = {"name": "try-1", "kind": "sample", "sample": "5%", "days": 30, "made_at": "2026-11-30T12:00:00Z", "expires_at": "2026-12-30T12:00:00Z", "age_ms": 60000,
              "bytes": 38_000_000, "socket_dir": "/r/shop/branch.try-1", "url": "postgresql://postgres@/postgres?host=/r/shop/branch.try-1", "state": "running"}

    def job(self, result, state="done", error=None):
        job = {"id": 4, "app": "shop", "kind": "branch", "state": state, "result": result, "error": error}
        for method, path in (("POST", "/v1/apps/shop/db/branches"), ("POST", "/v1/apps/shop/db/branches/try-1/reset"), ("DELETE", "/v1/apps/shop/db/branches/try-1")):
            self.daemon.answer(method, path, job, 202)
        self.daemon.stream("/v1/jobs/4/events", [{"event": "progress", "step": "copy", "done": 0.42, "bytes_per_s": 31_400_000, "left_ms": 12_000}, {"event": "end", "job": job}])

    def last(self):
        return next((r.method, r.path, json.loads(r.body or "null")) for r in reversed(self.daemon.asked) if r.method != "GET")

    def test_what_is_asked_and_said(self):
        self.job(self.BRANCH | {"ms": 1200, "rows": 20, "tables": 3, "referred": 2})
        done = self.run_cli("db", "shop", "branch", "create", "try-1", "--sample", "5%", "--days", "7")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Branch try-1 of shop is there (5% of each table), 38 MB, in 1.2 s.", done.stdout)
        self.assertIn("20 rows of 3 tables, 2 of them because another one refers to them.", done.stdout)
        self.assertIn("host=/r/shop/branch.try-1", done.stdout)
        self.assertEqual(self.last(), ("POST", "/v1/apps/shop/db/branches", {"name": "try-1", "kind": "sample", "sample": "5%", "days": 7}))
        done = self.run_cli("db", "shop", "branch", "reset", "try-1", "--schema-only")
        self.assertIn("is as the live database is now", done.stdout)
        self.assertEqual(self.last()[1:], ("/v1/apps/shop/db/branches/try-1/reset", {"kind": "schema"}))
        done = self.run_cli("db", "shop", "branch", "delete", "try-1")
        self.assertIn("Branch try-1 of shop is gone, and its 38 MB.", done.stdout)

    def test_the_list(self):
        self.daemon.answer("GET", "/v1/apps/shop/db/branches", {"branches": [self.BRANCH, self.BRANCH | {"name": "kept", "kind": "full", "sample": None, "expires_at": None}]})
        lines = self.run_cli("db", "shop", "branch").stdout.splitlines()
        self.assertRegex(lines[1], r"^try-1 +5% of each table +1 min ago +38 MB +2026-12-30 +running$")
        self.assertRegex(lines[2], r"^kept +full +1 min ago +38 MB +deleted +running$")
        self.assertEqual(json.loads(self.run_cli("db", "shop", "branch", "--json").stdout)["branches"][0]["name"], "try-1")
        self.daemon.answer("GET", "/v1/apps/shop/db/branches/try-1", self.BRANCH)
        self.assertEqual(self.run_cli("db", "shop", "branch", "url", "try-1").stdout, self.BRANCH["url"] + "\n")

    def test_what_cannot_be(self):
        self.job({}, "failed", "there is not enough room for this branch of shop")
        done = self.run_cli("db", "shop", "branch", "create", "try-1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not enough room", done.stderr)
        for words, text in ((["crate", "x"], "did you mean create"), (["create"], "create NAME"), (["create", "x", "--sample", "5%", "--full"], "one of"),
                            (["create", "x", "--days", "soon"], "--days"), (["delete", "../x"], "no name for a branch"), (["list", "x"], "branch list")):
            done = self.run_cli("db", "shop", "branch", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)


class Completion(Case):
    def complete(self, *words):
        env = self.env | {"FREEHOLD_HOME": os.path.join(self.folder, "h")}
        return subprocess.run([FREEHOLD, "__complete", *words], text=True, capture_output=True, env=env, timeout=30).stdout.split()

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.folder, "h/run"))
        os.symlink(self.daemon.socket, os.path.join(self.folder, "h/run/control.sock"))
        fake_daemon.demo(self.daemon)

    def test_candidates(self):
        self.assertEqual(self.complete("de"), ["deploy", "deployments", "destroy"])
        self.assertEqual(self.complete("rollback", "s"), ["shop"])
        self.assertEqual(self.complete("rollback", "shop", ""), ["7", "6"])
        self.assertEqual(self.complete("logs", "--so"), ["--source", "--socket"])
        self.assertEqual(self.complete("logs", "--source", "b"), ["backend"])
        self.assertEqual(self.complete("env", "shop", "un"), ["unset"])
        self.assertEqual(self.complete("db", "shop", "dump", "--"), ["--plain", "--schema-only", "--json", "--socket", "--help"])
        self.assertEqual(self.complete("backup", "add", "--e"), ["--elsewhere", "--endpoint"])
        self.assertEqual(self.complete("backup", "set", "--e"), [])
        self.assertEqual(self.complete("auth", "shop", "s"), ["set", "smtp"])
        self.assertEqual(self.complete("mail", "shop", "p"), ["purge"])
        self.assertEqual(self.complete("mail", "shop", "purge", ""), ["sent", "dead", "waiting", "all"])
        self.assertEqual(self.complete("auth", "shop", "keys", "r"), ["rotate", "revoke", "renew"])
        self.assertEqual(self.complete("auth", "shop", "keys", "renew", ""), ["service", "public"])
        self.assertEqual(self.complete("auth", "shop", "users", ""), [])
        self.assertEqual(self.complete("cron", "shop", "r"), ["runs", "run", "resume"])
        self.assertEqual(self.complete("set", "shop", "memory=1G", "in"), ["instances="])
        self.assertEqual(self.complete("backup", "add", ""), [":files"])
        self.assertEqual(self.complete("backup", "set", "da"), ["days="])
        self.assertEqual(self.complete("db", "shop", "import", ""), [":files"])
        self.daemon.answer("GET", "/v1/apps/shop/db/branches", {"branches": [{"name": "try-1"}, {"name": "other"}]})
        self.assertEqual(self.complete("db", "shop", "br"), ["branch"])
        self.assertEqual(self.complete("db", "shop", "branch", "de"), ["delete"])
        self.assertEqual(self.complete("db", "shop", "branch", "psql", "t"), ["try-1"])
        self.assertEqual(self.complete("db", "shop", "branch", "create", "t"), [])
        self.assertEqual(self.complete("deploy", ""), [":files"])
        self.assertEqual(self.complete("deploy", "--app", ""), ["shop", "bad"])
        self.assertEqual(self.complete("completion", ""), ["bash", "zsh"])
        self.assertEqual(self.complete("apps", ""), [])
        self.assertEqual(self.complete("nonsense", ""), [])

    def in_shell(self, argv):
        env = self.env | {"FREEHOLD_HOME": os.path.join(self.folder, "h"), "PATH": os.path.dirname(FREEHOLD) + ":" + self.env["PATH"]}
        return subprocess.run(argv, text=True, capture_output=True, env=env, timeout=30, cwd=self.folder)

    def test_bash(self):
        script = ('source <(freehold completion bash); COMP_WORDS=(freehold rollback s); COMP_CWORD=2; _freehold; echo "${COMPREPLY[@]}"; '
                  'touch "a b.zip"; COMP_WORDS=(freehold deploy a); _freehold; echo "${COMPREPLY[@]}"')
        done = self.in_shell(["bash", "-c", script])
        self.assertEqual((done.stdout, done.stderr), ("shop\na b.zip\n", ""))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not here")
    def test_zsh(self):
        script = ('compdef() { :; }; compadd() { shift; print -r -- "$@"; }; eval "$(freehold completion zsh)"; '
                  'words=(freehold rollback s); CURRENT=3; _freehold')
        done = self.in_shell(["zsh", "-fc", script])
        self.assertEqual((done.stdout, done.stderr), ("shop\n", ""))


if __name__ == "__main__":
    unittest.main()
