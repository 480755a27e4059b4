"""What the server says no with: events raised in the domain, mapped to HTTP in ``http/errors.py``.

Four kinds, by what the answer looks like; the named events below them are what code raises and
tests expect. Every text is safe to show to a stranger: no path, host, key or signature in it.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import Final


class Refusal(Exception):
    """Anything the server declines to do; the caller, or time, can mend it."""


class Malformed(Refusal):
    """Fields of the request are missing or wrong: 400, every wrong field listed.

    `errors` maps the dotted path of a field to sentences about it.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(text for texts in errors.values() for text in texts))
        self.errors = {field: list(texts) for field, texts in errors.items()}


class Refused(Refusal):
    """Well-formed, but the rules say no: 400. `reason` is a sentence or ``{resource: code}``."""

    def __init__(self, reason: str | Mapping[str, str]) -> None:
        super().__init__(str(reason))
        self.reason = reason


class NotFound(Refusal):
    """What the request names is not there, or not the caller's: 404."""


class Unavailable(Refusal):
    """Not now: 503, worth trying again after `retry_after` seconds."""

    def __init__(self, text: str, retry_after: int = 5) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class SignatureInvalid(Malformed):
    """The signature or token that was sent does not prove who is asking."""

    def __init__(self, text: str = "Invalid signature provided.") -> None:
        super().__init__({"signature": [text]})


class NonceUsed(Malformed):
    """The nonce is not greater than the last one accepted from this address."""

    def __init__(self) -> None:
        super().__init__(
            {
                "nonce": [
                    "The nonce is not greater than the last one accepted from this address."
                    " Ask GET /api/services/nonce for it and sign again with a greater one."
                ]
            }
        )


class EnvironmentUnknown(Refused):
    """No such compute environment on this chain (the text is the one clients know)."""

    def __init__(self) -> None:
        super().__init__("Environment invalid or does not exist")


class JobUnknown(NotFound):
    """No such job, or it is somebody else's: the two look alike on purpose."""

    def __init__(self) -> None:
        super().__init__("No such job of this consumer. Check jobId and consumerAddress.")


class ResultUnknown(NotFound):
    """The job has no such result now: not final, no such index, or expired."""


class QueueFull(Unavailable):
    """As many jobs wait as the configuration allows, in all or for this owner."""


class DiskFull(Unavailable):
    """Less disk is free than the configured floor."""

    def __init__(self) -> None:
        super().__init__(
            "The server is short of disk space and takes no new jobs now. Try again later,"
            " or ask its operator to make room.",
            retry_after=60,
        )


class StoreUnavailable(Unavailable):
    """The store could not make a change durable and takes no more until a restart."""

    def __init__(self) -> None:
        super().__init__(
            "The server cannot store changes now. Nothing of this request was kept;"
            " ask its operator to look at the log and restart it.",
            retry_after=30,
        )


class ServerBusy(Unavailable):
    """Too many slow calls are under way."""


#: what the system says where no more files can be opened, for now
NO_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
#: the same where it is short of anything
SHORT: Final = NO_FILES | {errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT}


class SystemShort(Unavailable):
    """The system gives no more threads, processes or open files now."""

    def __init__(self) -> None:
        super().__init__(
            "The server's machine is short of threads or open files. Nothing of this request was"
            " kept; try again later, or ask the server's operator to raise its limits.",
            retry_after=5,
        )


class PluginUnavailable(Unavailable):
    """A plug-in did not answer in time, or too many calls of its hook have not come back yet."""

    def __init__(self) -> None:
        super().__init__(
            "A plug-in of this server does not answer. Try again later; if it stays like this,"
            " tell the server's operator.",
            retry_after=30,
        )
