"""How a result is called, and how long it is said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.results import ended, exclusively, named, place, working
from compute_conformance.exchanges import MISSING
from compute_conformance.scripts import write
from compute_conformance.verdicts import Unsupported, expect, given

LETTERS: Final = "größer-als-€"


@check("CE-RESULT-FILENAME-FOLDER")
def in_a_folder(bench: Bench) -> None:
    """The name in the header of an output in a folder."""
    job = ended(bench, write("a-folder/in-it.txt", "somewhere below"))
    with given("a name in Content-Disposition"):
        found = named(working(job.first(place(job, filename="a-folder/in-it.txt"))))
    expect(found == "in-it.txt", "the name in-it.txt", found)


@check("CE-RESULT-SIZE-LETTERS")
def letters(bench: Bench) -> None:
    """The size of an output whose letters are of several bytes."""
    job = ended(bench, write("letters.txt", LETTERS))
    size = len(f"{LETTERS}\n".encode())
    told = job.results[place(job, filename="letters.txt")].get("filesize")
    expect(told == size, f"a filesize of {size} bytes", told)


@check("CE-RESULT-HEAD-LENGTH")
def head_length(bench: Bench) -> None:
    """The Content-Length of a HEAD, where there is one, and the length of the download."""
    size = len(working(ended(bench).first()).body)
    with exclusively(bench) as request:
        answer = bench.send(replace(request, method="HEAD"))
    if answer.status in MISSING:
        raise Unsupported("HEAD of a download", answer)
    with given("a HEAD of a download"):
        expect(answer.status == 200, "the status 200", answer)
    told = answer.headers.get("content-length", str(size))
    expect(told == str(size), f"Content-Length: {size}", told)
