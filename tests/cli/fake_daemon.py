# SPDX-License-Identifier: Apache-2.0
"""A daemon that only pretends: docs/api.md over a unix socket, with answers that a test has laid ready.

    with FakeDaemon(folder) as daemon:
        daemon.answer("GET", "/v1/apps", {"apps": []})
        daemon.stream("/v1/apps/shop/deployments/7/events", [event, event, 0.5, event])    a number is a pause in seconds
        ...
        daemon.asked                                                                        what came: Asked tuples

By hand, to look at the display:  tests/cli/fake_daemon.py FOLDER, which gets the socket control.sock
"""
import collections
import http.server
import json
import os
import socketserver
import sys
import threading
import time

Asked = collections.namedtuple("Asked", "method path query headers body")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def handle_expect_100(self):
        """One who refuses early does not ask for the body."""
        return (self.command, self.path.partition("?")[0]) in self.server.daemon.early or super().handle_expect_100()

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = bytearray()
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(body)
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def send_json(self, status, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_events(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            if isinstance(event, (int, float)):
                time.sleep(event)
            else:
                stamped = event | {"time": now()} if isinstance(event, dict) and "event" in event else event
                line = event if isinstance(event, bytes) else json.dumps(stamped).encode()
                self.wfile.write(line + b"\n")
                self.wfile.flush()

    def answer(self):
        path, _, query = self.path.partition("?")
        daemon = self.server.daemon
        early = daemon.early.get((self.command, path))
        if early:
            self.close_connection = True
            self.send_json(*early)
            return
        daemon.asked.append(Asked(self.command, path, query, dict(self.headers), self.read_body()))
        try:
            if self.command == "GET" and path in daemon.streams:
                self.send_events(daemon.streams[path])
            else:
                missing = (404, {"error": {"code": "not-found", "message": f"nothing is laid ready for {self.command} {path}"}})
                self.send_json(*daemon.answers.get((self.command, path), missing))
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_GET = do_POST = do_PUT = do_DELETE = answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class FakeDaemon:
    def __init__(self, folder):
        self.socket = os.path.join(folder, "control.sock")
        self.answers, self.streams, self.early, self.asked = {}, {}, {}, []

    def __enter__(self):
        self.server = Server(self.socket, Handler)
        self.server.daemon = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.socket)

    def answer(self, method, path, value, status=200):
        self.answers[method, path] = (status, value)

    def refuse(self, method, path, status, code, message):
        self.answer(method, path, {"error": {"code": code, "message": message}}, status)

    def refuse_early(self, method, path, status, code, message):
        """Without reading the body."""
        self.early[method, path] = (status, {"error": {"code": code, "message": message}})

    def stream(self, path, events):
        self.streams[path] = events


def step(name, state, ms=None, detail=""):
    event = {"event": "step", "step": name, "state": state, "detail": detail}
    return event if ms is None else event | {"duration_ms": ms}


def line(name, text, stream=1):
    return {"event": "line", "step": name, "stream": stream, "text": text}


AUTH = {
    "site_url": "http://shop.localhost:8080", "callback": "http://shop.localhost:8080/auth/v1/callback", "sends_mail": False,
    "confirmations": False, "signup": True, "providers": [], "missing": [{"name": "external.github.secret", "variable": "GITHUB_SECRET"}],
    "settings": [{"name": "captcha.secret", "from": "owner", "secret": True, "set_at": "2026-11-22T21:03:20.123Z"},
                 {"name": "jwt_expiry", "value": 7200, "from": "export", "secret": False, "set_at": "2026-11-22T21:03:20.123Z"}],
    "keys": [{"id": "legacy", "algorithm": "HS256", "state": "in_use"}],
}

MAIL = {"id": 12, "queued_at": "2026-11-22T21:03:20.123Z", "kind": "recovery", "recipient": "ada@example.com", "subject": "Reset",
        "state": "waiting", "attempts": 0, "answer": None, "link": "http://shop.localhost:8080/auth/v1/verify?token=abc", "token": "123456"}

REPORT = {
    "url": "http://shop.localhost:8080", "shape": "Vite single-page app", "rung": "npm ci", "replaces": 6,
    "adaptations": [{"file": "src/integrations/supabase/client.ts", "line": 5, "what": "address of the backend: this app's own"},
                    {"file": "src/integrations/supabase/client.ts", "line": 6, "what": "public key: this app's own"}],
    "migrations": {"applied": ["20250815050926", "20250816101500"], "boundaries": [], "edited": []},
    "not_served": [{"what": "storage", "file": "src/pages/Upload.tsx", "line": 41}],
    "promises": ["No mail leaves this server yet: new users are confirmed at once."], "notes": [],
    "findings": [{"name": "policy-always-true:public.votes", "severity": "warn", "can_accept": True, "title": "anyone may add votes",
                  "detail": "The policy \"all can vote\" is simply true.", "file": "supabase/migrations/1.sql", "line": 12,
                  "paste": "Please restrict inserts on votes to signed-in users."}],
}


def demo(daemon):
    live = {"app": "shop", "number": 7, "kind": "deploy", "state": "live", "step": "watch", "duration_ms": 8200, "error": None,
            "steps": [{"name": "migrate", "state": "done"}], "report": REPORT}
    failed = {"app": "bad", "number": 8, "kind": "deploy", "state": "failed", "step": "build", "duration_ms": 4100, "report": None,
              "steps": [{"name": "build", "state": "failed"}],
              "error": {"code": "failed", "message": "the build ended with status 2: src/App.tsx(3,10): error TS2304: Cannot find name "
                        "'Shop'. Ask your builder to mend it and export again"}}
    start = [step("receive", "running"), 0.2, step("receive", "done", 210, "214 files"), step("unpack", "running"), 0.1,
             step("unpack", "done", 90), step("inspect", "running"), 0.3, step("inspect", "done", 300, "Lovable, Vite single-page app"),
             step("install", "running")]
    for i in range(12):
        start += [line("install", f"npm \x1b[32minfo\x1b[0m fetching package {i} of 12 …"), 0.15]
    start += [step("install", "done", 1800, "npm ci, 412 packages"), step("check", "skipped"), step("build", "running"),
              line("build", "vite v5.4.10 building for production..."), 0.7, line("build", "transforming (214) src/App.tsx"), 0.8]
    good = [step("build", "done", 1500), {"event": "note", "step": "build", "text": "The main chunk is 900 kB. Visitors on slow lines wait for "
            "it; your builder can split it by route if you ask it to load pages lazily."}]
    for name in ("package", "rehearse", "restore-point", "migrate", "start", "verify", "promote", "watch"):
        good += [step(name, "running"), 0.25, step(name, "done", 250)]
    bad = [line("build", "src/App.tsx(3,10): error TS2304: Cannot find name 'Shop'.", 2), step("build", "failed", 1500)]
    shop = {"name": "shop", "url": "http://shop.localhost:8080", "state": "running", "shape": "Vite single-page app", "live": 7,
            "created_at": "2026-11-20T10:00:00.000Z", "database_bytes": 31000000, "deployment": None, "processes": [
                {"name": "postgres", "state": "running", "since": "2026-11-22T10:00:00.000Z", "restarts": 0},
                {"name": "backend", "state": "running", "since": "2026-11-22T20:00:00.000Z", "restarts": 2, "reason": "ended by signal 9"}]}
    for app, number, end in (("shop", 7, live), ("bad", 8, failed)):
        daemon.answer("POST", f"/v1/apps/{app}/deployments", {"app": app, "number": number, "state": "running"}, 201)
        daemon.stream(f"/v1/apps/{app}/deployments/{number}/events",
                      start + (good if app == "shop" else bad) + [{"event": "end", "deployment": end}])
        daemon.answer("GET", f"/v1/apps/{app}", shop | {"name": app, "live": 7})
    daemon.answer("GET", "/v1/apps", {"apps": [shop, shop | {"name": "bad", "state": "stopped"}]})
    daemon.answer("GET", "/v1/status", {"version": "0.1.0", "home": "/root/.freehold", "address": "http://127.0.0.1:8080",
                  "edge": {"name": "edge", "state": "running", "since": "2026-11-20T10:00:00.000Z", "restarts": 0}, "apps": [shop],
                  "warnings": ["backups lie on the same disk as the data: a broken disk takes both"]})
    daemon.answer("POST", "/v1/apps/shop/rollback", {"from": 7, "to": 6, "switch_ms": 3.1, "first_served_ms": 8.0, "notes": []})
    daemon.answer("GET", "/v1/apps/shop/releases", {"releases": [
        {"number": 7, "is_live": True, "commit": "0123456789", "from": "/home/me/shop", "promoted_at": "2026-11-22T10:00:00Z", "bytes": 1200000},
        {"number": 6, "is_live": False, "commit": "abcdef012345", "from": "shop.zip", "promoted_at": "2026-11-20T10:00:00Z", "bytes": 1100000}]})


if __name__ == "__main__":
    with FakeDaemon(sys.argv[1]) as fake:
        demo(fake)
        threading.Event().wait()
