"""File descriptors: every connection takes one, and a process begins with few."""

import logging
from typing import Any

from service.settings import Settings

log = logging.getLogger("semblance.serve")
OWN = 512  # galleries, logs, Redis, threads, and the connections that are being refused


def raise_limit(settings: Settings, resource: Any = None) -> int | None:
    """Raise the soft limit to the hard one, and say so if it is still too low; return it.

    Args:
        resource: the standard library's module of that name; another for tests. It is not there on
            Windows, which has no such limit: then None is returned.
    """
    if resource is None:
        try:
            import resource as found  # noqa: PLC0415 - not on Windows
        except ImportError:
            return None
        resource = found
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError) as error:  # macOS: "unlimited" is more than it allows
            log.debug("the limit of open files stays at %d: %s", soft, error)
    needed = settings.connections_max + OWN
    if soft != resource.RLIM_INFINITY and soft < needed:
        log.warning(
            "this process may open %d files, and SEMBLANCE_CONNECTIONS_MAX=%d needs %d: lower it, "
            "or raise the limit (`ulimit -n`, LimitNOFILE=, --ulimit nofile=)",
            soft,
            settings.connections_max,
            needed,
        )
    limit: int = soft
    return limit
