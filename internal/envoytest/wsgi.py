"""A WSGI program on wsgiref, which decodes the path once and turns X-User-Id and X_User_Id into one variable.

Prints its port, then serves until its standard input ends.
"""

import json
import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def program(environ, start_response):
    path = environ["PATH_INFO"]
    handler = "other"
    for name in ("admin", "public"):
        if path == "/" + name or path.startswith("/" + name + "/"):
            handler = name
    body = json.dumps({
        "server": "wsgi",
        "handler": handler,
        "path": path,
        "userId": environ.get("HTTP_X_USER_ID", ""),
        "orgId": environ.get("HTTP_X_ORG_ID", ""),
    }).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
server = make_server("127.0.0.1", 0, program, Server, Quiet)
print(server.server_port, flush=True)
server.serve_forever()
