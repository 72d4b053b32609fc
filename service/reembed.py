"""A change of encoder: the next gallery is made beside the old one, checked, and switched to."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from service.builder import Rejects, Tally
from service.client import CallFailed, Client
from service.reembedding import Reembedding
from service.source import Source

SAMPLE = 100
FOUND_SHARE_MIN = 0.9
LIKE_IT = 10  # hits of which one may be the exemplar itself, where several score the same
SAME_SCORE = 1e-4


class Unfit(Exception):
    """The new gallery cannot take the old one's place; nothing was switched."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for.

    Args:
        old: the gallery that is there; an alias means the one that it points at.
        alias: what shall point at the new gallery when it is made and checked.
        prune: remove what the new gallery has and the old one has not.
    """

    old: str
    new: str
    model: str
    alias: str | None = None
    prune: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What was done.

    Args:
        seq: the write of the old gallery up to which all is copied.
        quiet: nothing was written to it during the last round.
        looked, found: exemplars that were asked for by their own items, and those found first.
        calibration: the threshold's false-accept rate, or why there is none.
        late: writes that were taken over after the switch; None where there was none.
    """

    old: str
    tally: Tally
    count: int
    seq: int
    quiet: bool
    looked: int
    found: int
    calibration: str | None
    late: int | None


async def reembed(
    client: Client,
    change: Change,
    rejects: Rejects,
    on_progress: Callable[[Tally], None],
    source: Callable[[], Source] | None = None,
) -> Report | None:
    """Make the new gallery and switch to it; None where the alias points at it already.

    Done again, it goes on where it was: what stands with the same content is not embedded again.

    Raises:
        Unfit: the names are in use, or the new gallery is not what it should be.
        CallFailed: a call was refused; what was acknowledged stands.
    """
    old = await client.gallery("GET", change.old)
    if await _is_placed(client, change, old["name"]):
        return None
    await client.gallery("PUT", change.new, "", _settings(change, old))
    copy = Reembedding(client, old["name"], change.new, rejects, on_progress, source)
    copy.tally.total = old["count"] - old["parts"]
    quiet = await copy.catch_up()
    await _check_strangers(copy, prune=change.prune)
    if copy.tally.rejected:
        return await _reported(copy, quiet)
    looked, found = await _check(copy)
    calibration = await _calibrated(copy, old["calibration"])
    late = None
    if change.alias is not None:
        at = (await copy.state(change.new))["seq"]
        await client.alias("PUT", change.alias, {"gallery": change.new})
        late = await copy.catch_up_after(at)
    return await _reported(copy, quiet, looked, found, calibration, late)


async def _reported(
    copy: Reembedding,
    quiet: bool,
    looked: int = 0,
    found: int = 0,
    calibration: str | None = None,
    late: int | None = None,
) -> Report:
    count = await copy.count(copy.new)
    done = copy.tally, count, copy.seq, quiet
    return Report(copy.old, *done, looked, found, calibration, late)


async def _is_placed(client: Client, change: Change, old: str) -> bool:
    """Tell whether the alias points at the new gallery already.

    Raises:
        Unfit: the names are not free for this.
    """
    aliases = (await client.call("GET", "/v1/aliases"))["aliases"]
    pointing = {one["alias"]: one["gallery"] for one in aliases}
    if change.alias is not None and pointing.get(change.alias) == change.new:
        return True
    if change.new == old:
        raise Unfit(f"{change.new!r} is the old gallery itself: name another for the new one")
    for alias, gallery in pointing.items():
        if gallery == change.new:
            raise Unfit(
                f"{change.new!r} is in use through alias {alias!r}, and what was written to it "
                "would be lost: name another gallery for the new one"
            )
    if change.alias is None or pointing.get(change.alias) == old:
        return False
    raise Unfit(
        f"alias {change.alias!r} does not point at {old!r}: point it there first "
        f"(`semblance gallery alias {change.alias} {old}`)"
    )


def _settings(change: Change, old: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": change.model,
        "index": old["index"],
        "recall_target": old["recall_target"],
        "lexical": old["lexical"],
        "label_score": old["label_score"],
    }


