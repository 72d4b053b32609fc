"""`semblance code`: index repositories, and ask where the code is that does something."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from service.client import CallFailed, Client
from service.connected import (
    SomeRejected,
    asking_a_server,
    open_rejects,
    unless_passing,
    with_client,
)

GALLERY = "code"
MODELS = ("code", "minilm")  # for a new gallery: the first of these that there is
OPTIONS: dict[str, Any] = {"lexical": True}  # of a new gallery: a name in a question is found
SNIPPET_LINES = 4
SNIPPET_COLUMNS = 100


@click.group("code", short_help="Index repositories, and ask them.")
@asking_a_server
def command() -> None:
    """Index repositories, and ask where the code is that does something.

    Works on the local data folder (SEMBLANCE_DATA_DIR), which no server may hold meanwhile, or on a
    running server with --server URL.
    """


@command.command("index")
@click.argument("places", metavar="PATH...", nargs=-1, required=True)
@click.option("--gallery", default=GALLERY, show_default=True)
@click.option("--model", help="The encoder of a new gallery. [code, else minilm]")
@click.option("--name", help="What the repository is called. [as its folder or file is]")
@click.option("--rejected", type=click.Path(path_type=Path), help="[GALLERY.rejected.jsonl]")
@with_client
async def index(client: Client, places: tuple[str, ...], **options: Any) -> None:
    """Index the functions, methods, classes and notebooks' cells of each PATH into a gallery.

    PATH is a folder, a .zip or .tar of one, or a bare git repository (also as file:// URL). What
    git ignores is left out. Python, JavaScript, TypeScript, Java, Go, Ruby, PHP, C, C++, C#, Rust.

    \b
    Run it again when the code has changed, or after a kill: only what is new or another is
    embedded, and what has vanished is removed. Binary, minified, generated, broken and huge files
    are named in the file of rejects. Exit code 0: all else stands. 1: refused, the message says
    why. 2: wrong usage. 3: stopped before the end, run it again. 4: some functions were refused.
    """
    from service.repository.extractor import check_installed  # noqa: PLC0415 - for this command only
    from service.repository.tree import open_tree  # noqa: PLC0415 - as above

    check_installed()
    gallery, name = options["gallery"], options["name"]
    if name is not None and len(places) > 1:
        raise click.UsageError("--name is for one PATH")
    rejects = open_rejects(options["rejected"], gallery)
    await create(client, gallery, options["model"])
    rejected = 0
    seen: set[str] = set()
    try:
        for place in places:
            with open_tree(place) as tree:
                tree.name = name or tree.name
                if tree.name in seen:
                    raise click.UsageError(
                        f"two repositories {tree.name!r}: index the folder above"
                    )
                seen.add(tree.name)
                rejected += await index_tree(client, gallery, tree, rejects)
    finally:
        rejects.close()
    if rejected:
        raise SomeRejected(f"{rejected} functions were refused; {rejects.path} says why")


async def index_tree(client: Client, gallery: str, tree: Any, rejects: Any) -> int:
    """Index one tree, say what became of it, and return how many functions were refused."""
    from service.progress import progress_bar  # noqa: PLC0415 - for this command only
    from service.repository.indexing import Indexing  # noqa: PLC0415 - as above

    make_item = await item_maker(client, gallery)
    with progress_bar(f"indexing {tree.name}") as update, unless_passing():
        counts = await Indexing(client, gallery, tree, make_item, rejects, update).run()
    stood = counts["unchanged"] + counts["moved"]
    click.echo(
        f"{tree.name}: {counts['added']} added, {counts['changed']} changed, {stood} unchanged, "
        f"{counts['removed']} removed; {counts['files']} files"
    )
    if counts["truncated"]:
        click.echo(f"{counts['truncated']} are longer than the encoder reads, and were cut")
    if counts["complaints"]:
        click.echo(f"{counts['complaints']} files have something wrong; {rejects.path} says what")
    return counts["rejected"]


async def create(client: Client, gallery: str, model: str | None) -> None:
    """Create the gallery, or make sure that the one that stands fits what is asked."""
    if model is None:
        try:
            await client.gallery("GET", gallery)
        except CallFailed as error:
            if error.code != "gallery_unknown":
                raise
        else:
            return
        there = {one["id"] for one in (await client.call("GET", "/v1/models"))["data"]}
        model = next((one for one in MODELS if one in there), None)
        if model is None:
            raise click.UsageError(
                f"there is no model {' or '.join(MODELS)}: name one with --model"
            )
    await client.gallery("PUT", gallery, "", {"model": model, **OPTIONS})


async def item_maker(client: Client, gallery: str) -> Any:
    """Tell what is sent of a piece of code: what the gallery's encoder reads."""
    from service.repository.rows import code_item, text_item  # noqa: PLC0415 - as above

    model = (await client.gallery("GET", gallery))["model"]
    if model is None:
        raise click.UsageError(f"gallery {gallery!r} is for vectors made elsewhere; name another")
    read = (await client.call("GET", f"/v1/models/{quote(model, safe='')}"))["modalities"]
    return code_item if "code" in read else text_item


@command.command("search")
@click.argument("question")
@click.option("--gallery", default=GALLERY, show_default=True)
@click.option("-k", default=10, show_default=True, help="How many hits.")
@click.option("--language", help="Only this one: python, cpp, csharp ...")
@click.option("--path", "prefix", help="Only paths that begin so, below the repository.")
@click.option("--repository", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
async def search(client: Client, question: str, **options: Any) -> None:
    """Find the code that answers QUESTION, in words or by a name."""
    gallery = options["gallery"]
    body: dict[str, Any] = {"query": question, "k": options["k"], "include": ["payload"]}
    if wanted := conditions(options):
        body["filter"] = {"and": wanted}
    hits = (await client.gallery("POST", gallery, "/search", body))["results"][0]["hits"]
    for hit in hits:
        kept = await client.gallery("GET", gallery, f"/exemplars/{quote(hit['id'], safe='')}")
        hit["code"] = next(kept["item"][kind] for kind in ("code", "text") if kind in kept["item"])
    if options["as_json"]:
        click.echo(json.dumps(hits, ensure_ascii=False))
        return
    for hit in hits:
        click.echo(f"{place_of(hit['payload'])}  {hit['label']}  {hit['score']:.3f}")
        click.echo("".join(f"    {line}\n" for line in snippet(hit["code"])))


def conditions(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the filter's conditions."""
    wanted: list[dict[str, Any]] = [
        {f"payload.{name}": options[name]}
        for name in ("language", "repository")
        if options[name] is not None
    ]
    if options["prefix"]:
        prefix = options["prefix"]
        wanted.append({"payload.path": {"gte": prefix, "lt": prefix + "\U0010ffff"}})
    return wanted


def place_of(payload: dict[str, Any]) -> str:
    """Tell where a hit stands, as editors read it; a notebook's cell by its number."""
    where = f"{payload['repository']}/{payload['path']}"
    return where if payload["kind"] == "cell" else f"{where}:{payload['start_line']}"


def snippet(code: str) -> list[str]:
    """Return the first lines of a piece of code, as wide as a terminal.

    >>> snippet("def f():\\n\\n    return 1\\n")
    ['def f():', '    return 1']
    """
    lines = [line.rstrip() for line in code.splitlines() if line.strip()]
    return [line[:SNIPPET_COLUMNS] for line in lines[:SNIPPET_LINES]]
