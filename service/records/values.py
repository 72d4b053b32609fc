"""Numbers and dates: read from cells, compared by their distance, and written as rows.

Two values that are d apart score exp(-d^2 / (2 scale^2)): 1 where they are equal, .61 one scale
apart, .14 two, .01 three. Their rows (`features`) have that as their inner product, up to .005 and
up to 13 scales apart; they serve to find candidates, and the score itself is computed from values.
"""

import datetime
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.vectors import Rows

Values = NDArray[np.float64]
"""One a record; NaN where there is none."""
HARMONICS = 15
FEATURES = 1 + 2 * HARMONICS
"""Columns of a value's row."""
STEP = 3.5 / HARMONICS  # the highest harmonic is where the Gaussian's transform is .002
EPOCH = datetime.date(1970, 1, 1)
NUMBER = re.compile(r"^[-+]?\d+(?:[.,' \u00a0\u202f]\d+)*(?:[eE][-+]?\d+)?$")
MONEY = re.compile(r"[$€£¥]|\b(?:USD|EUR|GBP|CHF|JPY)\b")
YEAR_FIRST = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?$")
YEAR_LAST = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$")
MONTHS = 12


def number_of(cell: object) -> float | None:
    """Read a number; None where the cell is none. Currency signs count for nothing.

    >>> [number_of(one) for one in ("1,234.50", "9,99 €", "1.234,5", "-3e2", "12 kg", 7, "nan")]
    [1234.5, 9.99, 1234.5, -300.0, None, 7.0, None]
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        try:
            value = float(cell)
        except OverflowError:
            return None
        return value if math.isfinite(value) else None
    text = MONEY.sub("", str(cell)).strip()
    if not NUMBER.match(text):
        return None
    text = re.sub(r"[' \u00a0\u202f]", "", text)
    comma, point = text.rfind(","), text.rfind(".")
    if comma > point and (point >= 0 or not re.search(r",\d{3}$", text) or text.count(",") > 1):
        is_thousands = point < 0 and text.count(",") > 1
        text = text.replace(".", "").replace(",", "" if is_thousands else ".")
    elif text.count(".") > 1:
        text = text.replace(".", "")
    else:
        text = text.replace(",", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def day_of(cell: object, *, month_first: bool = False) -> float | None:
    """Read a date as days since 1970, a time of day as a part of one; None where it is none.

    >>> day_of("1970-01-03"), day_of("3.1.1970"), day_of("1/3/1970", month_first=True)
    (2.0, 2.0, 2.0)
    """
    if isinstance(cell, datetime.datetime):
        seconds = (cell.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)).total_seconds()
        return seconds / 86_400
    if isinstance(cell, datetime.date):
        return float((cell - EPOCH).days)
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if found := YEAR_FIRST.match(text):
        year, month, day = map(int, found.groups())
    elif found := YEAR_LAST.match(text):
        first, second, year = map(int, found.groups())
        day, month = (second, first) if month_first else (first, second)
    else:
        return None
    try:
        return float((datetime.date(year, month, day) - EPOCH).days)
    except ValueError:
        return None


def is_month_first(cells: Sequence[object]) -> bool:
    """Tell by the days above 12 whether `1/31/1970` is how a column writes; else the day is first.

    >>> is_month_first(["1/2/1970", "1/31/1970"]), is_month_first(["1/2/1970", "31/1/1970"])
    (True, False)
    """
    for cell in cells:
        found = YEAR_LAST.match(cell.strip()) if isinstance(cell, str) else None
        if found is not None and int(found[1]) <= MONTHS < int(found[2]):
            return True
    return False


def likeness(left: Values, right: Values, scale: float) -> Values:
    """Score values that are side by side (n,): exp(-d^2 / (2 scale^2)); NaN where one is missing.

    >>> likeness(np.array([0.0, 5.0]), np.array([0.0, 15.0]), 10.0).round(2).tolist()
    [1.0, 0.61]
    """
    found: Values = np.exp(-0.5 * ((left - right) / scale) ** 2)
    return found


def features(values: Values, scale: float) -> Rows:
    """Return unit rows (n, 31) of values whose inner products are about their likeness.

    The Fourier series of a Gaussian on a circle of 27 scales: farther apart than half of that,
    values are taken for nearer than they are. A missing value is a row of zeros.
    """
    n = np.arange(1, HARMONICS + 1)
    shares = np.concatenate([[1.0], 2.0 * np.exp(-0.5 * (STEP * n) ** 2)])
    shares /= shares.sum()
    angles = np.nan_to_num(values)[:, np.newaxis] / scale * STEP * n
    rows = np.concatenate(
        [np.ones((len(values), 1)), np.cos(angles), np.sin(angles)], axis=1
    ) * np.sqrt(np.concatenate([shares, shares[1:]]))
    rows[np.isnan(values)] = 0.0
    found: Rows = rows.astype(np.float32)
    return found


def usual_scale(values: Values, least: float) -> float:
    """Return a tenth of the middle half's width, and no less than told; where there is none, that.

    >>> usual_scale(np.arange(101.0), 1.0)
    5.0
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return least
    low, high = np.percentile(known, [25, 75])
    return max(float(high - low) / 10, least)
