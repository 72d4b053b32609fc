"""Listening to whole sounds: every window is identified, and each thing told once, where it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from anyio.to_thread import run_sync

from index.alarms import Alarms, threshold_of_alarms
from index.decision import Decision
from index.errors import NotCalibrated
from index.gallery import Gallery
from index.hits import Hit
from models.errors import InputError, ModalityUnsupported
from models.modality import Cut, Item
from models.window import Windows
from service.asking import Asking
from service.call import Part
from service.embedder import Embedder, ItemFailed
from service.searcher import Question, Searcher, ThresholdFrom
from service.shelf import Model
from service.timeline import apart

HOP_SHARE = 0.2  # of the shortest window, from one to the next, unless it is told


@dataclass(frozen=True, slots=True)
class Moment:
    """One window, what it is, and the hits that this rests on."""

    start: float
    end: float
    decision: Decision
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a sound, the surest first.

    Args:
        every: all windows in the order of time, each with its best label; empty unless asked for.
        windows: how many were listened to; silent ones are not.
        alarms: the rate of false alarms that the threshold keeps, where it is of such a one.
    """

    found: list[Moment]
    every: list[Moment]
    windows: int
    seq: int
    threshold_from: ThresholdFrom
    alarms: float | None


@dataclass(slots=True)
class _Windows:
    """What is kept of every window: where it is, and its best score."""

    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


