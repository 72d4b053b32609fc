"""A child that enrols for ever and says what was acknowledged; started and killed by the tests."""

import resource
import sys
from pathlib import Path

import numpy as np

from index.errors import StoreUnavailable
from index.exemplar import Exemplar
from index.galleries import Galleries

DIM = 64
BATCH = 20
SOME = 20  # batches


def batch_of(number: int) -> list[Exemplar]:
    """Return batch `number`: new exemplars, and one that every batch replaces."""
    rows = np.random.default_rng(number).standard_normal((BATCH, DIM))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    ids = [f"{number}-{i}" for i in range(BATCH - 1)] + ["shared"]
    return [
        Exemplar(name, row, str(number), {"batch": number}, {"text": name}, b"d")
        for name, row in zip(ids, rows, strict=True)
    ]


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def enrol_for_ever(folder: Path) -> None:
    gallery, _ = Galleries.open(folder).create("g", space="s", dim=DIM)
    number = gallery.state().seq
    say("ready")
    while True:
        number += 1
        say(gallery.enrol(batch_of(number)))


def enrol_some(folder: Path) -> None:
    gallery, _ = Galleries.open(folder).create("g", space="s", dim=DIM)
    say("ready")
    for number in range(1, SOME + 1):
        say(gallery.enrol(batch_of(number)))


def enrol_until_the_disk_is_full(folder: Path) -> None:
    galleries = Galleries.open(folder)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
    number = 0
    try:
        while True:
            number += 1
            gallery.enrol(batch_of(number))
    except StoreUnavailable as error:
        say("refused", number, error)
    state = gallery.state()
    say("stands", state.seq, state.count)
    found = gallery.search([batch_of(1)[0].vector], 1, with_payload=True).hits[0][0]
    say("found", found.id, found.payload["batch"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    say("again", gallery.enrol(batch_of(number)))
    galleries.close()


if __name__ == "__main__":
    what = {
        "kill": enrol_for_ever,
        "some": enrol_some,
        "full": enrol_until_the_disk_is_full,
    }
    what[sys.argv[1]](Path(sys.argv[2]))
