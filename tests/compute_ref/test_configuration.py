"""The configuration: where a value may come from, and how a wrong one is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from compute_ref.configuration import (
    ConfigurationError,
    environment_variable,
    known_keys,
    load,
)
from compute_ref.settings import Environment, Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
LOCAL = '[[environments]]\nid = "local"\nbackend = "local"\n'


Write = Callable[[str], Path]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """Write a configuration file; returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "compute-ref.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(
    file: Path | None = None,
    variables: dict[str, str] | None = None,
    flags: dict[str, Any] | None = None,
) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(file, variables or {}, flags)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_with_nothing_given_there_is_one_local_environment() -> None:
    settings = load(None, {})
    assert settings == Settings((Environment("local", "local"),))
    assert settings.server.host == "127.0.0.1"


def test_a_file_says_what_it_needs_and_leaves_the_rest(file: Write, tmp_path: Path) -> None:
    (tmp_path / "ddos").mkdir()
    settings = load(
        file(f"""
[server]
port = 0
[chains]
ids = [1, 8996]
[catalogue]
path = "ddos"
[deadlines]
launch = 7
[backends.local]
sandbox = "require"
{LOCAL}maxJobs = 2
priceMin = 0.5
chains = [1]
"""),
        {},
    )
    assert settings.server.port == 0
    assert settings.server.threads == 8
    assert settings.chains.ids == (1, 8996)
    assert settings.catalogue.path == tmp_path / "ddos"
    assert settings.deadlines.launch == 7.0
    assert settings.backends == {"local": {"sandbox": "require"}}
    (environment,) = settings.environments
    assert (environment.maxJobs, environment.priceMin, environment.chains) == (2, 0.5, (1,))


def test_a_files_paths_are_relative_to_it_and_others_to_the_working_folder(
    file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    written = file('[server]\ndata_dir = "data"\n')
    assert load(written, {}).server.data_dir == tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    assert load(Path("compute-ref.toml"), {}).server.data_dir == tmp_path / "data"
    monkeypatch.chdir(elsewhere)
    by_variable = load(written, {"COMPUTE_REF_SERVER_DATA_DIR": "data"})
    assert by_variable.server.data_dir == elsewhere / "data"
    by_flag = load(written, {}, {"server.data_dir": "flagged"})
    assert by_flag.server.data_dir == elsewhere / "flagged"
    assert load(None, {"COMPUTE_REF_SERVER_DATA_DIR": "~/d"}).server.data_dir == Path.home() / "d"


def test_variables_go_over_the_file_and_flags_over_both(file: Write) -> None:
    written = file("[server]\nport = 1\nthreads = 3\nmax_body = 5000\n")
    variables = {"COMPUTE_REF_SERVER_PORT": "2", "COMPUTE_REF_SERVER_THREADS": "4"}
    server = load(written, variables, {"server.port": 3, "server.host": None}).server
    assert (server.port, server.threads, server.max_body) == (3, 4, 5000)


def test_variables_of_the_process_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPUTE_REF_SERVER_PORT", "4321")
    assert load().server.port == 4321


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("SERVER_HOST", "10", "server", "host", "10"),
        ("SERVER_PUBLIC_URL", "https://a.example", "server", "public_url", "https://a.example"),
        ("SERVER_SYNC", "false", "server", "sync", False),
        ("SERVER_CORS_ORIGINS", "*", "server", "cors_origins", ("*",)),
        ("SERVER_TRUSTED_PROXIES", "10.0.0.1, ::1", "server", "trusted_proxies",
         ("10.0.0.1", "::1")),
        ("CHAINS_IDS", "1", "chains", "ids", (1,)),
        ("CHAINS_IDS", "1, 8996", "chains", "ids", (1, 8996)),
        ("CHAINS_IDS", "[1, 8996]", "chains", "ids", (1, 8996)),
        ("DEADLINES_STOP_GRACE", "2", "deadlines", "stop_grace", 2.0),
        ("BACKENDS_LOCAL_SANDBOX", "none", "backends", "local", {"sandbox": "none"}),
        ("BACKENDS_LOCAL_UID_BASE", "70000", "backends", "local", {"uid_base": 70000}),
        ("BACKENDS_LOCAL_BIND", '["/opt"]', "backends", "local", {"bind": ["/opt"]}),
        ("BACKENDS", '{"local": {"tag": "1"}}', "backends", "local", {"tag": "1"}),
        ("PLUGINS_MINE_KEY", "x", "plugins", "mine", {"key": "x"}),
    ],
)  # fmt: skip
def test_a_variable_is_read_as_its_key_wants_it(
    name: str, text: str, section: str, key: str, value: Any
) -> None:
    found = getattr(load(None, {"COMPUTE_REF_" + name: text}), section)
    assert (found[key] if isinstance(found, dict) else getattr(found, key)) == value


