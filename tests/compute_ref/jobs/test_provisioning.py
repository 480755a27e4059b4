"""What stands in a run's folders before its algorithm starts, and why it may not start."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from compute_ref.assets.plan import Dataset
from compute_ref.jobs.provisioning import AlgorithmFailed, DataFailed
from tests.compute_ref.jobs.provided import (
    ALGO,
    CSV,
    DATA,
    HERE,
    Place,
    dataset,
    ddo,
    file,
    published,
    raw,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_a_dataset_are_named_by_their_index(place: Place) -> None:
    folders = place.provision(dataset(file("numbers.csv"), file("more.csv")))
    inputs = folders.inputs / ("a" * 64)
    assert sorted(path.name for path in inputs.iterdir()) == ["0", "1"]
    assert (inputs / "0").read_bytes() == CSV
    assert (inputs / "1").read_bytes() == b"4\n"


def test_an_input_is_a_copy_and_no_hard_link(place: Place) -> None:
    folders = place.provision(dataset(file("numbers.csv")))
    copied = folders.inputs / ("a" * 64) / "0"
    assert copied.stat().st_nlink == 1
    assert copied.stat().st_ino != (place.catalogue / "numbers.csv").stat().st_ino


def test_everything_can_be_read_by_the_runs_own_user_whatever_the_umask(place: Place) -> None:
    before = os.umask(0o077)
    try:
        folders = place.provision(
            dataset(file("numbers.csv")), algorithm=published(file("mean.py"))
        )
    finally:
        os.umask(before)
    assert mode(folders.inputs / ("a" * 64)) == 0o755
    assert mode(folders.inputs / ("a" * 64) / "0") == 0o644
    assert mode(folders.inputs / "algoCustomData.json") == 0o644
    assert mode(folders.ddos / ("a" * 64)) == 0o644
    assert mode(folders.transformations / "algorithm") == 0o755


def test_custom_data_is_always_there(place: Place) -> None:
    folders = place.provision(dataset(file("numbers.csv")))
    assert (folders.inputs / "algoCustomData.json").read_text() == "null"
    folders = place.provision(
        dataset(file("numbers.csv")), algorithm=raw(custom_data={"k": "ü\ud800"})
    )
    written = (folders.inputs / "algoCustomData.json").read_bytes()
    assert json.loads(written) == {"k": "ü\ud800"}


def test_raw_code_is_written_as_it_was_sent(place: Place) -> None:
    code = "#!/bin/sh\r\necho 'ü'\0\n"
    folders = place.provision(dataset(file("numbers.csv")), algorithm=raw(code))
    assert (folders.transformations / "algorithm").read_bytes() == code.encode()
    assert mode(folders.transformations / "algorithm") == 0o755
    assert [path.name for path in folders.ddos.iterdir()] == ["a" * 64]


def test_further_files_of_an_algorithm_lie_beside_it(place: Place) -> None:
    algorithm = published(file("mean.py"), file("helper.py"))
    folders = place.provision(dataset(file("numbers.csv")), algorithm=algorithm)
    assert (folders.transformations / "algorithm").read_bytes() == b"print(2)\n"
    assert (folders.transformations / "1").read_bytes() == b"x = 1\n"


def test_an_algorithm_sees_documents_without_url_header_or_path(place: Place) -> None:
    hidden = {"type": "url", "url": "https://data.example/x", "headers": {"Key": "hush"}}
    listed = dataset(file("numbers.csv"))
    listed = replace(listed, ddo=ddo(DATA, hidden, file("numbers.csv")))
    folders = place.provision(listed, algorithm=published(file("mean.py")))
    for did in ("a" * 64, "c" * 64):
        text = (folders.ddos / did).read_text()
        for secret in ("data.example", "hush", "Key", "numbers.csv", "mean.py"):
            assert secret not in text
        (service,) = json.loads(text)["services"]
        assert (service["files"], service["serviceEndpoint"]) == ("", HERE)


def test_one_asset_may_be_dataset_and_algorithm(place: Place) -> None:
    both = Dataset(ALGO, "use", ddo(ALGO, file("mean.py")), (file("mean.py"),))
    folders = place.provision(both, algorithm=published(file("mean.py")))
    assert json.loads((folders.ddos / ("c" * 64)).read_text())["id"] == ALGO


def test_it_can_be_done_again_in_folders_made_anew(place: Place) -> None:
    for _ in range(2):
        folders = place.provision(
            dataset(file("numbers.csv")), algorithm=published(file("mean.py"))
        )
    assert (folders.inputs / ("a" * 64) / "0").read_bytes() == CSV


def test_the_log_tells_what_was_fetched_without_naming_files(place: Place) -> None:
    place.provision(dataset(file("numbers.csv"), file("more.csv")))
    assert place.lines == [f"Fetched 2 file(s) of {DATA}.", "The algorithm is in place."]


# Files that cannot be had


@pytest.mark.parametrize("path", ["nothing.csv", "../data", "/etc/hostname", ""])
def test_a_missing_input_is_a_failure_of_the_data(place: Place, path: str) -> None:
    with pytest.raises(DataFailed) as failed:
        place.provision(dataset(file("numbers.csv"), file(path)))
    assert "/" not in str(failed.value)


def test_a_missing_algorithm_file_is_a_failure_of_the_algorithm(place: Place) -> None:
    with pytest.raises(AlgorithmFailed):
        place.provision(dataset(file("numbers.csv")), algorithm=published(file("nothing.py")))


def test_missing_data_is_told_before_a_missing_algorithm(place: Place) -> None:
    with pytest.raises(DataFailed):
        place.provision(dataset(file("nothing")), algorithm=published(file("nothing.py")))


@pytest.mark.parametrize(("most", "fine"), [(len(CSV) - 1, False), (len(CSV), True)])
def test_a_file_over_the_limit_is_a_failure(place: Place, most: int, fine: bool) -> None:
    if fine:
        assert place.provision(dataset(file("numbers.csv")), most_bytes=most)
    else:
        with pytest.raises(DataFailed, match="larger than this server fetches"):
            place.provision(dataset(file("numbers.csv")), most_bytes=most)


def test_a_file_that_grows_over_the_limit_while_it_is_copied_is_a_failure(place: Place) -> None:
    """The size is looked at when the file is opened; here it is no longer true."""

    def grown() -> BinaryIO:
        stream = (place.catalogue / "more.csv").open("rb")
        (place.catalogue / "more.csv").write_bytes(CSV)
        return stream

    place.streams.act = grown
    with pytest.raises(DataFailed, match="larger than this server fetches"):
        place.provision(dataset({"type": "stream"}), most_bytes=100)


def test_a_stream_over_the_limit_is_a_failure(place: Place) -> None:
    place.streams.act = lambda: io.BytesIO(b"x" * 101)
    with pytest.raises(DataFailed, match="larger than this server fetches"):
        place.provision(dataset({"type": "stream"}), most_bytes=100)


def test_what_an_operating_system_says_of_a_path_stays_here(place: Place) -> None:
    def broken() -> NoReturn:
        raise OSError(5, "Input/output error", "/srv/secret/place")

    place.streams.act = broken
    with pytest.raises(DataFailed) as failed:
        place.provision(dataset({"type": "stream"}))
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("event", [DataFailed, AlgorithmFailed])
def test_a_fault_of_a_plugin_counts_for_what_it_was_to_open(
    place: Place, event: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> NoReturn:
        raise KeyError("/srv/secret/place")

    place.streams.act = broken
    data, code = {"type": "stream"}, file("mean.py")
    if event is AlgorithmFailed:
        data, code = file("numbers.csv"), data
    with pytest.raises(event, match="operator") as failed:
        place.provision(dataset(data), algorithm=published(code))
    assert "secret" not in str(failed.value)
    assert "job job-a" in caplog.text
    assert "KeyError" in caplog.text


def test_a_plugin_is_told_the_userdata_of_its_dataset(place: Place) -> None:
    place.provision(dataset({"type": "stream"}, userdata={"year": 2007}))
    assert place.streams.userdata == [{"year": 2007}]


# What was checked is what runs


def checksum(*texts: bytes) -> str:
    return "".join(hashlib.sha256(text).hexdigest() for text in texts)


def test_an_algorithm_with_the_demanded_files_is_put_in_place(place: Place) -> None:
    demanded = checksum(b"print(2)\n", b"x = 1\n")
    algorithm = published(file("mean.py"), file("helper.py"), files_checksum=demanded)
    assert place.provision(dataset(file("numbers.csv")), algorithm=algorithm)


@pytest.mark.parametrize("changed", ["mean.py", "helper.py"])
def test_a_file_that_changed_since_it_was_checked_does_not_run(place: Place, changed: str) -> None:
    demanded = checksum(b"print(2)\n", b"x = 1\n")
    (place.catalogue / changed).write_bytes(b"print(open('/etc/passwd'))\n")
    algorithm = published(file("mean.py"), file("helper.py"), files_checksum=demanded)
    with pytest.raises(AlgorithmFailed, match="changed after the job was accepted"):
        place.provision(dataset(file("numbers.csv")), algorithm=algorithm)
