"""What is fetched of URLs, and what is not: addresses, redirects, bounds; a server of our own."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.errors import InputError, ItemTooLarge, ItemUndecodable
from service.intake import Unfetched, parse_item
from service.remote import Remote, is_public, url_of
from tests.fakes import FakeEncoder
from tests.unit.service.test_api import error_of, play

PORT = 8443  # what the URLs say; the connection goes where the server is
PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
    "100.64.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:10.0.0.1", "2002:0a00:0001::1", "64:ff9b::a00:1", "2001:0:a00::1", "no address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


class Web:
    """A server on loopback that stands for the internet: a fake resolver leads all names to it."""

    def __init__(self, pages: Mapping[str, bytes], addresses: Mapping[str, list[str]]) -> None:
        self.pages, self.addresses = pages, addresses
        self.asked: list[str] = []
        self.looked_up: list[str] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        found = self.addresses.get(host, ["127.0.0.1"])
        if not found:
            raise OSError("no such host")
        return found

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(head)
        reply = self.pages.get(path)
        if reply is None:
            await reader.read()  # until the caller has left
        else:
            port = writer.get_extra_info("sockname")[1]
            writer.write(reply.replace(f":{PORT}".encode(), f":{port}".encode()))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


def fetch(
    urls: list[str],
    pages: Mapping[str, bytes],
    addresses: Mapping[str, list[str]] | None = None,
    **options: Any,
) -> tuple[list[object], Web]:
    """Fetch from a web of our own, whose loopback counts as public and nothing else."""

    async def fetched() -> tuple[list[object], Web]:
        web = Web(pages, addresses or {})
        server = await asyncio.start_server(web.answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = {"bytes_max": 100, "seconds_max": 1.0, "at_once": 2} | options
        remote = Remote(
            settings.pop("hosts", ["*"]),
            **settings,
            resolve=web.resolve,
            allowed=lambda address: address == "127.0.0.1",
            scheme="http",
            port=port,
        )
        try:
            items = [{"image": url.replace(f":{PORT}", f":{port}")} for url in urls]
            return await remote.fetched(items), web
        finally:
            await remote.close()
            server.close()

    return asyncio.run(fetched())


def here(path: str, host: str = "logos.example") -> str:
    return f"http://{host}:{PORT}{path}"


def refusal(found: object) -> InputError:
    assert isinstance(found, Unfetched)
    with pytest.raises(InputError) as caught:
        parse_item(found)
    return caught.value


def test_what_a_url_holds_takes_the_place_of_the_item() -> None:
    found, web = fetch([here("/a.png"), here("/b.png")], {"/a.png": ok(b"A"), "/b.png": ok(b"B")})
    assert found == [{"image": base64.b64encode(one).decode()} for one in (b"A", b"B")]
    assert all("cookie" not in head.lower() for head in web.asked)
    assert {
        head.split("host: ")[-1].split(":")[0].lower() for head in map(str.lower, web.asked)
    } == {"logos.example"}


def test_what_a_picture_reads_may_stand_beside_its_url() -> None:
    url = "https://logos.example/a.png"
    assert url_of({"image": url, "reads": "ACME"}) == ("image", url)
    assert url_of({"reads": "ACME"}) is None
    assert url_of({"image": url, "colour": 1}) is None

    async def got(url: str) -> bytes:
        return b"x"

    async def fetched() -> object:
        remote = Remote(["*"], bytes_max=9, seconds_max=1.0, at_once=1)
        remote._get = got  # type: ignore[method-assign]
        return await remote.fetched([{"image": url, "reads": "ACME"}])

    assert asyncio.run(fetched()) == [{"image": "eA==", "reads": "ACME"}]


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_connected_to() -> None:
    """A name that leads elsewhere a moment later leads nowhere."""
    _, web = fetch([here("/a.png")], {"/a.png": ok(b"A")})
    assert web.looked_up == ["logos.example"]


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], []])
def test_a_host_with_an_address_that_is_not_public_is_not_connected_to(
    addresses: list[str],
) -> None:
    found, web = fetch([here("/a.png")], {"/a.png": ok(b"A")}, {"logos.example": addresses})
    assert "no public address" in str(refusal(found[0]))
    assert web.asked == []


def test_redirects_are_followed_and_checked() -> None:
    pages = {
        "/relative": moved("/a.png"),
        "/a.png": ok(b"A"),
        "/inside": moved(here("/a.png", host="inside.example")),
        "/file": moved("file:///etc/passwd"),
        "/port": moved("http://logos.example:22/"),
        "/round": moved("/round", 308),
        "/nowhere": b"HTTP/1.1 302 moved\r\ncontent-length: 0\r\n\r\n",
    }
    urls = [here(path) for path in pages if path != "/a.png"]
    found, web = fetch(urls, pages, {"inside.example": ["192.168.0.1"]})
    assert found[0] == {"image": base64.b64encode(b"A").decode()}
    words = [str(refusal(one)) for one in found[1:]]
    expected = ("no public address", "only http", "on port", "more than 3", "more than 3")
    for word, said in zip(words, expected, strict=True):
        assert said in word
    assert "inside.example" in web.looked_up


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://logos.example/a.png", "only http://HOST"),
        (f"http://user:secret@logos.example:{PORT}/", "without a user"),
        ("http://logos.example:99999/", "no URL"),
        ("http://[::1", "no URL"),
        ("http://logos.example:22/", "on port"),
    ],
)
def test_urls_that_are_not_fetched(url: str, said: str) -> None:
    found, web = fetch([url], {})
    assert said in str(refusal(found[0]))
    assert web.looked_up == []


@pytest.mark.parametrize(
    ("host", "is_listed"),
    [
        ("logos.example", True), ("LOGOS.example", True), ("a.cdn.example", True),
        ("cdn.example", False), ("evil.example", False), ("logos.example.evil.org", False),
        ("evil-logos.example", False),
    ],
)  # fmt: skip
def test_hosts_are_those_that_are_listed(host: str, is_listed: bool) -> None:
    found, _ = fetch(
        [here("/a.png", host)], {"/a.png": ok(b"A")}, hosts=["logos.example", ".cdn.example"]
    )
    assert isinstance(found[0], dict) == is_listed
    if not is_listed:
        assert "not allowed here" in str(refusal(found[0]))


@pytest.mark.parametrize(
    "reply",
    [
        ok(bytes(101)),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"32\r\n" + bytes(50) + b"\r\n"
        + b"34\r\n" + bytes(52) + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + bytes(5000),
    ],
    ids=["declared", "chunked", "until closed"],
)  # fmt: skip
def test_bytes_are_bounded(reply: bytes) -> None:
    found, _ = fetch([here("/big")], {"/big": reply})
    error = refusal(found[0])
    assert isinstance(error, ItemTooLarge)
    assert "more than 100 bytes" in str(error)


def test_time_is_bounded() -> None:
    found, _ = fetch([here("/slow")], {}, seconds_max=0.2)
    assert "took more than 0.2 s" in str(refusal(found[0]))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 404 gone\r\ncontent-length: 6\r\n\r\nsecret", "the answer was 404"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "connection failed"),
        (ok(b"A")[:-1], "connection failed"),
        (b"", "connection failed"),
    ],
)
def test_other_answers_are_told_without_their_words(reply: bytes, said: str) -> None:
    found, _ = fetch([here("/a")], {"/a": reply})
    error = refusal(found[0])
    assert isinstance(error, ItemUndecodable)
    assert said in str(error)
    assert "secret" not in str(error)


def test_the_number_of_urls_is_bounded() -> None:
    found, web = fetch([here("/a")] * 70, {"/a": ok(b"A")})
    assert [isinstance(one, Unfetched) for one in found] == [False] * 64 + [True] * 6
    assert len(web.asked) == 64


@pytest.mark.parametrize(
    "value", ["https://a", {"text": "https://a"}, {"image": "aGVsbG8="}, {"image": 3}, None, []]
)
def test_what_is_no_url_of_an_item_is_left_alone(value: object) -> None:
    assert url_of(value) is None


class Named(FakeEncoder):
    """Reads pictures as if they were texts."""

    def decode(self, item: Any, **options: Any) -> Any:
        content = item.content.decode() if isinstance(item.content, bytes) else item.content
        return super().decode(type(item)("text", content), **options)


def test_urls_over_rest_are_off_unless_allowed_and_each_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def got(_: Remote, url: str) -> bytes:
        if "bad" in url:
            raise ItemTooLarge("too large")
        return b"a picture"

    monkeypatch.setattr(Remote, "_get", got)
    bad, good = ({"image": f"https://logos.example/{name}"} for name in ("bad", "good"))

    def scene(is_allowed: bool) -> Callable[[httpx.AsyncClient], Awaitable[None]]:
        async def played(client: httpx.AsyncClient) -> None:
            (await client.put("/v1/galleries/g", json={"model": "fake"})).raise_for_status()
            body = {"exemplars": [{"id": "b", "item": bad}, {"id": "g", "item": good}]}
            told = (await client.post("/v1/galleries/g/exemplars", json=body)).json()
            codes = [one["code"] for one in told["failed"]]
            assert codes == (["item_too_large"] if is_allowed else ["item_undecodable"] * 2)
            for path, asked in (
                ("/v1/embeddings", {"model": "fake", "input": [good]}),
                ("/v1/galleries/g/search", {"query": good}),
            ):
                reply = await client.post(path, json=asked)
                assert reply.status_code == (200 if is_allowed else 422)
                if not is_allowed:
                    assert "SEMBLANCE_FETCH_HOSTS" in error_of(reply)["message"]
            if is_allowed:
                kept = (await client.get("/v1/galleries/g/exemplars/g")).json()["item"]
                assert kept == {"image": base64.b64encode(b"a picture").decode()}

        return played

    play(tmp_path / "off", scene(False), encoders=[Named()])
    play(tmp_path / "on", scene(True), encoders=[Named()], fetch_hosts="logos.example")