def test_environments_come_from_a_variable_as_json(file: Write) -> None:
    environments = [{"id": "a", "backend": "local", "maxJobs": 3}, {"id": "b", "backend": "x"}]
    written = file(LOCAL)
    found = load(written, {"COMPUTE_REF_ENVIRONMENTS": json.dumps(environments)}).environments
    assert [(one.id, one.backend, one.maxJobs) for one in found] == [
        ("a", "local", 3),
        ("b", "x", 1),
    ]


def test_tables_of_plugins_are_merged_key_by_key(file: Write) -> None:
    written = file('[backends.local]\nsandbox = "auto"\nuid_base = 5000\n')
    settings = load(written, {"COMPUTE_REF_BACKENDS_LOCAL_SANDBOX": "none"})
    assert settings.backends == {"local": {"sandbox": "none", "uid_base": 5000}}


def test_the_clients_key_is_none_of_the_servers_business() -> None:
    assert load(None, {"COMPUTE_REF_PRIVATE_KEY": "0x1", "OTHER": "x"}) == load(None, {})


def sample(shape: Any, default: Any) -> tuple[str, Any]:
    """A text that a variable may have and the value it stands for, different from the default."""
    if shape is bool:
        return json.dumps(not default), not default
    if shape is int or shape is float:
        return str(int(default) + 1), type(shape())(int(default) + 1)
    if shape is str:
        return "https://x.example", "https://x.example"
    if "tuple" in str(shape):
        return ("77", (77,)) if "int" in str(shape) else ("10.0.0.9", None)
    return "/", Path("/")


@pytest.mark.parametrize("key", [key for key in known_keys() if "." in key])
def test_every_key_is_also_a_variable(key: str) -> None:
    section, name = key.split(".")
    shape = get_type_hints(Settings)[section]
    default = getattr(shape(), name)
    text, value = sample(get_type_hints(shape)[name], default)
    if key == "server.cors_origins":
        text, value = "https://x.example", ("https://x.example",)
    elif value is None:
        value = (text,)
    found = getattr(load(None, {environment_variable(key): text}), section)
    assert getattr(found, name) == value != default


# What stops the start


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    text = refusal(tmp_path / "none.toml")
    assert str(tmp_path / "none.toml") in text
    assert "compute-ref init" in text


@pytest.mark.parametrize("content", ["[server", "port = ", "a = [" * 5000, "[server]\n[server]\n"])
def test_broken_toml_is_named(file: Write, content: str) -> None:
    assert "is not valid TOML" in refusal(file(content))


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    assert "is not valid TOML" in refusal(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[sever]\nport = 1", "sever: no such table; did you mean server?"),
        ("[zzz]", "zzz: no such table; there are: backends, "),
        ("[server]\nprot = 1", "server.prot: no such key; did you mean port?"),
        (LOCAL + "maxjobs = 1", "environments[0].maxjobs: no such key; did you mean maxJobs?"),
        ("server = 1", "server: must be a table: [server]"),
        ("environments = []", "environments: must be tables, at least one"),
        ("[environments]\nid = 1", "environments: must be tables, at least one"),
        ('[[environments]]\nid = "a"', "environments[0].backend: is missing"),
        ("backends = 1", "backends: must be tables"),
        ("[backends]\nlocal = 1", "backends: must be tables"),
        ('[server]\nport = "80"', "server.port: must be a whole number, but is '80'"),
        ("[server]\nport = 80.5", "server.port: must be a whole number"),
        ("[server]\nport = true", "server.port: must be a whole number"),
        ("[server]\nsync = 1", "server.sync: must be true or false"),
        ("[server]\nhost = 1", "server.host: must be a text"),
        ("[server]\ndata_dir = 1", "server.data_dir: must be a path"),
        ('[server]\ndata_dir = ""', "server.data_dir: must be a path"),
        ('[server]\ndata_dir = "a\\u0000b"', "server.data_dir: must be a path"),
        ('[server]\ndata_dir = "~nobody-here/a"', "server.data_dir: '~nobody-here/a' names"),
        ("[chains]\nids = 1", "chains.ids: must be a list"),
        ('[chains]\nids = ["1"]', "chains.ids: must be a whole number"),
        ("[deadlines]\nlaunch = nan", "deadlines.launch: must be a number from 0"),
        ("[deadlines]\nlaunch = inf", "deadlines.launch: must be a number from 0"),
        ("[retention]\nrecord_expiry = -1", "retention.record_expiry: must be a number from 0"),
        (f"[queue]\nmax_queued = {10**30}", "queue.max_queued: must be a number from 0"),
        (f"[deadlines]\nlaunch = {10**400}", "deadlines.launch: must be a number"),
        ("[server]\nport = 65536", "server.port: must be 0 to 65535; 0 picks a free one, but is"),
        ("[server]\nthreads = 1", "server.threads: must be at least 2"),
        ("[server]\nthreads = 20\nconnection_limit = 10", "server.connection_limit: must not be"),
        ("[server]\nmax_body = 10", "server.max_body: must be at least 4096"),
        ('[server]\nhost = " a"', "server.host: must be an address"),
        ('[server]\nhost_data_dir = "/"\ntrusted_proxies = ["lb"]', "server.trusted_proxies:"),
        ('[server]\ncors_origins = ["https://a.example/x"]', "server.cors_origins:"),
        ("[chains]\nids = []", "chains.ids: must be at least one chain id"),
        ("[chains]\nids = [0]", "chains.ids: must be at least one chain id"),
        ("[chains]\nids = [1, 1]", "chains.ids: must be at least one chain id"),
        ('[catalogue]\npath = "nowhere"', "catalogue.path: must be a folder that is there"),
        ("[deadlines]\nstop_grace = 21", "deadlines.stop_grace: must be 0 to 20 seconds"),
        ("[deadlines]\nfiltering = 0", "deadlines.filtering: must be greater than 0"),
        (LOCAL + LOCAL, 'environments[1].id: another environment is called "local"'),
        (LOCAL + "maxJobs = 0", "environments[0].maxJobs: must be at least 1"),
        (LOCAL + "ramGB = 0", "environments[0].ramGB: must be greater than 0"),
        (LOCAL + "priceMin = -1", "environments[0].priceMin: must be a number from 0"),
        (LOCAL + "chains = [5]", "environments[0].chains: chain 5 is not in chains.ids"),
        (LOCAL + 'consumerAddress = "0x1"', "environments[0].consumerAddress: must be an Eth"),
        ('[[environments]]\nid = ""\nbackend = "a"', "environments[0].id: must be 1 to 64"),
        ('[[environments]]\nid = "a b"\nbackend = "a"', "environments[0].id: must be 1 to 64"),
        ('[[environments]]\nid = "a"\nbackend = ""', "environments[0].backend: must name"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_with_file_key_and_mend(
    file: Write, content: str, expected: str
) -> None:
    path = file(content)
    assert refusal(path).startswith(f"{path}: {expected}")


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://a.example", "https://", "https://a:99999", "https://[", "http://a/?x",
     "http://a/#x", "http://u@a", "http://a b", "http://a\n", "javascript:alert(1)", "http://ä"],
)  # fmt: skip
def test_a_public_url_that_clients_could_not_use_is_refused(url: str) -> None:
    text = refusal(None, {"COMPUTE_REF_SERVER_PUBLIC_URL": url})
    assert text.startswith("COMPUTE_REF_SERVER_PUBLIC_URL: server.public_url: must be like https")


