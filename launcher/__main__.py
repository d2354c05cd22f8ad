"""The commands of `./fieldpost`; what others own is imported only when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from launcher.installation import DEFAULT_PORT, ROOT, Installation, InstallationError
from launcher.serve import serve as serve_installation
from launcher.testing import run_checks, run_pytest

OPTIONS = {
    "data": ("FIELDPOST_DATA", "the data folder (default: var in the checkout)"),
    "port": ("FIELDPOST_PORT", f"the web port on loopback (default: {DEFAULT_PORT})"),
    "database_url": ("FIELDPOST_DATABASE_URL", "the database (default: SQLite in the data folder)"),
    "redis_url": ("FIELDPOST_REDIS_URL", "a Redis or Valkey (default: one is started)"),
    "centre_url": ("FIELDPOST_CENTRE_URL", "the centre's base URL (default: deliveries wait)"),
    "centre_token": ("FIELDPOST_CENTRE_TOKEN", "the centre's bearer token; better set in the environment"),
}


def installation_options(command: Any) -> Any:
    """Give a command the options that choose an installation; they become `FIELDPOST_…` variables."""
    for name, (variable, help_text) in reversed(OPTIONS.items()):
        kind = click.IntRange(1, 65535) if name == "port" else str
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind,
                               help=f"{help_text} [{variable}]")(command)
    return command


def set_variables(chosen: dict[str, Any]) -> None:
    """Put the given options into the environment, a relative folder made absolute for every program."""
    for name, value in chosen.items():
        if value is not None:
            text = str(Path(value).expanduser().resolve()) if name == "data" else str(value)
            os.environ[OPTIONS[name][0]] = text


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise click.ClickException(f"{variable} must be a number from 1 to 65535, not {text!r}")
    return int(text)


def chosen_installation() -> Installation:
    """Return the installation that the environment names."""
    get = os.environ.get
    return Installation(
        data=Path(get("FIELDPOST_DATA") or ROOT / "var").expanduser().resolve(),
        port=_number("FIELDPOST_PORT", DEFAULT_PORT),
        database_url=get("FIELDPOST_DATABASE_URL") or None,
        redis_url=get("FIELDPOST_REDIS_URL") or None,
        centre_url=get("FIELDPOST_CENTRE_URL") or None,
        centre_token=get("FIELDPOST_CENTRE_TOKEN") or None,
        web_workers=_number("FIELDPOST_WEB_WORKERS", 2),
        web_threads=_number("FIELDPOST_WEB_THREADS", 8),
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@installation_options
def cli(**chosen: Any) -> None:
    """Fieldpost 执法通: the server of mobile enforcement terminals."""
    set_variables(chosen)


@cli.command()
@installation_options
def serve(**chosen: Any) -> None:
    """Run the installation: web, worker, relay, and Valkey unless one is named (启动服务)."""
    set_variables(chosen)
    sys.exit(serve_installation(chosen_installation()))


@cli.command()
@installation_options
def worker(**chosen: Any) -> None:
    """Run only the worker and the relay, beside a web server elsewhere (仅后台任务)."""
    set_variables(chosen)
    installation = chosen_installation()
    if installation.redis_url is None:
        raise click.ClickException("worker needs --redis-url, the one that the web server uses")
    sys.exit(serve_installation(installation, workers_only=True))


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def test(pytest_arguments: tuple[str, ...]) -> None:
    """Check everything: style, layers, types, tests; with arguments, only `pytest ARGUMENTS` (检查)."""
    sys.exit(run_pytest(pytest_arguments) if pytest_arguments else run_checks())


def _entry(module: str, attribute: str) -> Any:
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise click.ClickException(f"this checkout has no {module}") from None
        raise


def _hand_over(name: str, module: str, attribute: str, summary: str) -> None:
    """Add a command that another package owns, its options and its --help included."""

    def command(arguments: tuple[str, ...]) -> None:
        entry = _entry(module, attribute)
        if isinstance(entry, click.Group):
            entry.main(args=[name, *arguments], prog_name="fieldpost")
        sys.exit(entry(list(arguments)))

    settings = {"ignore_unknown_options": True, "help_option_names": []}
    argument = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    cli.command(name, help=summary, context_settings=settings)(argument(command))


HANDED_OVER = {
    "demo": ("demo.cli", "main", "Play the main job on real parts, then check it (演示)."),
    "sim": ("simulation.cli", "main", "Play seeded days over a bad line, and check them (模拟)."),
    "bench": ("benchmarks.cli", "main", "Measure (性能测试)."),
    "centre": ("reference.centre.__main__", "main", "Run a centre to deliver to (模拟中心)."),
    "db": ("field_api.cli", "cli", "Keep the database: `db upgrade`, `db epoch` (数据库)."),
    "backup": ("field_api.cli", "cli", "Save everything while the service runs (备份)."),
    "restore": ("field_api.cli", "cli", "Bring a backup into an empty installation (恢复)."),
    "unit": ("field_api.cli", "cli", "Keep units: `unit add` (中队)."),
    "officer": ("field_api.cli", "cli", "Keep officers: `officer add` (执法人员)."),
    "terminal": ("field_api.cli", "cli", "Keep terminals: `terminal invite` (终端)."),
    "violations": ("field_api.commands.violations", "cli", "The violation catalogue: `violations import` (案由)."),
    "calendar": ("field_api.commands.calendar", "cli", "The working days: `calendar set`, `calendar show` (工作日历)."),
    "keys": ("field_api.cli", "cli", "The keys that receipts are signed with: `keys rotate` (密钥)."),
    "watch": ("field_api.cli", "cli", "Plates that are looked for: `watch import FILE` (布控车牌)."),
    "vehicles": ("field_api.cli", "cli", "Vehicles and permits to carry: `vehicles import FILE` (车辆)."),
    "verify": ("field_api.cli", "cli", "Check what is kept against its hashes and signatures (核验)."),
    "law": ("field_api.commands.law", "main", "Write the rules of law as a document (法律规则)."),
    "numbers": ("field_api.cli", "cli", "Account for every document number (文书编号)."),
    "openapi": ("field_api.cli", "cli", "Write the OpenAPI document (接口文档)."),
}
for _name, (_module, _attribute, _summary) in HANDED_OVER.items():
    _hand_over(_name, _module, _attribute, _summary)


def main() -> None:
    try:
        cli.main(prog_name="fieldpost")
    except InstallationError as error:
        print(f"fieldpost: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
