"""What is told of an answered request: one log line, and a span where traces are wanted."""

from dataclasses import dataclass
from urllib.parse import quote

from starlette.types import Scope

from service.asking import Asking

PATH_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """One request and its answer; nothing of its query string, which may hold a secret.

    Args:
        path: percent-encoded, cut to 200 characters.
        route: the path as it is declared, for counting.
        key: the name of the caller's key.
        stages: seconds by stage.
    """

    method: str
    path: str
    route: str
    status: int
    seconds: float
    request_id: str
    key: str
    client: str | None
    bytes_in: int
    bytes_out: int
    stages: dict[str, float]

    def fields(self) -> dict[str, object]:
        """Render it for the log."""
        return {
            "method": self.method,
            "path": self.path,
            "route": self.route,
            "status": self.status,
            "seconds": round(self.seconds, 6),
            "request_id": self.request_id,
            "key": self.key,
            "client": self.client,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "stages_ms": {stage: round(s * 1000, 3) for stage, s in self.stages.items()},
        }


def answered(
    scope: Scope,
    asking: Asking,
    *,
    status: int,
    seconds: float,
    request_id: str,
    bytes_in: int,
    bytes_out: int,
) -> Answered:
    """Gather what is told of a request that has ended."""
    client = scope.get("client")
    return Answered(
        method=scope["method"],
        path=path_of(scope),
        route=getattr(scope.get("route"), "path", "unrouted"),
        status=status,
        seconds=seconds,
        request_id=request_id,
        key=asking.caller,
        client=client[0] if client else None,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        stages={stage: s for stage, s in asking.timings.seconds.items() if stage != "total"},
    )


def path_of(scope: Scope) -> str:
    r"""Write the path as it came, percent-encoded: no character of it can end a line.

    >>> path_of({"path": "/a\nb\u2028c"})
    '/a%0Ab%E2%80%A8c'
    """
    raw = scope.get("raw_path") or scope["path"]
    return quote(raw, safe="/%:@!$&'()*+,;=~")[:PATH_CHARACTERS_MAX]
