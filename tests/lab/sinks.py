#!/usr/bin/env python3
"""sinks.py: what notices are sent to: a mail server and an HTTP server, on loopback.

    sinks.py smtp PORT DIR [CERT KEY [tls]]   each message becomes DIR/N.eml with its envelope in DIR/N.env; with CERT
                                              it offers STARTTLS (with tls it is TLS from the start) and AUTH PLAIN
                                              for user/open-sesame; refuses recipients that begin with "nobody";
                                              DIR/full answers 552 to the message, DIR/slow never answers it
    sinks.py http PORT DIR                    a webhook at /hook/… and the PagerDuty Events API v2 at /v2/enqueue, which
                                              are strict about the documented shape; requests go to DIR/requests;
                                              DIR/busy holds how many requests still get which status ("2 429")
"""
import base64
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time

kind, port, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
cert = sys.argv[4:6] if len(sys.argv) > 5 else None
context = None
if cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cert)
count, lock = [0], threading.Lock()


class Smtp(socketserver.BaseRequestHandler):
    def say(self, text):
        self.request.sendall(text.encode() + b"\r\n")

    def line(self):
        data = b""
        while not data.endswith(b"\n"):
            more = self.request.recv(1)
            if not more:
                raise ConnectionError
            data += more
        return data.decode("latin-1").rstrip("\r\n")

    def handle(self):
        try:
            if context and sys.argv[-1] == "tls":
                self.request = context.wrap_socket(self.request, server_side=True)
            self.talk()
        except (ConnectionError, ssl.SSLError, OSError):
            pass

    def talk(self):
        self.say("220 sink ESMTP")
        envelope, user = {"to": []}, None
        while True:
            line = self.line()
            word = line.split(":")[0].split()[0].upper() if line else ""
            if word in ("EHLO", "HELO"):
                tls = isinstance(self.request, ssl.SSLSocket)
                more = ["STARTTLS"] if context and not tls else ["AUTH PLAIN"] if tls else []
                rows = ["sink", "8BITMIME"] + more
                for i, row in enumerate(rows):
                    self.say(f"250{'-' if i < len(rows) - 1 else ' '}{row}")
            elif word == "STARTTLS":
                self.say("220 go ahead")
                self.request = context.wrap_socket(self.request, server_side=True)
            elif word == "AUTH":
                given = line.split()[2] if len(line.split()) > 2 else None
                if given is None:
                    self.say("334 ")
                    given = self.line()
                good = base64.b64decode(given) == b"\0user\0open-sesame"
                user = "user" if good else None
                self.say("235 welcome" if good else "535 5.7.8 no such user or password")
            elif word == "MAIL":
                envelope["from"] = re.search("<(.*)>", line)[1]
                self.say("250 ok")
            elif word == "RCPT":
                to = re.search("<(.*)>", line)[1]
                if to.startswith("nobody"):
                    self.say("550 5.1.1 no such person here")
                else:
                    envelope["to"].append(to)
                    self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                rows = []
                while (row := self.line()) != ".":
                    rows.append(row[1:] if row.startswith("..") else row)
                if os.path.exists(f"{where}/slow"):
                    time.sleep(30)
                if os.path.exists(f"{where}/full"):
                    self.say("552 5.2.2 mailbox full")
                    continue
                with lock:
                    count[0] += 1
                    with open(f"{where}/{count[0]}.eml", "w", encoding="latin-1") as f:
                        f.write("\n".join(rows) + "\n")
                    envelope.update(user=user, tls=isinstance(self.request, ssl.SSLSocket))
                    with open(f"{where}/{count[0]}.env", "w") as f:
                        json.dump(envelope, f)
                self.say("250 2.0.0 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 what?")


SEVERITIES = ("critical", "error", "warning", "info")


def pagerduty(body):
    """What the documentation of the Events API v2 asks for; a text when it is not so."""
    if not re.fullmatch("[0-9a-f]{32}", body.get("routing_key", "")):
        return "Invalid routing key"
    if body.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        return "event_action"
    if not 0 < len(body.get("dedup_key", "")) <= 255:
        return "dedup_key"
    if set(body) - {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}:
        return "unknown member"
    if body["event_action"] != "trigger":
        return None
    payload = body.get("payload", {})
    if not (0 < len(payload.get("summary", "")) <= 1024 and payload.get("source")):
        return "summary and source"
    if payload.get("severity") not in SEVERITIES or not isinstance(payload.get("custom_details", {}), dict):
        return "severity or custom_details"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)", payload.get("timestamp", "")):
        return "timestamp"
    return None


class Http(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(f"{where}/requests", "a") as f:
            f.write(json.dumps({"path": self.path, "type": self.headers.get("Content-Type"), "body": json.loads(raw)}) + "\n")
        body = json.loads(raw)
        busy = f"{where}/busy"
        if os.path.exists(busy):
            left, status = open(busy).read().split()
            if int(left) > 0:
                with open(busy, "w") as f:
                    f.write(f"{int(left) - 1} {status}")
                return self.answer(int(status), "not now")
        if self.path == "/v2/enqueue":
            wrong = pagerduty(body)
            if wrong:
                return self.answer(400, json.dumps({"status": "invalid event", "errors": [wrong]}))
            return self.answer(202, json.dumps({"status": "success", "message": "Event processed",
                                                "dedup_key": body["dedup_key"]}))
        if self.path.startswith("/hook/T0/"):
            good = isinstance(body.get("text"), str) and body["text"] and set(body) <= {"text", "blocks", "attachments"}
            return self.answer(200, "ok") if good else self.answer(400, "invalid_payload")
        return self.answer(404, "no_service")


class Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


if kind == "smtp":
    Threads(("127.0.0.1", port), Smtp).serve_forever()
else:
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Http).serve_forever()
