"""What an algorithm tries and does not get, and what it leaves for others to fall over."""

from __future__ import annotations

import shlex
import stat
import threading
from pathlib import Path
from typing import Final

import pytest

from compute_ref.jobs.outputs import Allowance, collect
from compute_ref.plugins import Folders
from compute_ref.testing.backend_contract.bench import Bench
from compute_ref.testing.backend_contract.contract import Contract
from compute_ref.testing.backend_contract.listening import Listening, listening

#: of each folder that it only may read, an algorithm tries to change what it can
INTRUDE: Final = """
echo first
for folder in inputs ddos transformations logs; do
    cd "$VOLUME/$folder" || exit 9
    true > intruder; mkdir intruder; ln -s /etc/passwd intruder
    for file in *; do
        echo changed >> "$file"; true > "$file"; mv "$file" moved; rm -f "$file"
    done
    cd "$VOLUME"
    mv "$folder" moved; rm -rf "$folder"
done 2> /dev/null
echo last
"""
#: %(file)s and %(folder)s are places of the server
TRAPS: Final = """
cd "$OUTPUTS"
echo good > good
ln -s %(file)s link; ln -s %(folder)s folder; ln -s . loop; ln -s /nowhere dangling
mkdir deep; ln -s %(file)s deep/link; ln -s %(file)s deep/algorithm.log
echo twin > twin; ln twin other
{ ln "$INPUTS/data" input; mkfifo pipe; mknod device c 1 3; } 2> /dev/null
true
"""


class Isolation(Contract):
    """The network, the server's folders and its secrets are out of reach."""

    def test_without_leave_there_is_no_network(self, bench: Bench) -> None:
        """No route, and no way to a server on this machine."""
        if not self.holds(bench, "network"):
            return
        for address in {"127.0.0.1", self.reachable_at or "127.0.0.1"}:
            with listening(address) as server:
                code, routes = self._fetch(bench, server, network=False)
            assert server.came == []
            assert code not in (0, 127), "no HTTP client, or it was answered: see Contract.fetch"
            assert routes[1:] == []

    def test_with_leave_there_is_a_network(self, bench: Bench) -> None:
        """Unless the class declares that there never is one; then it must be so."""
        with listening(self.reachable_at or "127.0.0.1") as server:
            code, _ = self._fetch(bench, server, network=True)
        assert code != 127, "the algorithm has no HTTP client: see Contract.fetch"
        assert (code == 0) is (self.reachable_at is not None)
        assert server.came == (["/came"] if self.reachable_at else [])

    def test_only_outputs_can_be_written(self, bench: Bench) -> None:
        """Inputs, documents, the algorithm and the log stay as they are."""
        if not self.holds(bench, "filesystem"):
            return
        run = bench.run(INTRUDE)
        before = _contents(run.folders)
        assert bench.finish(run).code == 0, bench.log(run)
        assert _contents(run.folders) == before
        assert bench.log(run) == "first\nlast\n"
        assert [path.name for path in run.folders.logs.iterdir()] == ["algorithm.log"]

    def test_links_and_devices_in_outputs_do_no_harm(self, bench: Bench) -> None:
        """They stay what they are, for the server to leave out; what they name is untouched."""
        file, folder = bench.site.data_dir / "file", bench.site.data_dir / "folder"
        folder.mkdir()
        for path in (file, folder / "file"):
            path.write_text("the server's own")
            path.chmod(0o600)
        outside = (file, folder, folder / "file")
        names = {"file": shlex.quote(str(file)), "folder": shlex.quote(str(folder))}
        run = bench.run(TRAPS % names)
        before = [_state(path) for path in (*outside, run.folders.inputs / "data")]
        assert bench.finish(run).code == 0, bench.log(run)
        assert [_state(path) for path in outside] == before[:-1]
        assert _state(run.folders.inputs / "data")[1] == before[-1][1]
        outputs = run.folders.outputs
        assert (outputs / "link").readlink() == (outputs / "deep" / "link").readlink() == file
        assert (outputs / "folder").readlink() == folder
        taken = bench.site.data_dir / "taken"
        collect(outputs, taken, Allowance(100, 2**20, threading.Event()))
        assert sorted(path.name for path in taken.rglob("*")) == ["deep", "good"]

    def test_nothing_of_the_servers_surroundings_is_shown(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its variables may hold keys."""
        monkeypatch.setenv("COMPUTE_REF_TEST", "a key of the server")
        run = bench.run("env")
        assert bench.finish(run).code == 0
        assert f"secret={run.variables['secret']}" in bench.log(run).splitlines()
        assert "a key of the server" not in bench.log(run)

    def _fetch(self, bench: Bench, server: Listening, network: bool) -> tuple[int, list[str]]:
        """The exit code of an algorithm's HTTP client, and the lines of its table of routes."""
        run = bench.run(
            'cat /proc/net/route > "$OUTPUTS/routes"\n'
            f"{self.fetch} {server.url}/came > /dev/null 2>&1\n"
            'echo $? > "$OUTPUTS/code"',
            network=network,
        )
        assert bench.finish(run).code == 0, bench.log(run)
        return int(bench.output(run, "code")), bench.output(run, "routes").splitlines()


def _contents(folders: Folders) -> dict[str, bytes | None]:
    shown = (folders.inputs, folders.ddos, folders.transformations)
    found = (path for folder in shown for path in sorted(folder.rglob("*")))
    return {
        f"{path.relative_to(folders.root)}": path.read_bytes() if path.is_file() else None
        for path in found
    }


def _state(path: Path) -> tuple[object, object]:
    """Whose an entry is and what may be done with it, and what it holds."""
    found = path.lstat()
    content = path.read_text() if stat.S_ISREG(found.st_mode) else sorted(path.iterdir())
    return (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns), content
