#!/usr/bin/env python3
"""web.py PORT SITE FILE: the shop's web servers of one site, on loopback; FILE holds how many there are.  Each carries a
quarter of the shop: "GET /" is 200 with what they carry together, or 503 when there is none."""
import http.server
import sys

port, site, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Web(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        try:
            with open(path) as f:
                count = int(f.read())
        except (OSError, ValueError):
            count = 0
        body = f"site {site}, {count} servers, {min(100, 25 * count)} percent\n".encode()
        self.send_response(200 if count else 503)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", port), Web).serve_forever()
