"""Bring the peers into the data folder's cache, by the machine's own pip and npm; none of them is in our lock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from launcher.processes import say_on_stderr

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
POUCHDB_SERVER = "4.2.0"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the peers' programs are. `pouchdb`: None where there is no Node."""

    bin: Path
    pouchdb: Path | None
    pouchdb_version: str = POUCHDB_SERVER

    def version(self, package: str) -> str:
        """What is installed of a Python package."""
        code = f"from importlib.metadata import version; print(version({package!r}))"
        done = subprocess.run([self.bin / "python", "-c", code], check=True, capture_output=True, text=True)
        return done.stdout.strip()


def install(cache: Path) -> Installed:
    """Install what is not there yet; half an installation is made anew.

    Raises: subprocess.CalledProcessError with the installer's words when a registry cannot be reached.
    """
    python = cache / f"python-{sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    if not (python / "complete").exists():
        say_on_stderr("installing Kinto and PocketBase (安装)")
        shutil.rmtree(python, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(python))
        pip = [str(python / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run(*pip, "--require-hashes", "-r", str(REQUIREMENTS))
        (python / "complete").touch()
    return Installed(python / "bin", _pouchdb(cache / f"node-{POUCHDB_SERVER}"))


def _pouchdb(folder: Path) -> Path | None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        say_on_stderr("!" * 78)
        say_on_stderr("MISSING: Node.js; pouchdb-server is not measured. apt-get install nodejs npm")
        say_on_stderr("!" * 78)
        return None
    program = folder / "node_modules" / ".bin" / "pouchdb-server"
    if not (folder / "complete").exists():
        say_on_stderr("installing pouchdb-server (安装)")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text("{}")
        # Its database comes prebuilt inside the package; scripts would try to fetch a tool chain.
        words = ("install", "--no-audit", "--no-fund", "--ignore-scripts", f"pouchdb-server@{POUCHDB_SERVER}")
        _run(npm, *words, cwd=folder)
        (folder / "complete").touch()
    return program


def _run(*argv: str, cwd: Path | None = None) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    subprocess.run(argv, check=True, cwd=cwd, env=kept, stdout=sys.stderr)
