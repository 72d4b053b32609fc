"""Galleries as a dictionary: what everything done to them should answer, and leave."""

import json
from typing import Any

import numpy as np

from index.exemplar import Exemplar
from index.vectors import unit_rows
from tests.fault.operating import DIM, LEXICAL
from tests.hybrid_oracle import fused

UNHEARD = "a calibration whose answer was not heard"


class Model:
    """What stands: galleries with their rows in order, and aliases with the gallery before."""

    def __init__(self) -> None:
        self.galleries: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, list[str | None]] = {}

    def do(self, do: str, name: str = "", **what: Any) -> Any:
        """Do one thing and return what it should answer."""
        match do:
            case "create":
                fresh = name not in self.galleries
                self.galleries.setdefault(name, {"seq": 0, "calibration": None, "rows": {}})
                return fresh
            case "roll back" | "drop alias":
                return self._alias(do, what["alias"])
        if name not in self.galleries:
            return "GalleryUnknown"
        if do == "point":
            return self._point(what["alias"], name)
        if do == "delete":
            return self._delete(name)
        return self._do_to(self.galleries[name], do, **what)

    def _alias(self, do: str, alias: str) -> Any:
        if alias not in self.aliases:
            return "GalleryUnknown"
        if do == "drop alias":
            del self.aliases[alias]
            return None
        target, previous = self.aliases[alias]
        if previous is None:
            return "GalleryUnknown"
        self.aliases[alias] = [previous, target]
        return previous

    def _point(self, alias: str, name: str) -> bool:
        fresh = alias not in self.aliases
        if fresh:
            self.aliases[alias] = [name, None]
        elif self.aliases[alias][0] != name:
            self.aliases[alias] = [name, self.aliases[alias][0]]
        return fresh

    def _delete(self, name: str) -> Any:
        if any(target == name for target, _ in self.aliases.values()):
            return "GalleryPointedAt"
        del self.galleries[name]
        for pair in self.aliases.values():
            pair[1] = None if pair[1] == name else pair[1]
        return None

    def _do_to(self, gallery: dict[str, Any], do: str, **what: Any) -> Any:
        rows = gallery["rows"]
        match do:
            case "enrol":
                gallery["seq"] += 1
                for one, vector, label, year in what["exemplars"]:
                    rows.pop(one, None)
                    row = unit_rows([vector], DIM).tobytes().hex()
                    rows[one] = [one, row, label, year, gallery["seq"]]
                return gallery["seq"]
            case "remove":
                standing = [one for one in what["ids"] if one in rows]
                return [self._removed(gallery, standing), standing]
            case "remove where":
                label = what["filter"]["label"]
                standing = [one for one, row in rows.items() if row[2] == label]
                return [self._removed(gallery, standing), len(standing)]
            case "calibrate":
                gallery["calibration"] = what.get("answer", UNHEARD)
                return gallery["calibration"]
        assert do == "compact"
        return None

    def _removed(self, gallery: dict[str, Any], standing: list[str]) -> int:
        gallery["seq"] += bool(standing)
        for one in standing:
            del gallery["rows"][one]
        return gallery["seq"]

    def look(self, seen: dict[str, Any]) -> None:
        """Take over what nobody could foresee: a calibration whose answer was never heard."""
        for name, gallery in self.galleries.items():
            found = seen["galleries"].get(name, {}).get("calibration")
            if found is None or gallery["calibration"] is not UNHEARD:
                continue
            if json.loads(found)["seq"] == gallery["seq"]:
                gallery["calibration"] = found

    def all(self) -> dict[str, Any]:
        """Return what should be seen."""
        galleries = {}
        for name, gallery in self.galleries.items():
            rows = list(gallery["rows"].values())
            nearest = best(rows, LEXICAL.get(name, 0.0))
            galleries[name] = {**gallery, "rows": rows, "count": len(rows), "best": nearest}
        return {"galleries": galleries, "aliases": self.aliases}


def best(rows: list[list[Any]], weight: float) -> list[list[Any]]:
    """Return the ids and scores of the best five, as a sort of all finds them."""
    exemplars = [
        Exemplar(one, np.frombuffer(bytes.fromhex(vector), np.float32), label)
        for one, vector, label, _, _ in rows
    ]
    found = fused(exemplars, unit_rows([[1, 2, 3, 4]], DIM)[0], "A", weight)
    return [[one, score] for one, _, score, _ in found[:5]]
