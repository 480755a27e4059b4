"""A transcript as a script of the shell: the same requests, by fresh accounts, signed afresh."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote_plus

from compute_conformance.bench import Bench, final
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Answer, Request
from compute_conformance.signing import Account

Exchange = tuple[Request, Answer]
MOST: Final = 60_000  #: characters of a command
ORDER: Final = re.compile('"transferTxId": "(0x[0-9a-f]{64})"')
NAMED: Final = re.compile("([A-Z]+[0-9]+)=")
FIELD: Final = "python3 -c 'import json, sys; print(json.load(sys.stdin){place})'"
HEAD: Final = """\
#!/bin/sh
# Needs curl and compute-conformance. It makes accounts of its own and leaves their jobs there.
URL=${{URL:-{url}}}
ask() {{ ANSWER=$(curl -sS -w '\\n%{{http_code}}' "$@"); printf '%s\\n\\n' "$ANSWER"; }}
"""
ENDED: Final = """\
while case "$ANSWER" in *'"dateFinished": null'* | *'"dateFinished":null'*) true ;; *) false ;; esac
do sleep 1; {command}; done"""


def by_curl(url: str, bench: Bench) -> str:
    """The script; it ends with the answer to the last request, and its status."""
    script = _Script(bench.accounts)
    asked = [line for group in _groups(bench.transcript) for line in script.lines(group)]
    lines = _needed([*script.made, "", *asked])
    return "\n".join((HEAD.format(url=_quoted(url)), *lines)) + "\n"


def _groups(transcript: Sequence[Exchange]) -> Iterator[list[Exchange]]:
    """Exchanges in their order; looks at jobs again and again are together, replays are not."""
    numbers = itertools.count()

    def asked(one: Exchange) -> object:
        looks = one[0].method == "GET" and one[0].path == COMPUTE
        return one[0].target if looks else next(numbers)

    for _, group in groupby(transcript, asked):
        yield list(group)


def _needed(lines: Sequence[str]) -> list[str]:
    """Without what is given a name that no later line says."""
    kept: list[str] = []
    for line in reversed(lines):
        name = NAMED.match(line)
        if name is None or any(re.search(rf"\${{?{name[1]}\b", later) for later in kept):
            kept.append(line)
    return kept[::-1]


class _Script:
    """Gives names to what is another thing each time: accounts, signatures, jobs, orders, tokens.

    `made` are the lines that make what is needed from the beginning.
    """

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.made: list[str] = []
        self._names: dict[str, str] = {}
        self._said: dict[str, tuple[str, str, int]] = {}
        for number, account in enumerate(accounts, 1):
            self.made += [
                f"KEY{number}=$(compute-conformance key)",
                f"ADDRESS{number}=$(compute-conformance address $KEY{number})",
            ]
            self._names[account.address] = f"ADDRESS{number}"
            if account.address.lower() != account.address:
                self.made.append(f"LOWER{number}=$(echo $ADDRESS{number} | tr A-Z a-z)")
                self._names[account.address.lower()] = f"LOWER{number}"
            for signature, (message, v) in account.said.items():
                self._said[signature] = (f"KEY{number}", message, v)

    def lines(self, group: Sequence[Exchange]) -> Iterator[str]:
        """The commands of one request, and of those that repeat it."""
        request, answer = group[-1]
        if request.method == "RAW":
            yield f"# {len(request.content)} bytes that curl does not send"
            return
        yield from self._signatures(request)
        self._orders(request)
        command = self._command(request)
        yield command if len(command) < MOST else f"# {request.method} of {len(command)} characters"
        if len(group) > 1 and _ended(answer):
            yield ENDED.format(command=command)
        yield from self._kept(request, answer)

    def _signatures(self, request: Request) -> Iterator[str]:
        sent = f"{request.target} {request.content!r} {dict(request.headers)}"
        for signature in [one for one in self._said if one in sent and one not in self._names]:
            key, message, v = self._said[signature]
            name = self._name(signature, "SIGNATURE")
            option = "" if v == 27 else f"--v {v} "
            yield f'{name}=$(compute-conformance sign {option}"${key}" {self._text(message)})'

    def _orders(self, request: Request) -> None:
        for order in ORDER.findall(request.content.decode("utf-8", "replace")):
            if order not in self._names:
                self.made.append(f"{self._name(order, 'ORDER')}=$(compute-conformance key)")

    def _kept(self, request: Request, answer: Answer) -> Iterator[str]:
        """What later requests may name of an answer."""
        found: Any = None
        with suppress(ValueError, RecursionError):
            found = json.loads(answer.body)
        if isinstance(found, dict) and isinstance(found.get("token"), str):
            yield self._from_answer(found["token"], "TOKEN", '["token"]')
        if request.method == "POST" and request.path == COMPUTE and isinstance(found, list):
            for one in found[:1]:
                if isinstance(one, dict) and isinstance(one.get("jobId"), str):
                    yield self._from_answer(one["jobId"], "JOB", '[0]["jobId"]')

    def _from_answer(self, value: str, kind: str, place: str) -> str:
        cut = "printf '%s' \"$ANSWER\" | sed '$d'"
        return f"{self._name(value, kind)}=$({cut} | {FIELD.format(place=place)})"

    def _command(self, request: Request) -> str:
        headers = dict(request.headers)
        if request.json is not None:
            headers.setdefault("Content-Type", "application/json")
        words = ["ask", *([] if request.method != "HEAD" else ["--head"])]
        words += [] if request.method in {"GET", "HEAD"} else ["-X", request.method]
        words += [f"-H {self._text(f'{name}: {value}')}" for name, value in headers.items()]
        if request.content:
            told = request.content.decode("utf-8", "backslashreplace")
            words.append(f"--data-binary {self._text(told)}")
        return " ".join((*words, f'"$URL"{self._text(request.target)}'))

    def _name(self, value: str, kind: str) -> str:
        number = sum(name.startswith(kind) for name in self._names.values()) + 1
        self._names[value] = f"{kind}{number}"
        return self._names[value]

    def _text(self, text: str) -> str:
        """A word of the shell, with names for what has one."""
        known = sorted(self._names, key=len, reverse=True)
        spelt = {form: self._names[value] for value in known for form in (value, quote_plus(value))}
        if not spelt:
            return f'"{_quoted(text)}"'
        pieces = re.split(f"({'|'.join(map(re.escape, spelt))})", text)
        named = [f"${{{spelt[one]}}}" if one in spelt else _quoted(one) for one in pieces]
        return f'"{"".join(named)}"'


def _quoted(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _ended(answer: Answer) -> bool:
    with suppress(ValueError, RecursionError, TypeError, AttributeError):
        return all(final(job) for job in json.loads(answer.body))
    return False
