"""What the kernel saw: an acknowledgement leaves only when the log is on disk. Needs strace."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.enrolling import SOME
from tests.pace import PACE

ROOT = Path(__file__).parents[2]
CALL = re.compile(
    r"(?P<pid>\d+) +"
    r"(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\(\d+<(?P<path>.*?)>)"
    r"(?P<rest>.*)"
)
SYNCS = ("fsync", "fdatasync")


def calls(trace: str) -> Iterator[tuple[str, str, str]]:
    """Yield "begin" or "end" of each call that had an end, its name and the file; in order."""
    begun: dict[str, tuple[str, str]] = {}
    for line in trace.splitlines():
        found = CALL.match(line)
        if found is None:
            continue
        if found["resumed"]:
            name, path = begun.pop(found["pid"])
            assert name == found["resumed"]
        else:
            name, path = found["name"], found["path"]
            yield "begin", name, path
            if "<unfinished ...>" in found["rest"]:
                begun[found["pid"]] = name, path
                continue
        assert name not in SYNCS or found["rest"].endswith("= 0"), line
        yield "end", name, path


def test_an_acknowledgement_leaves_when_the_log_is_on_disk(tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            *(strace, "-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace),
            *(sys.executable, "-m", "tests.fault.enrolling", "some", tmp_path / "data"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120 * PACE,
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not look here: {done.stderr}")
    assert done.stdout.split() == ["ready", *(str(number) for number in range(1, SOME + 1))]
    unsynced, written, acknowledgements = False, 0, 0
    for moment, name, path in calls(trace.read_text()):
        if path.endswith("-wal") and name == "pwrite64" and moment == "begin":
            unsynced, written = True, written + 1
        elif path.endswith("-wal") and name in SYNCS and moment == "end":
            unsynced = False
        elif path.startswith("pipe:") and name == "write" and moment == "begin":
            assert not unsynced
            assert written or not acknowledgements
            acknowledgements, written = acknowledgements + 1, 0
    assert acknowledgements == 1 + SOME  # "ready" is the first
