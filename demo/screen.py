"""What a person sees while the demo plays: a list of steps, a bar for what takes long, where to look at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_BAR_WIDTH = 24


class Screen:
    """Prints to a person's terminal; where there is none, plain lines."""

    def __init__(self, total: int) -> None:
        self._console = Console(highlight=False)
        self._bars = Progress(
            TextColumn("  {task.description}"), BarColumn(_BAR_WIDTH), TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(), console=self._console, transient=True,
        )  # fmt: skip
        self._total = total
        self._number = 0
        self._uploads: dict[str, TaskID] = {}
        self._whole: TaskID | None = None

    def say(self, text: str) -> None:
        self._console.print(f"  [dim]{escape(text)}[/dim]")

    @contextmanager
    def play(self) -> Iterator[None]:
        """Show the bars while the steps run."""
        with self._bars:
            self._whole = self._bars.add_task("全程 · all", total=self._total)
            yield

    @contextmanager
    def step(self, zh: str, en: str) -> Iterator[None]:
        """Show a step while it runs and how it ended."""
        self._number += 1
        label = f"{self._number:>2}/{self._total} {zh} · {en}"
        begun = time.monotonic()
        try:
            yield
        except BaseException:
            self._console.print(f"[bold red]✗[/bold red] {escape(label)}", soft_wrap=True)
            raise
        took = time.monotonic() - begun
        self._console.print(f"[bold green]✓[/bold green] {escape(label)} [dim]{took:.1f} s[/dim]", soft_wrap=True)
        if self._whole is not None:
            self._bars.advance(self._whole)

    def upload(self, name: str, figures: list[str]) -> None:
        """Show how far a terminal's photo is: figures end with bytes sent and bytes in all."""
        numbers = [int(figure) for figure in figures if figure.isdecimal()]
        if len(numbers) < 2 or not numbers[-1]:
            return
        sent, whole = numbers[-2:]
        if name not in self._uploads:
            self._uploads[name] = self._bars.add_task(f"{name} 照片 · photo", total=whole)
        done = sent >= whole
        self._bars.update(self._uploads[name], completed=sent, total=whole, visible=not done)

    def fail(self, zh: str, en: str, reason: str) -> None:
        self._console.print(f"[bold red]演示停在 · stopped at:[/bold red] {escape(f'{zh} · {en}')}", soft_wrap=True)
        self._console.print(f"  {escape(reason)}", soft_wrap=True)

    def show(self, lines: list[tuple[str, str]]) -> None:
        """Print where to look."""
        self._console.print()
        for name, value in lines:
            self._console.print(f"  [bold]{escape(name)}[/bold]  {escape(value)}", soft_wrap=True)
