"""What the commands that talk to a server share: options, the client, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from compute_ref.cli.keys import VARIABLE, account_from
from compute_ref.client import AnswerUnusable, ClientError, ComputeClient, ServerUnreachable

FAILED: Final = 1  # the job ended otherwise than completed
REFUSED: Final = 2  # wrong usage, or the server said no
UNREACHABLE: Final = 3  # no server of this API answers there
UNFINISHED: Final = 4  # --timeout was over before the job
DEFAULT_URL: Final = "http://127.0.0.1:8030"
EXIT_CODES: Final = (
    "Exit codes: 0 well; 1 the job ended otherwise than completed; 2 wrong usage, or the server"
    " refused; 3 no server of this API answers there; 4 --timeout was over before the job."
)

Command = Callable[..., Any]


def calling(command: Command) -> Command:
    """The options of every command that talks to a server."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts."),
        click.option(
            "--key-file",
            type=click.Path(path_type=Path),
            help=f"File of your private key; otherwise {VARIABLE} holds it.",
        ),
        click.option("--url", default=DEFAULT_URL, show_default=True, help="The server."),
    ):
        command = option(command)
    return command


@contextmanager
def client_of(url: str, key_file: Path | None) -> Iterator[ComputeClient]:
    """A client; its errors become one line and an exit code."""
    client = ComputeClient(url, account_from(key_file))
    try:
        yield client
    except (ServerUnreachable, AnswerUnusable) as failed:
        raise Failed(str(failed), UNREACHABLE) from failed
    except ClientError as refused:
        raise Failed(str(refused), REFUSED) from refused
    except TimeoutError as early:
        raise Failed(str(early), UNFINISHED) from early
    finally:
        client.close()


class Failed(click.ClickException):
    """The command ends with a line on stderr and an exit code of ours."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(" ".join(text.split()))
        self.exit_code = code  # type: ignore[misc]


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))
