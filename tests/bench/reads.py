"""What reading adds: marks found by what they show alone, and by what a reader reads in them too.

Needs the extras train and ocr, and the data that the recipe `logo` reads: `LOGOS_DATA` names its
folder. References are enrolled with their names, queries with what RapidOCR reads in them.
"""

import functools

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.pictures.ocr import Reader
from models.training.evaluation import Trial, recall, scores_of, verification
from models.training.names.trials import Read, across_collections, in_photos, lettered
from models.training.publishing import bundle_embed
from models.training.recipe import as_item
from models.training.trials import vehicles
from models.training.views.pairs import held_out
from tests.bench.figures import Figure, in_turn
from tests.bench.logos import BUNDLE, DATA

ON_REQUEST = True  # it needs data that does not come with the repository
ROUNDS = 20


def figures() -> list[Figure]:
    """Measure each trial both ways, and what a reading costs."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    read = functools.cache(Reader(threads=1))
    printed = across_collections(DATA / "logos", held_out)
    few, many = vehicles(DATA / "vehicles")
    trials = {
        "held_printed": printed,
        "held_photo": in_photos(printed),
        "vehicles34": few,
        "vehicles387": many,
    }
    found = [one for name, trial in trials.items() for one in compared(name, trial, encoder, read)]
    return [*found, cost(encoder, as_item("image", few.queries[0]))]


def compared(name: str, trial: Trial, encoder: OnnxEncoder, read: Read) -> list[Figure]:
    """Ask with pictures alone, and with what is read in them; also of those alone that say much."""
    embed = bundle_embed(encoder)
    told = lettered(trial, read)
    reads = [str(as_item("image", one).reads or "") for one in told.queries]
    wordy = [at for at, text in enumerate(reads) if len(text) > 3]
    alone, both = scores_of(trial, embed), scores_of(told, embed)
    truth = list(trial.truth)
    some = [truth[at] for at in wordy]
    measured = {
        "r1": (recall(both, truth, 1), recall(alone, truth, 1)),
        "r5": (recall(both, truth, 5), recall(alone, truth, 5)),
        "auc": (verification(both, truth), verification(alone, truth)),
    }
    if wordy:
        measured["r1, four letters or more"] = (
            recall(both[wordy], some, 1),
            recall(alone[wordy], some, 1),
        )
    shares = f"of {len(reads)}: letters in {sum(map(bool, reads))}, four or more in {len(wordy)}"
    return [
        Figure(
            what=f"{name}_{measure}",
            value=f"{with_it:.3f}",
            baseline=f"picture alone {without:.3f}; {shares}",
            ratio=with_it / max(without, 1e-9),
        )
        for measure, (with_it, without) in measured.items()
    ]


def cost(encoder: OnnxEncoder, item: Item) -> Figure:
    """Time the reading of a picture beside its embedding, both on one core."""
    reader = Reader(threads=1)
    content = item.content
    assert isinstance(content, bytes)
    reading, embedding, ratio = in_turn(
        lambda: reader(content), lambda: encoder.forward([encoder.decode(item)]), ROUNDS
    )
    return Figure(
        what="reading a picture, one core",
        value=f"{reading * 1e3:.0f} ms",
        baseline=f"decoding and embedding it {embedding * 1e3:.1f} ms",
        ratio=ratio,
    )
