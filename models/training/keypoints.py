"""Marks told by keypoints whose places agree: what matching can do without learning.

Pictures are compared pair by pair, unlike embeddings, so that each reference costs each query.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.modality import open_modality
from models.training.evaluation import Rows, Trial
from models.training.recipe import Encoded, as_item

SIDE = 256  # pixels of the square that is described: at 64 there is hardly a keypoint
POINTS_MAX = 300  # of a picture
RATIO = 0.8  # of the nearest descriptor's distance to the second's; Lowe 2004, section 7.1
APART_MAX = 5.0  # pixels from where a homography puts a point
TRIES_MAX = 500  # of homographies through four matches
FITTED_MIN = 4  # matches that a homography needs
DETECTORS: dict[str, Callable[[int], cv2.Feature2D]] = {
    "orb": cv2.ORB.create,
    "sift": cv2.SIFT.create,
}
NORMS = {"orb": cv2.NORM_HAMMING, "sift": cv2.NORM_L2}


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Where the keypoints of a picture are, float32 (n, 2), and how they look, (n, d)."""

    places: NDArray[np.float32]
    looks: NDArray[Any]


class Matcher:
    """Scores pairs of pictures by the keypoints that one homography explains.

    Args:
        name: `orb` or `sift`.
        preprocessing: of the encoder beside which it stands; but pictures are larger here, and
            keep their proportions.

    Source: Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011; Lowe,
    "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; Fischler and Bolles,
    "Random Sample Consensus", CACM 1981.
    """

    def __init__(self, name: str, preprocessing: Mapping[str, object]) -> None:
        own = {**preprocessing, "size": SIDE, "fit": "pad"}
        self._modality = open_modality("image", own, Path())
        self._detector = DETECTORS[name](POINTS_MAX)
        self._nearest = cv2.BFMatcher(NORMS[name])

    def describe(self, picture: Encoded) -> Keypoints:
        """Find the keypoints of an encoded picture."""
        pixels = self._modality.decode(as_item("image", picture)).arrays["pixels"]
        grey = np.ascontiguousarray(pixels.mean(0).round().astype(np.uint8))
        found, looks = self._detector.detectAndCompute(grey, None)
        places = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
        return Keypoints(places, np.empty((0, 1)) if looks is None else looks)

    def score(self, query: Keypoints, reference: Keypoints) -> float:
        """Count the matches that agree; of equals, the pair with more matches scores higher."""
        if min(len(query.places), len(reference.places)) < FITTED_MIN:
            return 0.0
        ours, theirs = self._matches(query, reference)
        tie = len(ours) / (POINTS_MAX + 1)
        if len(ours) < FITTED_MIN:
            return tie
        cv2.setRNGSeed(0)
        _, agree = cv2.findHomography(
            reference.places[theirs],
            query.places[ours],
            cv2.RANSAC,
            APART_MAX,
            maxIters=TRIES_MAX,
        )
        return tie + (0 if agree is None else int(agree.sum()))

    def _matches(self, query: Keypoints, reference: Keypoints) -> tuple[list[int], list[int]]:
        """Pair the keypoints that look much more alike than the next; each of a reference once."""
        nearest: dict[int, Any] = {}
        for one, two in self._nearest.knnMatch(query.looks, reference.looks, 2):
            best = nearest.get(one.trainIdx)
            if one.distance < RATIO * two.distance and not (best and best.distance <= one.distance):
                nearest[one.trainIdx] = one
        return [match.queryIdx for match in nearest.values()], list(nearest)


def scores_by_keypoints(name: str, trial: Trial, preprocessing: Mapping[str, object]) -> Rows:
    """Return (queries, references), by a matcher of this name."""
    matcher = Matcher(name, preprocessing)
    references, queries = (
        [matcher.describe(picture) for picture in pictures]
        for pictures in (trial.references, trial.queries)
    )
    return np.array([[matcher.score(q, one) for one in references] for q in queries], np.float32)
