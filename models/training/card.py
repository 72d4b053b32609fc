"""The model card of a bundle, written from its manifest so that the two never disagree."""

import json

from models.manifest import Manifest


def render_card(manifest: Manifest, model_bytes: int) -> str:
    """Write the README.md of a bundle."""
    sections = [
        f"# {manifest.name}\n\n{manifest.description}",
        _table(manifest, model_bytes),
        f"## Training data\n\n{manifest.training_data}",
        "## Preprocessing\n\nDone by the service from this configuration; pooling and L2 "
        "normalisation are inside the graph.\n\n"
        f"```json\n{json.dumps(manifest.preprocessing, indent=2, ensure_ascii=False)}\n```",
        _parity(manifest),
        _metrics(manifest),
        _limits(manifest),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _table(manifest: Manifest, model_bytes: int) -> str:
    facts = {
        "Version": manifest.version,
        "Source": manifest.source,
        "Licence": manifest.licence,
        "Reads": manifest.modality,
        "Embedding": f"{manifest.dim} numbers, float32, unit length",
        "Precision": manifest.precision,
        "Graph": f"{model_bytes / 1e6:.1f} MB",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"| | |\n|---|---|\n{rows}"


def _parity(manifest: Manifest) -> str:
    parity = manifest.parity
    if parity is None:
        return ""
    return (
        "## Parity\n\n"
        f"Over {parity.items} texts (one token to beyond the maximum; many scripts, emoji, code, "
        f"numbers), the cosine between this bundle and {parity.reference} is at least "
        f"{parity.cosine_min:.7f} and {parity.cosine_mean:.7f} on average. "
        f"Measured by `{parity.command}`, which refuses to publish a bundle that falls short."
    )


def _metrics(manifest: Manifest) -> str:
    if not manifest.metrics:
        return ""
    rows = "\n".join(
        f"| {m.name} | {m.dataset}, {m.split} | {m.value} | "
        f"{'' if m.baseline is None else m.baseline} | `{m.command}` |"
        for m in manifest.metrics
    )
    return (
        f"## Metrics\n\n| metric | on | value | baseline | command |\n|---|---|---|---|---|\n{rows}"
    )


def _limits(manifest: Manifest) -> str:
    lines = ["## Limits\n"]
    if "tokens_max" in manifest.preprocessing:
        lines.append(
            f"- Reads {manifest.preprocessing['tokens_max']} tokens, special tokens included; what "
            "is beyond is cut off, or refused when the caller asks for that."
        )
    if manifest.unrelated_score_q99 is not None:
        read = manifest.preprocessing
        is_prose = "tokens_max" in read and "view" not in read
        pairs = "English sentences" if is_prose else "items"
        lines.append(
            f"- Of pairs of unrelated {pairs}, 1 in 100 scores above "
            f"{manifest.unrelated_score_q99}: the default threshold of open-set answers. "
            "Calibrate on your own gallery for a stated false-accept rate."
        )
    if manifest.precision == "int8":
        lines.append(
            "- int8: an embedding depends slightly on the batch that it is computed in, and on the "
            "processor."
        )
    lines.append("- It repeats the biases of its training data.")
    return "\n".join(lines)
