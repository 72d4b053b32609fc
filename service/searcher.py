"""Questions to galleries: what is nearest, whose is it, the same or not, where is the line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from index.calibration import Calibration
from index.decision import MARGIN, Decision, decide
from index.errors import NotCalibrated, SpaceMismatch
from index.gallery import Gallery
from index.hits import Found, Hit, pair_scores
from index.label_scores import NEAREST, LabelScore
from service.asking import Asking
from service.embedder import Embedder
from service.queries import QueryRows, Space, check_space, rows_of
from service.shelf import Model

# Beyond either, a question takes its turn: each takes memory and all cores for a second or more.
BULK_QUERIES = 16
BULK_HITS = 2000
ThresholdFrom = Literal["request", "background", "calibration", "gallery", "encoder"]
# Asked with what they are made of: how near strangers come shows within the gallery. A question is
# no document, so that of texts it does not.
LIKE_ASKED = ("image", "audio")


@dataclass(frozen=True, slots=True)
class Question:
    """What every question to a gallery has.

    Args:
        items: raw items, each with the place it has in the request.
        claimed_space: the space the caller believes to ask, if it says.
        weight: of words, in place of what they weigh in the gallery.
        label_score: how labels are scored, in place of the gallery's way.
    """

    items: Sequence[object]
    places: Sequence[str]
    filter: Mapping[str, Any] | None = None
    threshold: float | None = None
    min_seq: int | None = None
    claimed_space: str | None = None
    weight: float | None = None
    label_score: LabelScore | None = None

    def about(self, items: Sequence[object]) -> "Question":
        """Return the same question about other items."""
        return replace(self, items=items, places=[f"region {at}" for at in range(len(items))])


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits query by query, and the positions of the queries that were cut short."""

    found: Found
    truncated: list[int]


@dataclass(frozen=True, slots=True)
class Identified:
    """An open-set answer a query, each with the hits it rests on."""

    decisions: list[Decision]
    hits: list[list[Hit]]
    seq: int
    threshold_from: ThresholdFrom
    truncated: list[int]


@dataclass(frozen=True, slots=True)
class Verified:
    """A score a pair; ``same`` is None where no threshold is known."""

    scores: list[float]
    same: list[bool | None]
    threshold: float | None
    threshold_from: ThresholdFrom | None


