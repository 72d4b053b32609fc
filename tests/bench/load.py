"""Many callers of one text, one caller of one text, and twice as many as can be served."""

import tempfile
from collections.abc import Coroutine
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import httpx
import uvloop

from tests.bench.callers import Connection, Reply, closed_loop, mixed_texts, open_loop, percentile
from tests.bench.embeddings import bare_runtime
from tests.bench.figures import Figure, seconds_of
from tests.server import Server

CALLERS, TEXTS, ROUNDS = 32, 256, 9
BLOCKS, BLOCK_TEXTS = 10, 40
LOOP_SECONDS, OVERLOAD_SECONDS, OVERLOAD_ROUNDS = 2.5, 6.0, 5
NO_CACHE = ("--cache-bytes-max", "0")  # texts differ anyway; so that nothing can be doubted


def figures() -> list[Figure]:
    """Measure throughput, latency, and what happens under twice the capacity."""
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), *NO_CACHE) as server:
        return [many_callers(server.url), one_caller(server.url), *overload(server.url)]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a load on the fastest event loop there is: the callers share the cores."""
    return uvloop.run(work)


def many_callers(url: str) -> Figure:
    """Let 32 callers ask one text each; beside it, the bare runtime in sorted batches of 32."""
    bare, texts = bare_runtime(), mixed_texts(1)
    run(closed_loop(url, CALLERS, texts, 1.0))
    rates = []
    for _ in range(ROUNDS):
        served = rate_of(closed_loop(url, CALLERS, texts, LOOP_SECONDS))
        same = [next(texts) for _ in range(TEXTS)]
        alone = TEXTS / seconds_of(lambda same=same: bare(same))
        rates.append((served, alone))
    ratio = median(ours / alone for ours, alone in rates)
    ours, alone = (median(values) for values in zip(*rates, strict=True))
    beside = f"bare ORT {alone:.0f}/s"
    what = f"{CALLERS} callers of one text, 4 to 64 words"
    return Figure(what, f"{ours:.0f}/s", beside, ratio, ">= 0.80", ratio >= 0.80)


def one_caller(url: str) -> Figure:
    """Ask one text at a time, in turn with a single bare forward pass of it."""
    bare, texts = bare_runtime(), mixed_texts(2)

    async def served(some: list[str]) -> list[float]:
        connection, seconds = Connection(url), []
        await connection.ask(some[0])
        for text in some:
            started = perf_counter()
            await connection.ask(text)
            seconds.append(perf_counter() - started)
        connection.close()
        return seconds

    # Block by block: after a pass the bare runtime's threads spin on, on the cores of the service.
    ours, alone = [], []
    for _ in range(BLOCKS):
        some = [next(texts) for _ in range(BLOCK_TEXTS)]
        alone += [seconds_of(lambda text=text: bare([text])) for text in some]
        sleep(0.2)
        ours += run(served(some))
    mine, theirs = 1000 * median(ours), 1000 * median(alone)
    beside, more = f"bare pass {theirs:.1f} ms", mine - theirs
    what = "one caller of one text, p50"
    return Figure(what, f"{mine:.1f} ms", beside, None, "<= +2 ms", more <= 2.0)


def overload(url: str) -> list[Figure]:
    """Find the peak, and offer twice as much, in turn."""
    texts = mixed_texts(3)
    rounds: list[tuple[float, float]] = []
    replies: list[Reply] = []
    for _ in range(OVERLOAD_ROUNDS):
        most = rate_of(closed_loop(url, CALLERS, texts, LOOP_SECONDS))
        started = perf_counter()  # to the last answer: the queue that is filled is drained too
        some = run(open_loop(url, 2 * most, texts, OVERLOAD_SECONDS))
        rounds.append((len(accepted(some)) / (perf_counter() - started), most))
        replies += some
    rate, peak = (median(values) for values in zip(*rounds, strict=True))
    ratio = median(ours / most for ours, most in rounds)
    served = [reply.seconds for reply in accepted(replies)]
    refused = [reply.seconds for reply in replies if reply.status in (429, 503)]
    assert len(served) + len(refused) == len(replies), "neither answered nor refused"
    ready = httpx.get(f"{url}/readyz").status_code == 200
    p99, refusal = percentile(served, 0.99), 1000 * percentile(refused, 0.99)
    offered = f"offered {len(replies) / OVERLOAD_SECONDS / OVERLOAD_ROUNDS:.0f}/s"
    return [
        Figure(
            "2 x capacity: answered", f"{rate:.0f}/s", f"peak {peak:.0f}/s", ratio,
            ">= 0.95", ratio >= 0.95 and ready,
        ),
        Figure(
            "2 x capacity: p99 of the answered", f"{p99:.2f} s", offered, None, "< 2 s", p99 < 2
        ),
        Figure(
            "2 x capacity: p99 of the refused", f"{refusal:.0f} ms", f"{len(refused)} refused",
            None, "< 50 ms", refusal < 50,
        ),
    ]  # fmt: skip


def rate_of(load: Coroutine[Any, Any, list[Reply]]) -> float:
    """Tell how many were answered a second, to the last answer."""
    started = perf_counter()
    return len(accepted(run(load))) / (perf_counter() - started)


def accepted(replies: list[Reply]) -> list[Reply]:
    """Pick the answered ones."""
    return [reply for reply in replies if reply.status == 200]
