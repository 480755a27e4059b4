"""What becomes of what an algorithm prints and writes."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from compute_conformance.bench import Bench, Specimen, Started
from compute_conformance.checking import check
from compute_conformance.checks.lifecycle import log_index
from compute_conformance.scripts import Step, complain, fail, say, write
from compute_conformance.verdicts import Inconclusive, Unsupported, expect

WORD: Final = "said-by-the-algorithm"
ERROR: Final = "said-as-an-error"
LETTERS: Final = "Ελλάδα-日本-žluťoučký"
#: more than one output, whose order by code points is no dictionary's
FILES: Final = {"b.txt": "the second", "B.txt": "the first", "a10.txt": "10", "a9.txt": "9"}
WRITING: Final = (say(WORD), *(write(name, text) for name, text in FILES.items()))


def outputs(job: Mapping[str, Any]) -> dict[str, int]:
    """Names of the outputs of a job, with their indices."""
    results = job.get("results") or ()
    return {one["filename"]: i for i, one in enumerate(results) if one.get("type") == "output"}


def log(bench: Bench, *steps: Step) -> str:
    """What an algorithm of these steps left in its log."""
    one = bench.specimen(*steps)
    index = log_index(one.final)
    if index is None:
        raise Inconclusive("an algorithmLog among the results", one.final)
    return bench.fetched(one, index).decode("utf-8", "replace")


def content(bench: Bench, one: Started | Specimen, job: Mapping[str, Any], name: str) -> bytes:
    """The bytes of an output; Inconclusive where it is not among the results."""
    found = outputs(job)
    if name not in found:
        raise Inconclusive(f"the output {name}", job.get("results"))
    return bench.fetched(one, found[name])


@check("CE-RUN-LOG")
def prints(bench: Bench) -> None:
    """The log of an algorithm that prints a word."""
    found = log(bench, *WRITING)
    expect(WORD in found, WORD, found)


@check("CE-RUN-LOG-ERRORS")
def prints_errors(bench: Bench) -> None:
    """The log of an algorithm that prints a word to its standard error."""
    found = log(bench, complain(ERROR))
    expect(ERROR in found, ERROR, found)


@check("CE-RUN-OUTPUTS")
def all_outputs(bench: Bench) -> None:
    """The outputs of an algorithm that writes four files."""
    results = bench.specimen(*WRITING).final.get("results") or ()
    found = sorted(str(one.get("filename")) for one in results if one.get("type") == "output")
    expect(set(found) >= set(FILES), f"all of {sorted(FILES)}", found)
    expect(found == sorted(FILES), "nothing else, and each once", found)


@check("CE-RUN-BYTES")
def byte_for_byte(bench: Bench) -> None:
    """The bytes of each of four files, a line with its end in each."""
    one = bench.specimen(*WRITING)
    for name, text in FILES.items():
        found = content(bench, one, one.final, name)
        expect(found == f"{text}\n".encode(), f"{text!r} and a line end", found)


@check("CE-RUN-SIZE")
def sizes(bench: Bench) -> None:
    """The filesize of each of four files, and the bytes of their downloads."""
    one = bench.specimen(*WRITING)
    for name, index in outputs(one.final).items():
        size, found = one.final["results"][index].get("filesize"), bench.fetched(one, index)
        expect(size == len(found), f"{len(found)} for {name}", size)


@check("CE-RUN-FAILED")
def outputs_of_a_failure(bench: Bench) -> None:
    """The outputs of an algorithm that writes a file and fails."""
    found = outputs(bench.specimen(write("partial.txt", "partial"), fail(3)).final)
    expect("partial.txt" in found, "partial.txt", found)


@check("CE-RUN-APART")
def apart(bench: Bench) -> None:
    """Two jobs started one right after the other, which write the same file otherwise."""
    jobs = {
        word: bench.start(bench.profile.script(write("same.txt", word))) for word in ("one", "two")
    }
    ended = {word: bench.finished(started) for word, started in jobs.items()}
    for word, started in jobs.items():
        found = content(bench, started, ended[word], "same.txt")
        expect(found == f"{word}\n".encode(), f"{word!r} and a line end", found)


@check("CE-RUN-FOLDERS")
def folders(bench: Bench) -> None:
    """An algorithm that writes into a folder in a folder."""
    found = outputs(_in_folders(bench).final)
    expect("one/two/deep.txt" in found, "one/two/deep.txt", found)


def _in_folders(bench: Bench) -> Specimen:
    return bench.specimen(write("one/two/deep.txt", "deep"))


@check("CE-RUN-ORDER")
def order(bench: Bench) -> None:
    """The order of four outputs."""
    found = list(outputs(bench.specimen(*WRITING).final))
    expect(found == sorted(found), f"{sorted(found)}", found)


@check("CE-RUN-LETTERS")
def letters(bench: Bench) -> None:
    """The log of an algorithm that prints Greek, Japanese and Czech words."""
    found = log(bench, say(LETTERS))
    expect(LETTERS in found, LETTERS, found)


@check("CE-RUN-DIGEST")
def digests(bench: Bench) -> None:
    """The digest of each result in the signed view, and that of its download."""
    one = bench.specimen(*WRITING)
    for index, result in enumerate(one.signed.get("results") or ()):
        if "sha256" not in result:
            raise Unsupported("sha256", result)
        found = sha256(bench.fetched(one, index)).hexdigest()
        expect(str(result["sha256"]).lower() == found, f"{found} for result {index}", result)
