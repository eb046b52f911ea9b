"""A web server on this machine that serves one file, as well or as badly as a test asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_PIECE = 4096  # bytes


class FileServer(ThreadingHTTPServer):
    """``status``: answer this error; ``stop_after``: break off after so many bytes;
    ``ranges``: go on where a client asks; ``lengths``: say how long the file is; ``pause``:
    seconds between two pieces of 4 KiB. ``asked`` holds each request's Range header, ``sent``
    counts bytes.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.status: int | None = None
        self.stop_after: int | None = None
        self.ranges = True
        self.lengths = True
        self.pause = 0.0
        self.asked: list[str | None] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/set.tar.gz"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status:
            self.send_error(server.status)
            return
        content, first = server.content, 0
        if wanted and server.ranges:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.lengths:
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        rest = content[first:][: server.stop_after]
        try:
            for at in range(0, len(rest), _PIECE):
                self.wfile.write(rest[at : at + _PIECE])
                server.sent += _PIECE
                time.sleep(server.pause)
        except ConnectionError:
            pass  # the client was interrupted, as a test wanted

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """A running server; it ends with the block."""
    server = FileServer(content)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
