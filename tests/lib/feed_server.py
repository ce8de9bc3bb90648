"""FeedServer: an HTTP or HTTPS server whose answers a test chooses path by path, bad ones too."""

import gzip
import http.server
import ssl
import threading
import time

BOMB_MEMBER_BYTES = 16 << 20


class FeedServer:
    """`answers[path]` is a function of the request's handler, which sends what it likes. `requests` are (path, headers)."""

    def __init__(self, certificate=None, key=None):
        self.answers = {}
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self):
                outer.requests.append((self.path, dict(self.headers)))
                self.close_connection = True
                try:
                    outer.answers.get(self.path.split("?")[0], status(404))(self)
                except (ConnectionError, ssl.SSLError):
                    pass  # the node has seen enough

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *arguments: None  # a client that does not like the certificate
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            # The handshake is the thread's, not the listener's.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, user=""):
        return f"{self.scheme}://{user}127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def send(handler, code, body=b"", length=None, **headers):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")  # or the client would send its next request to where nobody reads
    handler.end_headers()
    handler.wfile.write(body)


def content(body, etag=None, modified=None, **headers):
    """A good answer; with an etag or the time of the last change, 304 for who has it."""
    version = {name: value for name, value in (("ETag", etag), ("Last-Modified", modified)) if value}

    def answer(handler):
        if (etag and handler.headers.get("If-None-Match") == etag or
                modified and handler.headers.get("If-Modified-Since") == modified):
            return send(handler, 304, **version)
        return send(handler, 200, body, **version, **headers)

    return answer


def status(code, body=b"<html>sorry</html>"):
    return lambda handler: send(handler, code, body)


def redirect(place):
    return lambda handler: send(handler, 302, Location=place)


def cut(body, announced):
    return lambda handler: send(handler, 200, body, length=announced)


def stall(seconds, before=b""):
    """Announces a body, and sends none of it but `before`."""
    def answer(handler):
        send(handler, 200, before, length=1 << 20)
        time.sleep(seconds)

    return answer


def repeat(piece, times):
    """Gzip of a piece, again and again: made as it is sent."""
    member = gzip.compress(piece)

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(times):
            handler.wfile.write(member)

    return answer


def bomb(total_bytes):
    return repeat(bytes(BOMB_MEMBER_BYTES), total_bytes // BOMB_MEMBER_BYTES)
