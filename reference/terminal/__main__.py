"""`python -m reference.terminal`: what a person does with a terminal's folder by hand."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reference.terminal.errors import TerminalError
from reference.terminal.export import read_answer
from reference.terminal.terminal import Terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Write an export, or take in the answer to one; 0 when it was done."""
    parser = argparse.ArgumentParser(prog="python -m reference.terminal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write what is unsent as signed files")
    answer = commands.add_parser("take-answer", help="take in the answer to an import")
    for command, what in ((export, "the file to write"), (answer, "the answer's file")):
        command.add_argument("--folder", type=Path, required=True, help="the terminal's folder")
        command.add_argument("file", type=Path, help=what)
    chosen = parser.parse_args(arguments)
    if not (chosen.folder / "store.sqlite3").is_file():
        return _say(f"{chosen.folder}: no terminal's folder", failed=True)
    with Terminal(chosen.folder, "http://no.line.invalid") as terminal:
        try:
            if chosen.command == "export":
                report = terminal.export(chosen.file)
                names = " ".join(str(file) for file in report.files)
                return _say(f"{report.operations} operations: {names}" if report.files else "nothing is unsent")
            outcomes = terminal.take_import_answer(read_answer(chosen.file))
            return _say("\n".join(f"{operation} {outcome}" for operation, outcome in outcomes.items()))
        except (TerminalError, OSError, ValueError, RecursionError) as error:
            return _say(str(error), failed=True)


def _say(words: str, *, failed: bool = False) -> int:
    stream = sys.stderr if failed else sys.stdout
    stream.write(f"{words}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
