"""What `semblance serve` does before it serves."""

import socket
from pathlib import Path

import pytest

from service.commands.serve import check_host, listen
from service.settings import Settings, SettingsInvalid


def test_small_replies_do_not_wait_for_an_acknowledgement() -> None:
    with listen(Settings(port=0)) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_taken_port_is_told_with_the_way_out() -> None:
    with listen(Settings(port=0)) as taken:
        taken.listen()
        with pytest.raises(OSError, match="--port"):
            listen(Settings(port=taken.getsockname()[1]))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_keys_are_needed(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="key"):
        check_host(Settings(host=host))
    check_host(Settings(host=host, keys_file=Path("keys.json")))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check_host(Settings(host=host))
