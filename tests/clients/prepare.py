"""Installs the two clients that the tests drive: ``python prepare.py FOLDER``.

ocean.py 3.1.2 needs Python 3.10, so it gets an environment of its own; ocean.js is installed by
npm from the lock file. What is there already is kept while what it was made from stays the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
WANTED: Final = "3.10"
MISSING: Final = f"""\
The clients' tests need Python {WANTED}, the newest that ocean.py 3.1.2 can be installed on, and
found none. Install it, for example with `pyenv install {WANTED}` or `uv python install {WANTED}`,
or name one in the variable PYTHON310. Looked at PYTHON310, PATH, pyenv and uv."""


def main(folder: Path) -> None:
    """Both clients, each once."""
    folder.mkdir(parents=True, exist_ok=True)
    once(folder / "ocean_py", HERE / "ocean_py" / "constraints.txt", install_ocean_py)
    once(folder / "ocean_js", HERE / "ocean_js" / "package-lock.json", install_ocean_js)


def once(folder: Path, source: Path, install: object) -> None:
    """Install into `folder` unless that was done from the same `source`."""
    mark = folder / "made-from"
    wanted = hashlib.sha256(source.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    assert callable(install)
    install(folder)
    mark.write_text(wanted)


def install_ocean_py(folder: Path) -> None:
    """An environment of Python 3.10 with the unmodified ocean.py."""
    python = next(pythons(), None)
    if python is None:
        raise SystemExit(MISSING)
    run(python, "-m", "venv", str(folder))
    listed = HERE / "ocean_py"
    files = ("-r", str(listed / "requirements.txt"), "-c", str(listed / "constraints.txt"))
    run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *files)


def install_ocean_js(folder: Path) -> None:
    """The unmodified ocean.js beside its driver."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("The clients' tests need Node with npm, and found none. Install Node 20.")
    shutil.copytree(HERE / "ocean_js", folder, ignore=shutil.ignore_patterns("node_modules"))
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=folder)


def pythons() -> Iterator[str]:
    """Interpreters of the wanted version that really run."""
    for candidate in candidates():
        if version_of(candidate) == WANTED:
            yield candidate


def candidates() -> Iterator[str]:
    """Where one may be."""
    yield os.environ.get("PYTHON310", "")
    for place in os.get_exec_path():
        yield str(Path(place) / f"python{WANTED}")
    for tool in (("pyenv", "root"), ("uv", "python", "find", WANTED)):
        said = said_by(*tool)
        yield from (str(found) for found in Path(said).glob(f"versions/{WANTED}*/bin/python"))
        yield said


def version_of(python: str) -> str:
    """``3.10`` and the like; "" where it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return said_by(python, "-c", code) if python else ""


def said_by(*command: str) -> str:
    """What a command prints; "" where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command to its good end."""
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
