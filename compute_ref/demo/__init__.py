"""The shipped catalogue: the Palmer penguins and an algorithm that may look at them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

DATASET: Final = "did:op:7275a7003cb0506c3886f4728402f29428635b629875dd0ece7b3a15cf4d6fea"
ALGORITHM: Final = "did:op:73e7060912e0aa828b050dda7e82fa027d5e84b170f80340cc34a84f50bd3a60"
TRUSTED_SERVICE: Final = "compute"  # runs the shipped algorithm, and no other
OPEN_SERVICE: Final = "open"  # runs anybody's code, as the penguins are public
ALGORITHM_SERVICE: Final = "access"


def copy_catalogue(to: Path) -> None:
    """Copy the catalogue into the new folder `to`; FileExistsError where there is one."""
    to.mkdir(parents=True)
    for asset in files(__name__).joinpath("assets").iterdir():
        if asset.is_file():
            (to / asset.name).write_bytes(asset.read_bytes())


def copy_configuration(to: Path) -> None:
    """Write the commented configuration as the new file `to`; FileExistsError where it is."""
    _copy("compute-ref.toml", to)


def copy_own_code(to: Path) -> None:
    """Write a small algorithm to play with as the new file `to`."""
    _copy("own.py.txt", to)


def _copy(name: str, to: Path) -> None:
    with to.open("xb") as file:
        file.write(files(__name__).joinpath(name).read_bytes())
