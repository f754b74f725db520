"""A GitHub on this computer that knows one thing: which release of a project is the newest."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROJECT = "someone/paddock"
HOME = f"https://github.com/{PROJECT}"


class FakeGitHub:
    """`with FakeGitHub("v0.2.0")`: what it is asked is in `asked`, and `body` and `status` are what it answers."""

    def __init__(self, tag: str) -> None:
        self.status = 200
        self.body = json.dumps({"tag_name": tag, "html_url": "https://example.com/elsewhere"}).encode()
        self.asked: list[tuple[str, dict[str, str]]] = []  # path, headers
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.api = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeGitHub:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github.asked.append((self.path, dict(self.headers)))
                self.send_response(github.status)
                self.send_header("Content-Length", str(len(github.body)))
                self.end_headers()
                self.wfile.write(github.body)

            def log_message(self, *_words: object) -> None:
                pass

        return Handler
