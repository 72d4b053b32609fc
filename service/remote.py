"""Items that are named by a URL, fetched under guard: off unless hosts are allowed by a setting.

A server that fetches what strangers name can be made to reach what only it can reach. So: https on
its own port, hosts that are listed, public addresses only, looked up once and connected to as they
were checked, and all of that again at each redirect. Bytes, time and number are bounded; no cookie,
no key and no proxy takes part.
"""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

from models.errors import InputError, ItemTooLarge, ItemUndecodable
from service.intake import Unfetched

SCHEME, PORT = "https", 443
REDIRECTS = {301, 302, 303, 307, 308}
REDIRECTS_MAX = 3
URLS_MAX = 64  # of one call
KINDS = ("image", "audio")
BESIDE = "reads"  # what may stand beside the URL
NAT64 = ipaddress.ip_network("64:ff9b::/96")
HEADERS = [
    ("accept", "image/*, audio/*"),
    ("accept-encoding", "identity"),
    ("user-agent", "semblance"),
]
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Refused(Exception):
    """A URL or an address that is not to be connected to; the message is for the caller."""


def is_public(address: str) -> bool:
    """Tell whether an address is one of the open internet, whatever it is wrapped in.

    >>> [is_public(one) for one in ("1.1.1.1", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]
    [True, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.sixtofour is not None or found.teredo is not None or found in NAT64:
            return False  # they carry another address inside
    return found.is_global and not found.is_multicast


async def looked_up(host: str, port: int) -> list[str]:
    """Look a host's addresses up.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Guard(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and to the very ones that were looked up."""

    def __init__(self, resolve: Resolve, allowed: Callable[[str], bool]) -> None:
        self._resolve, self._allowed = resolve, allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, when every address of the host is allowed.

        Raises:
            Refused: one is not, or there is none.
        """
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            addresses = []
        if not addresses or not all(map(self._allowed, addresses)):
            raise Refused("its host has no public address")
        return await self._inner.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )


class Remote:
    """Fetches the items that are named by URLs.

    Args:
        hosts: whose URLs are fetched: names, `.name` for all below it, `*` for any.
        bytes_max: of one item.
        seconds_max: for one item, redirects and all.
        at_once: how many are fetched side by side.
        resolve, allowed, scheme, port: replaced by tests.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        bytes_max: int,
        seconds_max: float,
        at_once: int,
        resolve: Resolve = looked_up,
        allowed: Callable[[str], bool] = is_public,
        port: int = PORT,
        scheme: str = SCHEME,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._bytes_max, self._seconds_max = bytes_max, seconds_max
        self._scheme, self._port = scheme, port
        self._turns = asyncio.Semaphore(at_once)
        # No connection is kept: the next one is checked like the first.
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=Guard(resolve, allowed),
            max_keepalive_connections=0,
        )

    async def fetched(self, values: Sequence[object]) -> list[object]:
        """Put what their URLs hold in the place of such items; one that fails, fails alone."""
        named = [at for at, value in enumerate(values) if url_of(value) is not None]
        found = list(values)
        refused = ItemUndecodable(f"one call may name {URLS_MAX} URLs; send fewer, or the bytes")
        for at in named[URLS_MAX:]:
            found[at] = Unfetched(refused)
        some = named[:URLS_MAX]
        for at, one in zip(some, await asyncio.gather(*(self._one(values[at]) for at in some)),
                           strict=True):  # fmt: skip
            found[at] = one
        return found

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def _one(self, value: object) -> object:
        named = url_of(value)
        assert named is not None
        kind, url = named
        try:
            async with self._turns, asyncio.timeout(self._seconds_max):
                content = await self._get(url)
        except InputError as error:
            return Unfetched(error)
        except TimeoutError:
            words = f"it took more than {self._seconds_max:g} s"
        except Refused as error:
            words = str(error)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError):
            words = "the connection failed"
        else:
            assert isinstance(value, Mapping)
            return {**value, kind: base64.b64encode(content).decode()}
        return Unfetched(
            ItemUndecodable(f"the URL was not fetched: {words}; send the bytes as base64")
        )

    async def _get(self, url: str) -> bytes:
        """Fetch, and follow redirects, each checked as the first."""
        for _ in range(1 + REDIRECTS_MAX):
            self._check(url)
            async with self._pool.stream("GET", url, headers=HEADERS) as reply:
                if reply.status in REDIRECTS:
                    url = urljoin(url, _header(reply, b"location") or "")
                    continue
                if reply.status != 200:
                    raise Refused(f"the answer was {reply.status}")
                return await self._body(reply)
        raise Refused(f"it was redirected more than {REDIRECTS_MAX} times")

    async def _body(self, reply: httpcore.Response) -> bytes:
        declared = _header(reply, b"content-length") or "0"
        body = bytearray()
        if not declared.isdigit() or int(declared) <= self._bytes_max:
            async for part in reply.aiter_stream():
                body += part
                if len(body) > self._bytes_max:
                    break
            else:
                return bytes(body)
        raise ItemTooLarge(
            f"what the URL holds has more than {self._bytes_max} bytes "
            "(SEMBLANCE_ITEM_BYTES_MAX): make it smaller"
        )

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port or PORT
        except ValueError:
            raise Refused("it is no URL") from None
        if parts.scheme != self._scheme or port != self._port or "@" in parts.netloc:
            raise Refused(
                f"only {self._scheme}://HOST on port {self._port} is fetched, without a user"
            )
        if not self._is_listed(parts):
            raise Refused("its host is not allowed here (SEMBLANCE_FETCH_HOSTS)")

    def _is_listed(self, parts: SplitResult) -> bool:
        host = (parts.hostname or "").lower()
        above = {host[at:] for at, letter in enumerate(host) if letter == "."}
        return bool(host) and bool(self._hosts & {"*", host, *above})


def url_of(value: object) -> tuple[str, str] | None:
    """Tell the kind and the URL of an item that is named by one.

    >>> url_of({"image": "https://example.com/a.png"})
    ('image', 'https://example.com/a.png')
    """
    if isinstance(value, Mapping) and len(set(value) - {BESIDE}) == 1:
        for kind in KINDS:
            content = value.get(kind)
            if isinstance(content, str) and content[:8].lower().startswith(("https://", "http://")):
                return kind, content
    return None


def _header(reply: httpcore.Response, name: bytes) -> str | None:
    return next((v.decode("latin-1") for n, v in reply.headers if n.lower() == name), None)