class Searcher:
    """Asks galleries, embedding what is not a vector already.

    Args:
        item_bytes_max: bytes of one query.
        bulk_at_once: how many questions of many queries or hits are searched side by side; others
            are not held up by them.
    """

    def __init__(self, embedder: Embedder, *, item_bytes_max: int, bulk_at_once: int) -> None:
        self._embedder = embedder
        self._item_bytes_max = item_bytes_max
        self._bulk = CapacityLimiter(bulk_at_once)

    @property
    def turns(self) -> CapacityLimiter:
        """What questions wait for that take memory and all cores for a second or more."""
        return self._bulk

    async def search(
        self,
        gallery: Gallery,
        question: Question,
        asking: Asking,
        *,
        k: int,
        group_by_label: bool = False,
        exact: bool = False,
        with_payload: bool = False,
        with_vector: bool = False,
        line: float | None = None,
    ) -> Answer:
        """Find the nearest exemplars of each query; those first whose dense score is at `line`."""
        rows = await self._rows(gallery, question, asking)

        def ask() -> Found:
            return gallery.search(
                rows.rows,
                k,
                filter=question.filter,
                threshold=question.threshold,
                group_by_label=group_by_label,
                exact=exact,
                min_seq=question.min_seq,
                with_payload=with_payload,
                with_vector=with_vector,
                texts=rows.texts,
                weight=question.weight,
                line=line,
                label_score=question.label_score,
            )

        queries = len(question.items)
        bulk = queries > BULK_QUERIES or queries * k > BULK_HITS
        with asking.timings.stage("search"):
            found = await run_sync(ask, limiter=self._bulk if bulk else None)
        return Answer(found, rows.truncated)

    async def identify(
        self,
        gallery: Gallery,
        question: Question,
        asking: Asking,
        *,
        k: int,
        margin: float | None = None,
    ) -> Identified:
        """Name the label of each query, or say that it is nobody's.

        Raises:
            NotCalibrated: no threshold is given, calibrated, or stated by the encoder.
        """
        rule = question.label_score or gallery.label_score
        drawn = await self._line(question.threshold, gallery, rule)
        if drawn is None:
            raise NotCalibrated(
                f"gallery {gallery.name!r} has no threshold for labels scored by {rule!r}, and no "
                "encoder states one for its space: POST .../calibrate sets one, or send `threshold`"
            )
        threshold, source = drawn
        calibration = _calibration(gallery, rule)
        # The hits below the threshold are what shows how near "unknown" was.
        every = replace(question, threshold=None)
        answer = await self.search(
            gallery,
            every,
            asking,
            k=max(k, 2),
            group_by_label=True,
            with_payload=True,
            line=threshold,
        )
        probability_of = None if calibration is None else calibration.probability_of
        decisions = [
            decide(
                hits,
                threshold=threshold,
                margin=MARGIN if margin is None else margin,
                probability_of=probability_of,
            )
            for hits in answer.found.hits
        ]
        hits = [some[:k] for some in answer.found.hits]
        return Identified(decisions, hits, answer.found.seq, source, answer.truncated)

    async def calibrate(
        self,
        gallery: Gallery,
        *,
        false_accept_rate: float,
        items: Sequence[object] | None,
        labels: Sequence[str | None] | None,
        asking: Asking,
        label_score: LabelScore | None = None,
    ) -> Calibration:
        """Set a gallery's threshold from labelled queries, or from the gallery itself."""
        if items is None:
            return await run_sync(
                lambda: gallery.calibrate(
                    false_accept_rate=false_accept_rate, label_score=label_score
                )
            )
        places = [f"queries[{at}].query" for at in range(len(items))]
        rows = await self._rows(gallery, Question(items, places), asking)
        return await run_sync(
            lambda: gallery.calibrate(
                false_accept_rate=false_accept_rate,
                queries=rows.rows,
                labels=labels,
                label_score=label_score,
            )
        )

    async def verify(
        self,
        pairs: Sequence[Sequence[object]],
        asking: Asking,
        *,
        model: str | None,
        gallery: Gallery | None,
        threshold: float | None,
    ) -> Verified:
        """Score pairs of items, and say which are the same where a threshold is known.

        Raises:
            SpaceMismatch: the model and the gallery are of different spaces.
        """
        asked = None if model is None else self._embedder.shelf.model(model)
        if asked is not None:
            space = Space(asked.space, asked.dim, f"model {model}")
            if gallery is not None and gallery.space != space.space:
                raise SpaceMismatch(
                    f"model {model!r} makes space {space.space!r}, but gallery "
                    f"{gallery.name!r} holds space {gallery.space!r}"
                )
        else:
            assert gallery is not None
            space = Space(gallery.space, gallery.dim, gallery.name)
        flat = [item for pair in pairs for item in pair]
        places = [f"pairs[{at // 2}][{at % 2}]" for at in range(len(flat))]
        made = await rows_of(
            flat,
            space,
            self._embedder,
            asking,
            places=places,
            item_bytes_max=self._item_bytes_max,
            role=None,
            model=asked,
        )
        scores = pair_scores(made.rows[0::2], made.rows[1::2])
        drawn = self.threshold(threshold, gallery, NEAREST, self._model_of(space.space))
        return Verified(
            scores=[float(score) for score in scores],
            same=[None if drawn is None else bool(score >= drawn[0]) for score in scores],
            threshold=None if drawn is None else drawn[0],
            threshold_from=None if drawn is None else drawn[1],
        )

    def threshold(
        self,
        asked: float | None,
        gallery: Gallery | None,
        label_score: LabelScore,
        model: Model | None = None,
    ) -> tuple[float, ThresholdFrom] | None:
        """Take the threshold asked for, else the gallery's, else what the encoder states.

        Args:
            label_score: what it is for; a calibration of other scores says nothing of these.
            model: whose encoder it is; None: that of the gallery.
        """
        if asked is not None:
            return asked, "request"
        calibration = None if gallery is None else _calibration(gallery, label_score)
        if calibration is not None:
            return calibration.threshold, "calibration"
        if model is None and gallery is not None:
            model = self._model_of(gallery.space)
        score = None if model is None else model.manifest.unrelated_score_q99
        return None if score is None else (score, "encoder")

    async def _line(
        self, asked: float | None, gallery: Gallery, rule: LabelScore
    ) -> tuple[float, ThresholdFrom] | None:
        """Take the threshold as `threshold` does; in place of a pair's, the gallery's if higher."""
        drawn = self.threshold(asked, gallery, rule)
        if drawn is None or drawn[1] != "encoder":
            return drawn
        model = self._model_of(gallery.space)
        if model is None or model.modality not in LIKE_ASKED:
            return drawn
        own = await run_sync(gallery.provisional, rule, limiter=self._bulk)
        if own is None or (rule == NEAREST and own <= drawn[0]):
            return drawn
        return own, "gallery"

    def _model_of(self, space: str) -> Model | None:
        return self._embedder.shelf.in_space(space)

    async def _rows(self, gallery: Gallery, question: Question, asking: Asking) -> QueryRows:
        space = Space(gallery.space, gallery.dim, gallery.name)
        check_space(question.claimed_space, space)
        return await rows_of(
            question.items,
            space,
            self._embedder,
            asking,
            places=question.places,
            item_bytes_max=self._item_bytes_max,
            role="query",
        )


def _calibration(gallery: Gallery, label_score: LabelScore) -> Calibration | None:
    """Return the calibration that is of labels scored in this way, if it stands."""
    found = gallery.calibration()
    return found if found is not None and found.label_score == label_score else None
