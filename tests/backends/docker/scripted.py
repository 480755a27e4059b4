"""A fake where no real daemon does what a test needs: one whose pulls never end."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import tempfile
import threading


class Scripted:
    """Not a daemon: answers every pull with the same line again and again, all else with 404."""

    def __init__(self, line: bytes) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="scripted-", dir="/tmp")
        self._path = f"{self._folder.name}/s"
        self.host = f"unix://{self._path}"
        self.asked = threading.Event()
        self._line = line

    def __enter__(self) -> Scripted:
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "a test"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                body = scripted.answer(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                scripted.asked.set()
                chunk = b"%x\r\n%s\r\n" % (len(scripted._line), scripted._line)
                pause = threading.Event()
                with contextlib.suppress(OSError):
                    while not pause.wait(0.05):
                        self.wfile.write(chunk)

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(self._path, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._folder.cleanup()

    def answer(self, path: str) -> bytes:
        """A body for what a client asks first, b"" for what is not there."""
        path = path.partition("?")[0]
        if path.endswith("/version"):
            return b'{"ApiVersion": "1.41", "Version": "0", "Components": []}'
        if path.endswith("/networks"):
            return b"[]"
        if path.endswith("/info"):
            return b'{"NCPU": 1, "Plugins": {"Log": ["local"]}, "SecurityOptions": []}'
        return b""
