"""Run a centre: `python -m reference.centre --port N --data FOLDER --token T`."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from reference.centre.server import Server


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first line of output says where, once it can be reached."""
    options = _options(argv)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING)
    options.data.mkdir(parents=True, exist_ok=True)
    server = Server((options.host, options.port), options.data, options.token)
    _stop_on_signals(server)
    sys.stdout.write(f"listening on http://{options.host}:{server.server_address[1]}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reference.centre", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of its own")
    parser.add_argument("--token", default=os.environ.get("CENTRE_TOKEN"), help="or CENTRE_TOKEN")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    options = parser.parse_args(argv)
    if not options.token:
        parser.error("a token is required: --token, or CENTRE_TOKEN in the environment")
    return options


def _stop_on_signals(server: Server) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # Python sets signal handlers in the main thread only
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever(), which this very handler interrupts: so from a thread.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())


if __name__ == "__main__":
    sys.exit(main())
