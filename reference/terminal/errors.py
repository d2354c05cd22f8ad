"""What can go wrong on the terminal itself, before a word is sent."""


class TerminalError(Exception):
    """Base of everything this library raises on purpose."""


class NotEnrolledError(TerminalError):
    """The terminal has no identity yet: nothing can be signed or numbered."""


class NotSignedInError(TerminalError):
    """No officer is signed in, so an edit would have no author."""


class EditRefusedError(TerminalError, ValueError):
    """The edit cannot be stored as an operation; nothing was kept."""


class ReceiptRefusedError(TerminalError):
    """A receipt is forged, foreign or names something else; nothing may be purged against it."""
