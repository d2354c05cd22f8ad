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
from reference.terminal.numbers import Numbers, NumbersError, NumbersExhaustedError, NumbersExpiredError
from reference.terminal.terminal import SyncReport, Terminal
from reference.terminal.view import Record

__all__ = [
    "Clock",
    "EditRefusedError",
    "NotEnrolledError",
    "NotSignedInError",
    "Numbers",
    "NumbersError",
    "NumbersExhaustedError",
    "NumbersExpiredError",
    "ReceiptRefusedError",
    "Record",
    "Reply",
    "SyncReport",
    "SystemClock",
    "Terminal",
    "TerminalError",
    "Verdict",
]
