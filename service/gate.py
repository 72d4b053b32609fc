"""Where a caller shows its key: whose it is, and whether it may ask just now."""

from collections.abc import Callable, Mapping

from service.access import is_open
from service.allowance import Allowance
from service.asking import Asking
from service.errors import KeyRefused
from service.keys import Keys


class Gate:
    """Lets callers in, before their body is read.

    Args:
        keys: who may call; None lets everybody, which the service allows on loopback only.
        allowance: how often each key may; None is any number.
    """

    def __init__(self, keys: Keys | None, allowance: Allowance | None) -> None:
        self._keys, self._allowance = keys, allowance

    async def enter(
        self, path: str, headers: Mapping[str, str], asking: Asking
    ) -> Callable[[], None]:
        """Let one request in, and note whose it is; return what is to be called when it ends.

        Raises:
            KeyRefused: it shows no valid key, where one is asked for.
            RateExceeded: its key makes more requests than it may.
        """
        if self._keys is None or is_open(path):
            return nothing
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise KeyRefused("send a valid key as `authorization: Bearer KEY`")
        asking.key = self._keys.find(token.strip())
        asking.caller = asking.key.name
        return nothing if self._allowance is None else await self._allowance.take(asking.key)


def nothing() -> None:
    """Do nothing, where a request takes no place that it could give back."""
