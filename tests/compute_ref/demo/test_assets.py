"""The shipped catalogue is sound, and trusts exactly the algorithm that it ships."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.trust import container_checksum
from compute_ref.demo import ALGORITHM, DATASET, OPEN_SERVICE, TRUSTED_SERVICE, copy_catalogue


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    copy_catalogue(tmp_path / "assets")
    return tmp_path / "assets"


def test_every_document_of_the_catalogue_is_sound(shipped: Path) -> None:
    assert set(Catalogue(shipped).documents()) == {DATASET, ALGORITHM}


def test_the_dataset_trusts_the_shipped_algorithm_by_its_checksums(shipped: Path) -> None:
    documents = Catalogue(shipped).documents()
    trusted, open_service = documents[DATASET]["services"]
    assert (trusted["id"], open_service["id"]) == (TRUSTED_SERVICE, OPEN_SERVICE)
    (entry,) = trusted["compute"]["publisherTrustedAlgorithms"]
    container = documents[ALGORITHM]["metadata"]["algorithm"]["container"]
    code = (shipped / "species_summary.py").read_bytes()
    assert entry["did"] == ALGORITHM
    assert entry["filesChecksum"] == hashlib.sha256(code).hexdigest()
    found = container_checksum(container["entrypoint"], container["checksum"])
    assert entry["containerSectionChecksum"] == found
    assert not trusted["compute"]["allowRawAlgorithm"]


def test_the_table_is_the_palmer_penguins(shipped: Path) -> None:
    with (shipped / "penguins.csv").open() as file:
        species = Counter(row["species"] for row in csv.DictReader(file))
    assert species == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}


def run_algorithm(shipped: Path, folder: Path, custom: object) -> subprocess.CompletedProcess[str]:
    (folder / "inputs" / "did").mkdir(parents=True)
    (folder / "outputs").mkdir()
    (folder / "inputs" / "did" / "0").write_bytes((shipped / "penguins.csv").read_bytes())
    (folder / "inputs" / "algoCustomData.json").write_text(json.dumps(custom))
    given = {"DIDS": '["did"]', "INPUTS": f"{folder}/inputs", "OUTPUTS": f"{folder}/outputs"}
    return subprocess.run(
        [sys.executable, "-I", str(shipped / "species_summary.py")],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_algorithm_writes_the_plot_that_was_asked_for(shipped: Path, tmp_path: Path) -> None:
    done = run_algorithm(shipped, tmp_path, {"x": "bill_length_mm", "y": "bill_depth_mm"})
    assert done.returncode == 0, done.stderr
    svg = ElementTree.fromstring((tmp_path / "outputs" / "penguins.svg").read_text())
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "Bill length (mm)" in texts
    circles = list(svg.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 342 + 3  # each penguin of known measures, and the legend


def test_the_algorithm_says_which_measures_there_are(shipped: Path, tmp_path: Path) -> None:
    done = run_algorithm(shipped, tmp_path, {"x": "age"})
    assert done.returncode == 1
    assert "no measure 'age'" in done.stderr


def test_the_catalogue_is_never_copied_over_another(shipped: Path) -> None:
    with pytest.raises(FileExistsError):
        copy_catalogue(shipped)
