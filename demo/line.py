"""Stand between a terminal and the server as a bad line does: slow, cut, silent, or losing one answer.

Real sockets on loopback. Bytes pass untouched; requests are followed only as far as it takes to know where
one begins and ends, so that the answer of a chosen one can be lost after the server has given it.
"""

import re
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

CHUNK = 64 * 1024
MAX_HEAD = 64 * 1024
CONNECT_TIMEOUT_S = 5.0
DRAIN_TIMEOUT_S = 5.0
TO_SERVER, TO_TERMINAL = "to_server", "to_terminal"
Loss = tuple[str, threading.Event]  # the beginning of a path; set once its answer was lost


class Line:
    """Forward a loopback port of its own to `target_port`, as well or as badly as told."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._connections: set[_Connection] = set()
        self._is_down = False
        self._is_silent = False
        self._latency_s = 0.0
        self._left: dict[str, int | None] = {TO_SERVER: None, TO_TERMINAL: None}
        self._was_cut = threading.Event()
        self._losses: list[Loss] = []
        self._acceptor = threading.Thread(target=self._accept, name="line", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """Give the base URL as a terminal would use it."""
        return f"http://127.0.0.1:{self.port}"

    def down(self) -> None:
        """Break every connection and refuse new ones until `up`."""
        self._is_down = True
        self._reset_all()

    def black_hole(self) -> None:
        """Swallow everything without a word until `up`; only the sender's own time-out ends it."""
        self._is_silent = True

    def up(self) -> None:
        """Work well again; connections that were silent have lost bytes and are broken."""
        was_silent, self._is_silent = self._is_silent, False
        if was_silent:
            self._reset_all()
        with self._lock:
            self._is_down, self._latency_s = False, 0.0
            self._left = {TO_SERVER: None, TO_TERMINAL: None}
            self._losses.clear()

    def latency(self, seconds: float) -> None:
        """Hold every piece back for so long, in both directions."""
        self._latency_s = seconds

    def cut_after(
        self, bytes_to_server: int | None = None, *, bytes_to_terminal: int | None = None
    ) -> threading.Event:
        """Cut once, after exactly so many more bytes have passed in a direction; then work well again.

        The event is set once the line was cut.
        """
        with self._lock:
            self._left = {TO_SERVER: bytes_to_server, TO_TERMINAL: bytes_to_terminal}
            self._was_cut = threading.Event()
            return self._was_cut

    def lose_next_answer(self, path_prefix: str) -> threading.Event:
        """Lose the answer of the next request whose path begins so; the event is set once it is lost.

        The server gets the whole request and gives its answer; the terminal gets a reset. A server that dies
        before it answers has given nothing to lose: then the next such request's answer is meant.
        """
        lost = threading.Event()
        self.expect_loss((path_prefix, lost))
        return lost

    def expect_loss(self, loss: Loss) -> None:
        """Lose the answer of the next request that this loss is meant for."""
        with self._lock:
            self._losses.append(loss)

    def close(self) -> None:
        """End for good: the port, every connection, every thread."""
        self._closed.set()
        # Closing alone does not wake a thread that waits in accept(); a caller does.
        with socket.create_connection(("127.0.0.1", self.port), CONNECT_TIMEOUT_S):
            self._acceptor.join()
        self._listener.close()
        self._reset_all()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def swallows(self) -> bool:
        """Tell whether the line is silent now."""
        return self._is_silent

    def delay(self) -> None:
        """Hold a piece back, as long as the line lives."""
        if self._latency_s:
            self._closed.wait(self._latency_s)

    def allow(self, direction: str, size: int) -> tuple[int, bool]:
        """Say how many of `size` bytes may pass, and whether the line is cut after them."""
        with self._lock:
            left = self._left[direction]
            if left is None:
                return size, False
            if size < left:
                self._left[direction] = left - size
                return size, False
            self._left[direction] = None
            self._was_cut.set()
            return left, True

    def take_loss(self, path: str) -> Loss | None:
        """Give the loss that is meant for this path, once."""
        with self._lock:
            for loss in self._losses:
                if path.startswith(loss[0]):
                    self._losses.remove(loss)
                    return loss
        return None

    def forget(self, connection: "_Connection") -> None:
        """Drop a connection that has ended."""
        with self._lock:
            self._connections.discard(connection)

    def _accept(self) -> None:
        while True:
            terminal, _ = self._listener.accept()
            if self._closed.is_set():
                terminal.close()
                return
            if self._is_down:
                _reset(terminal)
                continue
            self._connect(terminal)

    def _connect(self, terminal: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, CONNECT_TIMEOUT_S)
        except OSError:
            _reset(terminal)
            return
        for end in (terminal, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, terminal, server)
        with self._lock:
            self._connections.add(connection)
        connection.start()
        if self._is_down:  # it went down meanwhile, and may have missed this one
            connection.reset()

    def _reset_all(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.reset()


class _Connection:
    """Pump both ways between one terminal's socket and its own to the server."""

    def __init__(self, line: Line, terminal: socket.socket, server: socket.socket) -> None:
        self._line = line
        self._terminal = terminal
        self._server = server
        self._requests = RequestFollower()
        self._loss: Loss | None = None
        self._is_broken = False
        self._sending_to: set[socket.socket] = set()
        self._running = 2
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._pump, args=(self._to_server, terminal, server), daemon=True),
            threading.Thread(target=self._pump, args=(self._to_terminal, server, terminal), daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def reset(self) -> None:
        """Break both ends: the pumps wake, and the last one's close is the reset."""
        self._give_back_loss()
        with self._lock:
            self._is_broken = True
            for end in (self._terminal, self._server):
                _reset_on_close(end)
                # Shutting the reading side wakes its pump and tells the peer nothing before the reset does;
                # only a pump that hangs in sending needs both.
                _quietly_shut(end, socket.SHUT_RDWR if end in self._sending_to else socket.SHUT_RD)

    def _pump(
        self, forward: Callable[[bytes], bool], source: socket.socket, target: socket.socket
    ) -> None:
        try:
            while chunk := source.recv(CHUNK):
                if self._is_broken or not forward(chunk):
                    return
            if not self._is_broken:
                if source is self._server:
                    self._give_back_loss()
                target.shutdown(socket.SHUT_WR)  # the end of one direction is passed on as such
        except OSError:
            self.reset()
        finally:
            self._end()

    def _to_server(self, chunk: bytes) -> bool:
        if self._line.swallows():
            return True
        self._line.delay()
        for path in self._requests.feed(chunk):
            self._loss = self._loss or self._line.take_loss(path)
        return self._pass_on(TO_SERVER, chunk, self._server, self._terminal)

    def _to_terminal(self, chunk: bytes) -> bool:
        if self._line.swallows():
            return True
        is_interim = chunk.startswith(b"HTTP/1.1 1")  # 100 Continue is no answer yet
        if self._loss is not None and not is_interim:
            self._lose(self._loss[1])
            return False
        self._line.delay()
        return self._pass_on(TO_TERMINAL, chunk, self._terminal, self._server)

    def _pass_on(self, direction: str, chunk: bytes, target: socket.socket, source: socket.socket) -> bool:
        allowed, is_cut = self._line.allow(direction, len(chunk))
        self._send(target, chunk[:allowed])
        if is_cut:
            self._is_broken = True
            # An orderly end for the receiver, so that exactly these bytes arrive; a reset for the sender.
            _quietly_shut(target, socket.SHUT_RDWR)
            _reset_on_close(source)
        return not is_cut

    def _send(self, target: socket.socket, data: bytes) -> None:
        self._sending_to.add(target)
        try:
            target.sendall(data)
        finally:
            self._sending_to.discard(target)

    def _lose(self, lost: threading.Event) -> None:
        """Let the server finish its answer into nothing, then break the terminal's end."""
        _quietly_shut(self._server, socket.SHUT_WR)
        self._server.settimeout(DRAIN_TIMEOUT_S)
        try:
            while self._server.recv(CHUNK):
                pass
        except OSError:
            return  # the server was quicker, or keeps on talking; its answer is lost all the same
        finally:
            lost.set()
            self.reset()

    def _give_back_loss(self) -> None:
        """Mean the next such request, before the terminal can send it: this one's server died without a word."""
        with self._lock:
            loss, self._loss = self._loss, None
        if loss is not None and not loss[1].is_set():
            self._line.expect_loss(loss)

    def _end(self) -> None:
        with self._lock:
            self._running -= 1
            if self._running:
                return
            self._terminal.close()
            self._server.close()
        self._line.forget(self)


class RequestFollower:
    """Follow HTTP/1.1 requests in a stream of bytes: where they begin, and what they ask for.

    Bytes that are no HTTP stop the following, never the line.
    """

    def __init__(self) -> None:
        self._head = b""
        self._body_left = 0
        self._is_chunked = False
        self._is_lost = False
        self._tail = b""

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes; give the paths of the requests whose heads end in them."""
        paths: list[str] = []
        while data and not self._is_lost:
            if self._body_left:
                taken = min(self._body_left, len(data))
                self._body_left -= taken
                data = data[taken:]
            elif self._is_chunked:
                data = self._skip_chunked(data)
            else:
                data = self._read_head(data, paths)
        return paths

    def _read_head(self, data: bytes, paths: list[str]) -> bytes:
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            self._is_lost = len(self._head) > MAX_HEAD
            return b""
        self._head = b""
        found = re.match(rb"[A-Z]+ (\S+) HTTP/1\.[01]\r\n", head + b"\r\n")
        if not found:
            self._is_lost = True
            return b""
        paths.append(found[1].decode("latin-1"))
        length = re.search(rb"(?i)\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*(?:\r\n|$)", head)
        self._body_left = int(length[1]) if length else 0
        self._is_chunked = bool(re.search(rb"(?i)\r\ntransfer-encoding:[ \t]*chunked", head))
        return rest

    def _skip_chunked(self, data: bytes) -> bytes:
        """Skip one chunk's size line, or the end of the body with its trailers."""
        self._tail += data
        size_line, separator, rest = self._tail.partition(b"\r\n")
        if not separator:
            self._is_lost = len(self._tail) > MAX_HEAD
            return b""
        size = re.match(rb"[0-9a-fA-F]{1,15}", size_line)
        if not size:
            self._is_lost = True
            return b""
        if int(size[0], 16):
            self._tail = b""
            self._body_left = int(size[0], 16) + 2  # and its line end
            return rest
        _trailers, separator, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not separator:
            self._is_lost = len(self._tail) > MAX_HEAD
            return b""
        self._tail, self._is_chunked = b"", False
        return after


def _reset(end: socket.socket) -> None:
    _reset_on_close(end)
    end.close()


def _reset_on_close(end: socket.socket) -> None:
    try:
        # A zero linger makes the close a reset instead of an orderly end.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        return  # closed already


def _quietly_shut(end: socket.socket, how: int) -> None:
    try:
        end.shutdown(how)
    except OSError:
        return  # the other end was quicker