@pytest.mark.parametrize(
    "url", ["", "http://10.0.0.1:80", "https://a.example/base/", "http://[::1]"]
)
def test_a_public_url_may_have_a_port_and_a_path(url: str) -> None:
    assert load(None, {"COMPUTE_REF_SERVER_PUBLIC_URL": url}).server.public_url == url


def test_a_data_dir_that_is_a_file_is_refused(file: Write, tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    path = file('[server]\ndata_dir = "data"\n')
    assert refusal(path).startswith(f"{path}: server.data_dir: is a file; name a folder")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("SERVER_PROT", "1", "no such variable; did you mean COMPUTE_REF_SERVER_PORT?"),
        ("SERVER_PORT", "http", "server.port: must be a whole number, but is 'http'"),
        ("SERVER_PORT", "", "server.port: must be a whole number, but is ''"),
        ("SERVER_PORT", "NaN", "server.port: must be a whole number"),
        ("SERVER_PORT", "-1", "server.port: must be a number from 0"),
        ("SERVER_SYNC", "yes", "server.sync: must be true or false"),
        ("CHAINS_IDS", "1,x", "chains.ids: must be a whole number, but is 'x'"),
        ("CHAINS_IDS", "²", "chains.ids: must be a whole number"),
        ("DEADLINES_LAUNCH", "Infinity", "deadlines.launch: must be a number from 0"),
        ("DEADLINES_LAUNCH", "[" * 100_000, "deadlines.launch: must be a number"),
        ("ENVIRONMENTS", "local", "environments: must be tables"),
        ("ENVIRONMENTS", '[{"id": 1}]', "environments[0].id: must be a text"),
        ("BACKENDS", "local", "backends: must be tables"),
        ("BACKENDS_LOCAL", "1", "no such variable; did you mean COMPUTE_REF_BACKENDS?"),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, expected: str) -> None:
    assert refusal(None, {"COMPUTE_REF_" + name: text}).startswith(
        f"COMPUTE_REF_{name}: {expected}"
    )


def test_a_wrong_flag_is_named_by_its_flag(tmp_path: Path) -> None:
    text = refusal(None, {}, {"catalogue.path": str(tmp_path / "none")})
    assert text.startswith("--catalogue: catalogue.path: must be a folder")
    assert refusal(None, {}, {"server.port": -1}).startswith("--port: server.port: ")


def test_the_last_who_said_it_is_named(file: Write) -> None:
    written = file("[server]\nthreads = 4\nport = 70000\n")
    variables = {"COMPUTE_REF_SERVER_THREADS": "1"}
    assert refusal(written, variables, {"server.port": 1}).startswith("COMPUTE_REF_SERVER_THREADS:")
    assert refusal(written, {}).startswith(str(written))
