"""Say no in one shape: a status, a stable code and a sentence for a person."""


class Refusal(Exception):
    """Refuse one request; becomes `{code, message}` with its status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
