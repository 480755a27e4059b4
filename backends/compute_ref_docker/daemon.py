"""The connection to the Docker daemon, and what its errors mean."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from compute_ref.plugins import BackendUnavailable

TIMEOUT: Final = 60  # seconds for an answer that is not waited for on purpose
CONNECTIONS: Final = 256  # kept for the next question: two are held by each running algorithm


class Refused(BackendUnavailable):
    """The daemon answered, and would not do it; the text is its explanation."""


class Daemon:
    """Makes the client of one daemon when it is first needed; for any number of threads."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._client: APIClient | None = None

    @contextlib.contextmanager
    def asked(self) -> Iterator[APIClient]:
        """The client, for a question or two.

        NotFound is the caller's to read; every other failure is a BackendUnavailable.
        """
        try:
            yield self._connected()
        except NotFound:
            raise
        except APIError as refused:
            raise Refused(f"the Docker daemon refused: {refused.explanation}") from refused
        except (DockerException, RequestException, HTTPError, OSError) as away:
            raise BackendUnavailable(self._unreachable()) from away

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        with self._lock:
            if self._client is not None:
                self._client.close()

    def _connected(self) -> APIClient:
        with self._lock:
            if self._client is None:
                settings = kwargs_from_env()
                if self._host:
                    settings["base_url"] = self._host
                self._client = APIClient(
                    version="auto", timeout=TIMEOUT, max_pool_size=CONNECTIONS, **settings
                )
            return self._client

    def _unreachable(self) -> str:
        where = f"at {self._host}" if self._host else "where DOCKER_HOST or its default points"
        return (
            f"the Docker daemon does not answer {where}: start it, let the server's user use its"
            " socket, or set backends.docker.host"
        )
