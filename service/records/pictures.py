"""Pictures in the cells of a table: bytes, files beside it, base64, or SVGs, which are drawn."""

import base64
from collections.abc import Mapping
from pathlib import Path

from models.errors import InputError
from service.picture_rows import content_of, files_inside
from service.records.pooling import Picture
from service.svg import Rasteriser, is_svg


def pictures_beside(path: Path, rasteriser: Rasteriser) -> Picture:
    """Make what returns a cell's picture as base64.

    Args:
        path: of the table; files are read inside its folder only.
    """
    read_file = files_inside(path.parent)

    def picture(cell: object) -> str:
        if isinstance(cell, Mapping):  # as tables of Hugging Face hold pictures
            cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
        if isinstance(cell, str):
            try:
                cell = content_of(cell, read_file)
            except InputError as error:
                raise ValueError(str(error)) from error
        if not isinstance(cell, bytes):
            raise ValueError("the cell holds no picture: neither bytes nor the name of a file")
        try:
            content = rasteriser.png(cell) if is_svg(cell) else cell
        except InputError as error:
            raise ValueError(str(error)) from error
        return base64.b64encode(content).decode()

    return picture
