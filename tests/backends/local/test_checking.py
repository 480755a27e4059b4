"""Options, what check finds, and what enforced tells."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import BackendUnavailable, Limits, Site
from compute_ref_local import LocalBackend, backends
from compute_ref_local.options import Options


def backend(folder: Path, *, loopback: bool = True, **options: Any) -> LocalBackend:
    return LocalBackend(Site(options, folder, folder, loopback))


def found(**instead: str | None) -> Callable[[str], str | None]:
    really = shutil.which
    return lambda name: instead[name] if name in instead else really(name)


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no bwrap is found."""
    monkeypatch.setattr(shutil, "which", found(bwrap=None))


@pytest.fixture
def broken_bubblewrap(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bwrap that is there and cannot make namespaces, as in many containers."""
    program = open_folder / "bwrap"
    program.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1"
    )
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", found(bwrap=str(program)))


@pytest.fixture
def bubblewrap_without_filters(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bwrap on a kernel that has no seccomp filters."""
    program = open_folder / "bwrap"
    program.write_text(
        "#!/bin/sh\ncase \"$*\" in *--seccomp*) echo 'bwrap: no seccomp' >&2; exit 1;; esac\n"
        f'exec {shutil.which("bwrap")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", found(bwrap=str(program)))


def test_the_hook_offers_it_as_local() -> None:
    assert backends() == {"local": LocalBackend}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"sandbox": "maybe"}, "sandbox: must be one of auto, require, none"),
        ({"bind": "/opt"}, "bind: must be a list"),
        ({"bind": ["opt"]}, "bind: must be a list of absolute paths"),
        ({"bind": ["/nowhere/at/all"]}, "paths that exist"),
        ({"uid_base": 0}, "uid_base: must be a number from 1000"),
        ({"uid_base": True}, "uid_base"),
        ({"cgroup": "here"}, "cgroup: must be auto, none or the absolute path"),
        ({"cgroup": 7}, "cgroup: must be"),
        ({"sandboxed": True}, "sandboxed: no such key"),
    ],
)
def test_a_wrong_option_is_named_with_its_mend(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        backend(tmp_path, **table)


def test_options_have_defaults() -> None:
    assert Options.read({}) == Options("auto", (), 64_000)


def test_where_bubblewrap_works_it_is_used(tmp_path: Path) -> None:
    assert backend(tmp_path).check().startswith("sandboxed by bubblewrap")


def test_probing_leaves_nothing_behind(tmp_path: Path) -> None:
    backend(tmp_path).check()
    assert list((tmp_path / "local").iterdir()) == []


@pytest.mark.parametrize("broken", ["no_bubblewrap", "broken_bubblewrap"])
def test_without_it_auto_falls_back_on_loopback_with_a_warning(
    open_folder: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest, broken: str
) -> None:
    request.getfixturevalue(broken)
    with caplog.at_level(logging.WARNING):
        assert backend(open_folder).check().startswith("no sandbox")
    assert "WITHOUT a sandbox" in caplog.text
    assert "bubblewrap" in caplog.text


@pytest.mark.parametrize("broken", ["no_bubblewrap", "broken_bubblewrap"])
@pytest.mark.parametrize("how", [{"loopback": False}, {"sandbox": "require"}])
def test_without_it_any_other_server_is_refused(
    open_folder: Path, request: pytest.FixtureRequest, broken: str, how: dict[str, Any]
) -> None:
    request.getfixturevalue(broken)
    with pytest.raises(BackendUnavailable, match="Install bubblewrap"):
        backend(open_folder, **how).check()


def test_none_is_accepted_anywhere_and_says_so(open_folder: Path) -> None:
    assert backend(open_folder, loopback=False, sandbox="none").check().startswith("no sandbox")


def test_bubblewrap_is_found_broken_only_by_running_it(
    open_folder: Path, broken_bubblewrap: None
) -> None:
    with pytest.raises(BackendUnavailable, match="No permissions to create new namespace"):
        backend(open_folder, sandbox="require").check()


def test_a_kernel_that_cannot_refuse_calls_is_used_and_enforced_says_what_is_not_seen(
    open_folder: Path, bubblewrap_without_filters: None
) -> None:
    unfiltered = backend(open_folder)
    assert unfiltered.check().startswith("sandboxed by bubblewrap")
    assert "not what System V" in unfiltered.enforced(Limits(memory=2**30))["memory"]


def test_where_calls_are_refused_nothing_of_them_is_said(tmp_path: Path) -> None:
    assert "System V" not in backend(tmp_path).enforced(Limits(memory=2**30))["memory"]


def test_enforced_tells_each_limit_and_isolation(tmp_path: Path) -> None:
    held = backend(tmp_path).enforced(Limits(1, 2**30, 2**30, 2**20, 60, 256))
    assert set(held) == {
        *("cpu", "memory", "disk", "processes", "time", "network", "filesystem", "user")
    }
    assert all(isinstance(how, str) for how in held.values())
    assert "250 ms" in held["memory"]


def test_enforced_says_no_where_there_is_no_limit(tmp_path: Path) -> None:
    held = backend(tmp_path).enforced(Limits())
    assert {held[key] for key in ("cpu", "memory", "disk", "processes", "time")} == {"no"}
