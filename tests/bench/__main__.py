"""`make bench`: every figure that README and docs quote, measured here and now."""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

from models.onnx_session import cores
from tests import bench
from tests.bench.figures import HEADER, Figure

NOT_BENCHMARKS = ("__main__", "callers", "figures", "texts")


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all."""
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in NOT_BENCHMARKS]
    if unknown := set(wanted) - set(names):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
        return 2
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f} at the start\n{HEADER}")
    for name in wanted or names:
        module = importlib.import_module(f"{bench.__name__}.{name}")
        if not wanted and getattr(module, "ON_REQUEST", False):
            print(f"{name}: by name only (BENCHMARKS={name})")
            continue
        figures: list[Figure] = module.figures()
        for figure in figures:
            print(figure, flush=True)
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])
    sys.exit(main(sys.argv[1:]))
