"""Galleries are a dictionary, whatever is done to them and wherever the process is killed.

`CRASH_STEPS=20000` makes the walk longer, `CRASH_SEED=2` makes it another.
"""

import copy
import json
import os
import random
import subprocess
import sys
from itertools import chain, combinations, cycle
from pathlib import Path
from typing import Any

import pytest

from tests.fault.dictionary import Model
from tests.fault.operating import PLACES

ROOT = Path(__file__).parents[2]
STEPS, SEED = int(os.environ.get("CRASH_STEPS", "3000")), int(os.environ.get("CRASH_SEED", "1"))
SESSION_STEPS_MAX = 40
NAMES, ALIASES, LABELS = ("g0", "g1", "g2"), ("a0", "a1"), ("A", "B", None)
IDS = [f"e{i}" for i in range(12)]
# How often a place may be passed before death comes there; what is passed often, more often.
PASSAGES_MAX = dict.fromkeys(("sync", "birth", "check", "add", "doom", "keep", "drop"), 1)
PASSAGES_MAX |= {"wal write": 120, "db write": 30}
PASSAGES_MAX_ELSE = 5
WHAT = ["enrol"] * 6 + ["remove"] * 3 + ["remove where", "create", "delete", "point"] * 2
WHAT += ["roll back", "drop alias", "calibrate", "compact"]
Operation = dict[str, Any]


class Walk:
    """Random operations, an oracle beside them, and mostly a death at the end of a session.

    `possible` is what may stand: more than one model where a death left the end of some operations
    unknown, each of which stands whole or not at all.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance, self.possible = random.Random(seed), [Model()]
        self.steps, self.last_row, self.history = 0, 0, list[Any]()
        self.deaths = dict.fromkeys(PLACES, 0)
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.operating", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def session(self, place: str) -> None:
        """Open, hold what stands against the dictionary, and go on until the process ends."""
        words = place.split()
        usual = PASSAGES_MAX.get(words[0], PASSAGES_MAX_ELSE)
        passages = PASSAGES_MAX.get(" ".join(words[:2]), usual)
        lost = self.chance.choice([0.0, self.chance.random(), 1.0])
        session = {
            "place": place,
            "passage": self.chance.randint(1, passages),
            "lost": lost,
            "behind": self.chance.random() < 0.5,
        }
        self.history = [session]
        self.say("session " + json.dumps(session))
        if self.opened(place):
            for _ in range(self.chance.randint(1, SESSION_STEPS_MAX)):
                if not self.survives(self.operations(), place):
                    return
            farewell = self.chance.choice([[], [{"do": "die"}]])
            self.say(json.dumps(farewell))
            assert self.hear() in ({"ended": 0}, {"ended": -9}), self.history

    def opened(self, place: str) -> bool:
        """Hold what stands against the dictionary; tell whether the process lives."""
        heard = self.hear()
        if "ended" in heard:
            self.died(heard, place)
            return False
        seen = heard["stands"]
        for model in self.possible:
            model.look(seen)
        found = {word: seen[word] for word in ("galleries", "aliases")}
        standing = [model for model in self.possible if model.all() == found]
        assert standing, (found, [model.all() for model in self.possible])
        self.possible = standing[:1]
        # What is not there leaves nothing behind, but for a deleted gallery's rows, for a while.
        count = sum(len(gallery["rows"]) for gallery in standing[0].galleries.values())
        assert seen["stored"] == count or (seen["doomed"] and seen["stored"] > count)
        return True

    def survives(self, wanted: list[Operation], place: str) -> bool:
        """Do some things at once; tell whether the process lives."""
        self.history += [wanted]
        self.say(json.dumps(wanted))
        self.steps += len(wanted)
        missing = dict(enumerate(wanted))
        while missing:
            heard = self.hear()
            if "ended" in heard:
                self.died(heard, place)
                self.possible = [self.after(some) for some in subsets(list(missing.values()))]
                return False
            self.expect(missing.pop(heard["at"]), heard["answer"])
        return True

    def expect(self, done: Operation, answer: Any) -> None:
        """Hold an answer against the dictionary's."""
        if done["do"] == "calibrate":
            if answer == "TooFewImpostors":
                return
            done = {**done, "answer": answer}
        expected = self.possible[0].do(**done)
        assert expected == answer, (expected, answer, self.history)

    def after(self, done: tuple[Operation, ...]) -> Model:
        model = copy.deepcopy(self.possible[0])
        for one in done:
            model.do(**one)
        return model

    def died(self, heard: dict[str, Any], place: str) -> None:
        assert heard == {"ended": -9}, self.history
        self.deaths[place] += 1

    def operations(self) -> list[Operation]:
        """Choose what to do next: one thing, or several at once, each to a gallery of its own."""
        if self.chance.random() < 0.3:
            names = self.chance.sample(NAMES, self.chance.randint(2, len(NAMES)))
            return [self.operation(name, self.chance.choice(["enrol", "remove"])) for name in names]
        name, do = self.chance.choice(NAMES), self.chance.choice(WHAT)
        if do == "compact":  # which changes nothing that is seen, and goes on beside a write
            return [self.operation(name, "compact"), self.operation(name, "enrol")]
        return [self.operation(name, do)]

    def operation(self, name: str, do: str) -> Operation:
        chance = self.chance
        ids = chance.sample(IDS, chance.randint(1, 6))
        match do:
            case "enrol":
                what: Operation = {"exemplars": [self.exemplar(one) for one in ids]}
            case "remove":
                what = {"ids": ids}
            case "remove where":
                what = {"filter": {"label": chance.choice(LABELS)}}
            case "calibrate":
                what = {"queries": [self.vector() for _ in range(20)]}
            case "point" | "roll back" | "drop alias":
                what = {"alias": chance.choice(ALIASES)}
            case _:
                what = {}
        return {"do": do, "name": name, **what}

    def exemplar(self, one: str) -> list[Any]:
        return [one, self.vector(), self.chance.choice(LABELS), self.chance.randint(1990, 2030)]

    def vector(self) -> list[int]:
        return [self.chance.randint(-9, 9) for _ in range(3)] + [self.chance.randint(1, 9)]

    def say(self, words: str) -> None:
        self.child.stdin.write(words + "\n")
        self.child.stdin.flush()

    def hear(self) -> Any:
        return json.loads(self.child.stdout.readline())

    def close(self) -> None:
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()


def subsets(some: list[Operation]) -> list[tuple[Operation, ...]]:
    return list(chain.from_iterable(combinations(some, n) for n in range(len(some) + 1)))


@pytest.mark.slow
@pytest.mark.timeout(120 + STEPS / 10)
def test_what_was_acknowledged_stands_wherever_the_process_is_killed(tmp_path):
    walk = Walk(tmp_path, SEED)
    try:
        for place in cycle(PLACES):
            walk.session(place)
            if walk.steps >= STEPS and all(walk.deaths.values()):
                break
    finally:
        walk.close()
