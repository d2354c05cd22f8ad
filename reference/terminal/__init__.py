"""A terminal to talk with: the reference client library with a store of its own."""

from reference.terminal.clock import Clock, SystemClock
from reference.terminal.errors import (
    EditRefusedError,
    NotEnrolledError,
    NotSignedInError,
    ReceiptRefusedError,
    TerminalError,
)
from reference.terminal.http import Reply, Verdict
from reference.terminal.terminal import SyncReport, Terminal
from reference.terminal.view import Record

__all__ = [
    "Clock",
    "EditRefusedError",
    "NotEnrolledError",
    "NotSignedInError",
    "ReceiptRefusedError",
    "Record",
    "Reply",
    "SyncReport",
    "SystemClock",
    "Terminal",
    "TerminalError",
    "Verdict",
]
