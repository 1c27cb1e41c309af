"""A service in Python: the standard library, and not a line about authentication.

It believes the two headers that it is given, because nothing reaches it except through Envoy and Clerkgate.

    python3 reports.py --port 8081
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reports(BaseHTTPRequestHandler):
    # One request per connection (HTTP/1.0, the default of http.server). It cannot read chunked bodies, and what it leaves
    # unread on a connection that stays open it would take for the next request: one that nobody checked.
    def answer(self):
        if "transfer-encoding" in self.headers:
            self.send_error(411)
            return
        self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = {"service": "reports", "path": self.path.partition("?")[0]}
        for name in ("x-user-id", "x-org-id"):
            seen[name] = self.headers.get(name)
        body = json.dumps(seen).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8081, help="port on 127.0.0.1; 0 takes a free one")
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Reports)
    server.daemon_threads = True
    print(f"reports: listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
