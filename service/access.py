"""What a key opens: the scope of a call, the gallery it names; and what is open without one."""

from collections.abc import Collection

from service.errors import ScopeRefused
from service.keys import Key

# Probes carry no key, nor does a browser that shows the pages of the surface.
OPEN_PATHS = ("/livez", "/readyz", "/docs", "/openapi.json")
OPEN_FOLDER = "/docs/"


def is_open(path: str) -> bool:
    """Tell that a path needs no key.

    >>> is_open("/livez"), is_open("/metrics")
    (True, False)
    """
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def check_scope(key: Key | None, scopes: Collection[str]) -> None:
    """Refuse a key that has none of the scopes; where no key is asked for, all is allowed.

    Raises:
        ScopeRefused: naming the key, the scope and the remedy.
    """
    scopes = scopes or ("admin",)  # a call that declares none is not left open
    if key is None or any(map(key.opens, scopes)):
        return
    wanted = " or ".join(scopes)
    raise ScopeRefused(
        f"key {key.name!r} has scope {', '.join(key.scopes)}, and this call needs {wanted}; ask "
        f"for a key that has it (`semblance keys add NAME --scope {wanted.split()[0]}`)"
    )


def check_gallery(key: Key | None, gallery: str) -> None:
    """Refuse a key that is not for this gallery, whether it stands or not.

    Raises:
        ScopeRefused: naming the key, the gallery and the remedy.
    """
    if sees(key, gallery):
        return
    assert key is not None
    raise ScopeRefused(
        f"key {key.name!r} is for galleries {', '.join(key.galleries) or 'none'}, and not for "
        f"{gallery!r}; ask for a key that is (`semblance keys add NAME --gallery PATTERN`)"
    )


def check_target(key: Key | None, gallery: str, named: str) -> None:
    """Refuse a key that is not for the gallery that a name led to; it is not told which that is.

    Raises:
        ScopeRefused: naming the key, the alias and the remedy.
    """
    if sees(key, gallery):
        return
    if named == gallery:
        check_gallery(key, gallery)
    assert key is not None
    raise ScopeRefused(
        f"key {key.name!r} is for galleries {', '.join(key.galleries) or 'none'}, and not for one "
        f"that alias {named!r} is about; ask for a key that is "
        "(`semblance keys add NAME --gallery PATTERN`)"
    )


def sees(key: Key | None, gallery: str) -> bool:
    """Tell whether a gallery is there for this key; where no key is asked for, all are."""
    return key is None or key.sees(gallery)