class Listener:
    """Finds where in sounds the labels of a gallery occur."""

    def __init__(self, searcher: Searcher, embedder: Embedder) -> None:
        self._searcher, self._embedder = searcher, embedder

    async def scan(
        self,
        gallery: Gallery,
        item: Item,
        question: Question,
        asking: Asking,
        *,
        cut: Cut,
        k: int,
        margin: float | None = None,
        with_unknown: bool = False,
        with_every: bool = False,
    ) -> Heard:
        """Listen to a sound, window by window.

        Args:
            question: what is asked of each window; its items are theirs.
            cut: the windows; what it does not say is as the false alarms were counted, else usual.
            with_unknown: whether windows that are nobody's are told too.

        Raises:
            ModalityUnsupported: the gallery's encoder cuts nothing into windows.
            NotCalibrated: there is no threshold.
            ItemFailed: the item is at fault.
        """
        model, windows = await self._opened(gallery)
        cut = usual(cut, gallery.alarms(), windows)
        threshold, source, rate = self._threshold(gallery, question, cut)
        asked = replace(question, threshold=threshold)
        moments: list[Moment] = []
        count, seq = 0, gallery.seq
        try:
            async for parts in self._embedder.parts(model, item, cut, asking):
                answer = await self._searcher.identify(
                    gallery, asked.about(_rows(parts)), asking, k=k, margin=margin
                )
                count, seq = count + len(parts), answer.seq
                for part, decision, hits in zip(parts, answer.decisions, answer.hits, strict=True):
                    known = decision.verdict != "unknown"
                    if hits and (known or with_unknown or with_every):
                        kept = hits if known or with_unknown else hits[:1]
                        moments.append(Moment(part.start, part.end, decision, kept))
        except InputError as error:
            raise ItemFailed("item", error) from error
        told = [one for one in moments if with_unknown or one.decision.verdict != "unknown"]
        found = await run_sync(_once, told)
        every = sorted(moments, key=lambda one: (one.start, one.end)) if with_every else []
        return Heard(found, every, count, seq, source, rate)

    async def calibrate(
        self,
        gallery: Gallery,
        sounds: Sequence[Item],
        places: Sequence[str],
        asking: Asking,
        *,
        cut: Cut,
        rate: float,
        question: Question,
    ) -> Alarms:
        """Set the threshold that lets so many false alarms an hour pass.

        Args:
            sounds: background, in which nothing that is enrolled occurs.
            rate: false alarms an hour.

        Raises:
            TooFewImpostors: the background is too short for so low a rate.
            ItemFailed: naming the sound that is at fault.
        """
        model, windows = await self._opened(gallery)
        cut = usual(cut, None, windows)
        peaks: list[float] = []
        seconds = 0.0
        for sound, place in zip(sounds, places, strict=True):
            try:
                heard = _Windows()
                async for parts in self._embedder.parts(model, sound, cut, asking):
                    await self._listen(gallery, parts, question, asking, heard)
                seconds += windows.seconds_of(sound)
            except InputError as error:
                raise ItemFailed(place, error) from error
            kept = await run_sync(apart, heard.starts, heard.ends, heard.scores)
            peaks += [heard.scores[at] for at in kept]
        scores, hours = np.array(peaks, np.float32), seconds / 3600
        threshold, upper = threshold_of_alarms(scores, hours, rate)
        assert cut.hop_seconds is not None
        found = Alarms(
            space=gallery.space,
            threshold=threshold,
            false_alarms_per_hour=rate,
            upper_per_hour=upper,
            hours=hours,
            seconds=cut.seconds,
            hop_seconds=cut.hop_seconds,
            label_score=question.label_score or gallery.label_score,
            seq=gallery.seq,
            count=gallery.count,
        )
        await run_sync(gallery.keep_alarms, found)
        return found

    async def _listen(
        self,
        gallery: Gallery,
        parts: Sequence[Part],
        question: Question,
        asking: Asking,
        heard: _Windows,
    ) -> None:
        """Note the best score of some windows of a background."""
        if not parts:
            return
        answer = await self._searcher.search(
            gallery, question.about(_rows(parts)), asking, k=1, group_by_label=True
        )
        for part, hits in zip(parts, answer.found.hits, strict=True):
            if hits:
                heard.starts.append(part.start)
                heard.ends.append(part.end)
                heard.scores.append(hits[0].dense)

    async def _opened(self, gallery: Gallery) -> tuple[Model, Windows]:
        model = self._embedder.shelf.of_gallery(gallery.space, gallery=gallery.name)
        windows = (await self._embedder.shelf.lane(model)).encoder.windows
        if windows is None:
            raise ModalityUnsupported(
                f"gallery {gallery.name!r} is of encoder {model.name!r}, which hears no sounds: "
                "send what its encoder takes"
            )
        return model, windows

    def _threshold(
        self, gallery: Gallery, question: Question, cut: Cut
    ) -> tuple[float, ThresholdFrom, float | None]:
        """Take the threshold asked for, else that of false alarms where it is of such windows."""
        rule = question.label_score or gallery.label_score
        alarms = gallery.alarms()
        if question.threshold is None and alarms is not None:
            same = (alarms.seconds, alarms.hop_seconds, alarms.label_score)
            if same == (cut.seconds, cut.hop_seconds, rule):
                return alarms.threshold, "background", alarms.false_alarms_per_hour
        drawn = self._searcher.threshold(question.threshold, gallery, rule)
        if drawn is None:
            raise NotCalibrated(
                f"gallery {gallery.name!r} has no threshold for a scan: POST .../scan/calibrate "
                "sets one by a background, or send `threshold`"
            )
        return *drawn, None


def usual(cut: Cut, alarms: Alarms | None, windows: Windows) -> Cut:
    """Fill in what is not said of the windows: as false alarms were counted, else as usual."""
    if alarms is not None and not cut.seconds and cut.hop_seconds is None:
        return Cut(alarms.seconds, alarms.hop_seconds)
    seconds = cut.seconds or (windows.seconds,)
    return Cut(seconds, cut.hop_seconds or HOP_SHARE * min(seconds))


def _rows(parts: Sequence[Part]) -> list[object]:
    return [{"vector": part.row} for part in parts]


def _once(moments: Sequence[Moment]) -> list[Moment]:
    """Tell each thing once, those that are known before all others."""
    known = [one for one in moments if one.decision.verdict != "unknown"]
    every = [*known, *(one for one in moments if one.decision.verdict == "unknown")]
    scores = [one.decision.score or -1.0 for one in every]
    scores[: len(known)] = [score + 2.0 for score in scores[: len(known)]]
    kept = apart([one.start for one in every], [one.end for one in every], scores)
    return [every[at] for at in kept]
