"""What can keep a call from succeeding; every text says whose move it is."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Any of the errors below."""


class ServerUnreachable(ClientError):
    """No answer: nobody listens, the name is unknown, or the time is over."""


class AnswerUnusable(ClientError):
    """An answer, but not one of this API."""


class OrderNeeded(ClientError):
    """The server sells what the caller has not bought; an order's transaction must be given."""


class CallRefused(ClientError):
    """The server said no: `status` is the HTTP status, `answer` the decoded body."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(_sentence(status, answer))
        self.status = status
        self.answer = answer

    @property
    def fields(self) -> dict[str, Any]:
        """Sentences by dotted field, of a malformed request; else {}."""
        errors = self.answer.get("errors") if isinstance(self.answer, dict) else None
        return errors if isinstance(errors, dict) else {}


def _sentence(status: int, answer: Any) -> str:
    if not isinstance(answer, dict):
        return f"the server refused the call ({status})"
    reason = answer.get("error") or answer.get("errors") or answer.get("message")
    if isinstance(reason, dict):
        reason = "; ".join(f"{field}: {_joined(texts)}" for field, texts in reason.items())
    return f"the server refused the call ({status}): {reason or 'no reason given'}"


def _joined(texts: Any) -> str:
    return " ".join(str(text) for text in texts) if isinstance(texts, list) else str(texts)
