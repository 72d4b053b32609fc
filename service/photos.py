"""The pictures of a gallery as photos might show them, to calibrate it for photos.

Marks as printed are nearer to each other than to their photos: a threshold found on them refuses
photos. Whose photo it is, is known; left out, it is nobody's.
"""

from collections.abc import Callable, Iterator

from index.gallery import Gallery
from models.errors import InputError
from models.modality import Item, read_item
from models.pictures.photo import photographed
from service.errors import RequestInvalid

PAGE = 100


def photos_of(
    gallery: Gallery, most: int, *, go_on: Callable[[], None]
) -> tuple[list[Item], list[str]]:
    """Draw the labelled pictures of a gallery that were enrolled first: photos, and whose they are.

    Args:
        go_on: is called before each; what it raises ends the work.

    Raises:
        RequestInvalid: it keeps no labelled pictures.
    """
    items: list[Item] = []
    labels: list[str] = []
    for content, label in _pictures(gallery):
        if len(items) == most:
            break
        go_on()
        try:
            photo = photographed(content, seed=len(items))
        except InputError:  # larger than what a photo is drawn of
            continue
        items.append(Item("image", photo))
        labels.append(label)
    if not items:
        raise RequestInvalid(
            "this gallery keeps no labelled pictures to draw photos of: send `queries`, or "
            "neither, to calibrate it on its exemplars as they are",
            param="photos",
        )
    return items, labels


def picture_of(item: object) -> bytes | None:
    """Return the picture that an exemplar's item holds, None where it holds none."""
    if not isinstance(item, dict) or "image" not in item:
        return None
    content = read_item("image", item).content
    return content if isinstance(content, bytes) else None


def _pictures(gallery: Gallery) -> Iterator[tuple[bytes, str]]:
    after: str | None = None
    while True:
        rows, after = gallery.page(after=after, limit=PAGE)
        for row in rows:
            picture = picture_of(row.item)
            if picture is not None and row.label is not None:
                yield picture, row.label
        if after is None:
            return
