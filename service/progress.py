"""A progress bar with rate and time left; plain lines where nobody watches."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from service.builder import Tally

LINE_SECONDS = 10.0


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[Tally], None]]:
    """Show progress on standard error; call what is yielded with a tally."""
    console = Console(file=sys.stderr)
    started = last = time.monotonic()
    finished = False
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )

    with bar:
        task = bar.add_task(what, total=None, words="")

        def update(tally: Tally) -> None:
            nonlocal last, finished
            words = told(tally, time.monotonic() - started)
            bar.update(task, completed=tally.done, total=tally.total or None, words=words)
            if console.is_terminal or finished:
                return
            finished = 0 < tally.total == tally.done
            if finished or time.monotonic() - last > LINE_SECONDS:
                last = time.monotonic()
                share = 100 * tally.done / max(1, tally.total)
                left = (last - started) * (100 - share) / max(share, 0.1)
                console.print(f"{what}: {share:.0f} %, {words}, {left:.0f} s left", soft_wrap=True)

        yield update


def told(tally: Tally, seconds: float) -> str:
    """Word a tally: how many, how fast, how many were not needed or not possible.

    >>> told(Tally(enrolled=90, unchanged=10), 2.0)
    '100 rows, 50/s, 10 unchanged'
    """
    rows = tally.enrolled + tally.unchanged + tally.rejected
    words = f"{rows} rows, {rows / max(seconds, 1e-9):.0f}/s"
    if tally.unchanged:
        words += f", {tally.unchanged} unchanged"
    if tally.rejected:
        words += f", {tally.rejected} rejected"
    return words
