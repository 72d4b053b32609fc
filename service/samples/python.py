"""The standard library's public functions and methods: something real that every machine has."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

NAME = "python"
MODEL = "minilm"
VERSION = f"1/{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
SECONDS_MAX = 120

# Not imported: they act when imported, are applications, or need a display.
_SKIPPED = {
    "antigravity", "this", "idlelib", "turtledemo", "turtle", "lib2to3", "test", "tkinter",
    "ensurepip", "pydoc_data", "msilib", "nt", "ntpath",
    "encodings",  # a hundred code pages with the same six methods
    "distutils",  # gone since Python 3.12
}  # fmt: skip
_SPOKEN = {"posixpath": "os.path"}  # how people call it


def rows() -> Iterator[dict[str, Any]]:
    """Yield one exemplar per function: label = qualified name, text = signature and docstring.

    The library is imported in a process of its own, so that nothing it does at import stays here.
    """
    command = [sys.executable, "-W", "ignore", "-m", __name__]
    done = subprocess.run(  # noqa: S603 - our own module, no input
        command, capture_output=True, text=True, timeout=SECONDS_MAX, check=True
    )
    for line in done.stdout.splitlines():
        if line.startswith('{"id"'):
            yield json.loads(line)


def exemplars() -> Iterator[dict[str, Any]]:
    """Import the standard library and describe what it offers (runs in the child)."""
    seen: dict[int, object] = {}  # holds what it has seen, lest an id is used again
    for module in sorted(public_modules(), key=lambda m: (m.__name__.count("."), m.__name__)):
        home = _SPOKEN.get(module.__name__, module.__name__)
        for name, function in public_functions(module):
            if id(function) not in seen:
                seen[id(function)] = function
                yield described(f"{home}.{name}", function, home)


def public_modules() -> Iterator[types.ModuleType]:
    """Import every public module of the standard library that this machine can import."""
    for top in sorted(sys.stdlib_module_names):
        if top.startswith("_") or top in _SKIPPED:
            continue
        module = imported(top)
        if module is None:
            continue
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{top}."):
            parts = found.name.split(".")[1:]
            if any(p.startswith("_") or p in ("test", "tests", "idle_test") for p in parts):
                continue
            inner = imported(found.name)
            if inner is not None:
                yield inner


def imported(name: str) -> types.ModuleType | None:
    """Import a module, or nothing where this machine has it not."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError, AttributeError, RuntimeError, ValueError, SystemExit):
        return None


def public_functions(module: types.ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions of a module and methods of its classes, by name within it."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    for name in sorted(set(names)):
        thing = getattr(module, name, None)
        if name.startswith("_") or not belongs(thing, module):
            continue
        if inspect.isclass(thing):
            for inner, member in sorted(vars(thing).items()):
                method = getattr(thing, inner, None)
                if not inner.startswith("_") and callable(method) and not inspect.isclass(method):
                    yield f"{name}.{inner}", getattr(member, "__func__", member)
        elif inspect.isroutine(thing):
            yield name, thing


def belongs(thing: object, module: types.ModuleType) -> bool:
    """Tell whether a module defines a thing, itself or in its private half written in C."""
    home = getattr(thing, "__module__", None) or module.__name__
    if home == module.__name__ or home.split(".")[-1].startswith("_"):
        return True
    listed = thing is not None and getattr(thing, "__name__", "") in getattr(module, "__all__", ())
    return listed and (home in ("posix", "builtins") or home.startswith(f"{module.__name__}."))


def described(label: str, function: Callable[..., Any], module: str) -> dict[str, Any]:
    """Describe one function: its qualified name, signature and docstring."""
    try:
        signature = str(inspect.signature(function))
    except (
        ValueError,
        TypeError,
        AttributeError,
        NameError,
    ):
        signature = "(...)"
    text = f"{label}{signature}\n{inspect.getdoc(function) or ''}".strip()
    return {
        "id": label,
        "label": label,
        "item": {"text": text[:4000]},
        "payload": {"module": module},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    out = sys.stdout
    sys.stdout = sys.stderr  # a module that prints at import must not spoil the lines
    for exemplar in exemplars():
        out.write(json.dumps(exemplar) + "\n")