async def _check_strangers(copy: Reembedding, *, prune: bool) -> None:
    """See that the new gallery has nothing that the old one has not.

    Raises:
        Unfit: it has, and they are to stay.
    """
    strangers = await copy.strangers()
    if strangers and not prune:
        raise Unfit(
            f"{copy.new!r} has {len(strangers)} exemplars that {copy.old!r} has not, such as "
            f"{strangers[0]!r}: name another gallery, or have them removed with --prune"
        )
    await copy.remove(strangers)


async def _check(copy: Reembedding) -> tuple[int, int]:
    """Compare both galleries; return how many exemplars were asked for, and were found first.

    Raises:
        Unfit: they differ, or too few are found.
    """
    count = await copy.count(copy.new)
    if count != len(copy.standing):
        raise Unfit(
            f"{copy.new!r} has {count} exemplars of {len(copy.standing)}: somebody else removed "
            "some; run it again"
        )
    ids = sorted(copy.standing)
    looked = found = 0
    for one in random.Random(0).sample(ids, min(SAMPLE, len(ids))):  # noqa: S311 - no secret
        before, now = await copy.find(copy.old, one), await copy.find(copy.new, one)
        if before is None or before["seq"] > copy.seq:
            continue  # written since
        if now is None or (before["item"] is not None and not _same(before, now)):
            raise Unfit(f"exemplar {one!r} is not the same in {copy.new!r}: run it again")
        body = {"query": now["item"], "k": LIKE_IT, "include": []}
        reply = await copy.ask("POST", copy.new, "/search", body)
        looked += 1
        found += await _is_first(copy, now, reply["results"][0]["hits"])
    if found < FOUND_SHARE_MIN * looked:
        raise Unfit(
            f"only {found} of {looked} exemplars of {copy.new!r} are found first by their own "
            f"items, {FOUND_SHARE_MIN:.0%} should be: the encoder does not tell them apart"
        )
    return looked, found


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("label", "payload", "item"))


async def _is_first(copy: Reembedding, one: dict[str, Any], hits: list[dict[str, Any]]) -> bool:
    """Tell that an exemplar is the best hit, or the best hit says what it says."""
    if not hits:
        return False
    if one["id"] in [hit["id"] for hit in hits if hit["score"] >= hits[0]["score"] - SAME_SCORE]:
        return True
    best = await copy.find(copy.new, hits[0]["id"])
    return best is not None and best["item"] == one["item"]


async def _calibrated(copy: Reembedding, calibration: dict[str, Any] | None) -> str | None:
    """Set the new gallery's threshold, where the old one had one: a score means another thing."""
    if calibration is None:
        return None
    rate = calibration["false_accept_rate"]
    body = {"false_accept_rate": rate, "label_score": calibration["label_score"]}
    try:
        await copy.ask("POST", copy.new, "/calibrate", body)
    except CallFailed as error:
        if error.code != "too_few_impostors":
            raise
        return f"not calibrated: {error}"
    return f"calibrated on itself for a false-accept rate of {rate:g}"


def told(report: Report | None, change: Change) -> Iterator[str]:
    """Word what was done, line by line, and what remains to be done."""
    if report is None:
        yield f"{change.alias} points at {change.new} already: nothing was done"
        return
    tally, old, new = report.tally, report.old, change.new
    yield (
        f"{new}: {tally.enrolled} enrolled, {tally.unchanged} stood already, "
        f"{tally.rejected} rejected; {report.count} exemplars in all"
    )
    if tally.truncated:
        yield f"{tally.truncated} texts were longer than the encoder reads, and were cut"
    if tally.rejected and report.late is None:
        yield f"{new} was not checked, and nothing was switched"
        return
    yield f"the same ids as {old}; {report.found} of {report.looked} found first by their own items"
    if report.calibration is not None:
        yield f"{new} is {report.calibration}"
    if not report.quiet:
        yield f"{old} is written to all the time"
    if change.alias is None:
        yield (
            f"what is written to {old} after seq {report.seq} is not in {new}: run it again, with "
            "--alias to switch"
        )
        return
    yield (
        f"{change.alias} points at {new} (before: {old}); "
        f"back: `semblance gallery alias {change.alias} --rollback`"
    )
    yield (
        f"{report.late} writes to {old} were copied after the switch; what is written to {old} by "
        f"its own name from now on is not in {new}"
    )
