import dataclasses
from pathlib import Path

from click.testing import CliRunner

from compute_ref.cli import main
from compute_ref.configuration import load
from compute_ref.demo import copy_configuration
from compute_ref.settings import Environment, Settings


def uncommented(folder: Path) -> Path:
    """The shipped configuration with every default switched on."""
    (folder / "assets").mkdir()
    copy_configuration(folder / "plain.toml")
    lines = (folder / "plain.toml").read_text().splitlines()
    file = folder / "compute-ref.toml"
    file.write_text("\n".join(line.removeprefix("#: ") for line in lines))
    return file


def test_init_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["init", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    settings = load(tmp_path / "new" / "compute-ref.toml", {})
    assert settings.catalogue.path == tmp_path / "new" / "assets"
    assert (settings.catalogue.path / "penguins.json").exists()


def test_the_configuration_names_every_key_with_its_default(tmp_path: Path) -> None:
    shown = load(uncommented(tmp_path), {})
    default = Settings((Environment("local", "local"),))
    for section in dataclasses.fields(Settings):
        if section.name not in ("environments", "backends", "plugins", "server", "catalogue"):
            assert getattr(shown, section.name) == getattr(default, section.name)
    assert shown.environments == default.environments
    server = dataclasses.replace(shown.server, data_dir=default.server.data_dir, host_data_dir=None)
    assert server == default.server


def test_no_key_is_left_out_of_the_configuration(tmp_path: Path) -> None:
    text = uncommented(tmp_path).read_text()
    sections = [section for section in Settings.__dataclass_fields__ if section != "environments"]
    default = Settings((Environment("local", "local"),))
    values = [getattr(default, name) for name in sections] + [default.environments[0]]
    for value in values:
        for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
            assert f"\n{field.name} = " in text


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "compute-ref.toml").write_text("mine")
    done = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert "is there already" in done.output
    assert (tmp_path / "compute-ref.toml").read_text() == "mine"
    assert not (tmp_path / "assets").exists()
