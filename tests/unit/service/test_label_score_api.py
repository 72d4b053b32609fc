"""Labels scored by the mean of their exemplars, over REST: a gallery's way, and a question's."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.unit.service.test_galleries_api import Call, with_gallery

ROWS = {"a": [(1, 0), (0, 1)], "b": [(0.8, 0.6), (0.8, 0.6), (0.6, 0.8)], "c": [(-1, 0)]}
QUERY = {"vector": [1, 0]}
MEANS = {"a": 0.5, "b": 0.7333333, "c": -1.0}


def enrolment() -> dict[str, Any]:
    return {
        "exemplars": [
            {"id": f"{label}{at}", "label": label, "item": {"vector": list(row)}}
            for label, rows in ROWS.items()
            for at, row in enumerate(rows)
        ]
    }


def labels(result: Any) -> list[str]:
    return [hit["label"] for hit in result["hits"]]


def test_a_question_is_answered_by_means_where_it_or_the_gallery_says_so(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        for name, way in (("n", "nearest"), ("m", "mean")):
            body = {"space": "two", "dim": 2, "label_score": way}
            assert (await call("PUT", name, body, status=201))["label_score"] == way
            await call("POST", f"{name}/exemplars", enrolment())
            own: dict[str, Any] = {"query": QUERY, "group_by_label": True}
            found = (await call("POST", f"{name}/search", own))["results"][0]
            assert labels(found) == (["a", "b", "c"] if way == "nearest" else ["b", "a", "c"])
            asked = {"query": QUERY, "label_score": "mean"}
            (found,) = (await call("POST", f"{name}/search", asked))["results"]
            told = {hit["label"]: hit["score"] for hit in found["hits"]}
            assert list(told) == ["b", "a", "c"]
            np.testing.assert_allclose(list(told.values()), [MEANS[one] for one in told], atol=1e-6)
            assert [hit["id"] for hit in found["hits"]] == ["b0", "a0", "c0"]
            plain = (await call("POST", f"{name}/search", {"query": QUERY}))["results"][0]
            assert labels(plain)[0] == "a"  # exemplars, each by itself
            for way_asked, best in (("nearest", "a"), ("mean", "b"), (None, labels(found)[0])):
                body = {"query": QUERY, "threshold": 0.6, "label_score": way_asked}
                (result,) = (await call("POST", f"{name}/identify", body))["results"]
                expected = best if way_asked or way == "mean" else "a"
                assert (result["verdict"], result["label"]) == ("match", expected)
        error = await call("PUT", "m", {"space": "two", "dim": 2}, status=409)
        assert "label_score" in error["message"]
        body = {"query": QUERY, "label_score": "median"}
        assert (await call("POST", "m/search", body, status=422))["code"] == "request_invalid"

    with_gallery(tmp_path, scene)


def test_a_threshold_holds_for_the_scores_that_it_was_found_on(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("PUT", "m", {"space": "two", "dim": 2, "label_score": "mean"}, status=201)
        await call("POST", "m/exemplars", enrolment())
        made = await call("POST", "m/calibrate", {"false_accept_rate": 0.2})
        assert made["label_score"] == "mean"
        reply = await call("POST", "m/identify", {"query": QUERY})
        assert reply["threshold_from"] == "calibration"
        assert reply["results"][0]["threshold"] == made["threshold"]
        body = {"query": QUERY, "label_score": "nearest"}
        error = await call("POST", "m/identify", body, status=409)
        assert (error["code"], "'nearest'" in error["message"]) == ("not_calibrated", True)
        body = {"false_accept_rate": 0.2, "label_score": "nearest"}
        other = await call("POST", "m/calibrate", body)
        assert (other["label_score"], other["threshold"] > made["threshold"]) == ("nearest", True)
        assert (await call("GET", "m"))["calibration"]["label_score"] == "nearest"

    with_gallery(tmp_path, scene)
