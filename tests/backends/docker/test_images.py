"""Which image a run gets: by digest, by id, by tag; from a registry or from nowhere."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import AlgorithmUnavailable, Exit, Image
from compute_ref_docker.images import checked
from tests.backends.docker.conftest import Place
from tests.backends.docker.daemons import PASSWORD, Engine, Registry
from tests.backends.docker.rootfs import build, load, tar_of
from tests.backends.docker.scripted import Scripted

ABSENT = "sha256:" + "0" * 64
MakePlace = Callable[..., Place]


@pytest.fixture
def image(engine: Engine, registry: Registry) -> Iterator[Image]:
    """An image of the registry that the daemon does not have."""
    yield from _pushed(engine, registry)


@pytest.fixture
def private_image(engine: Engine, private_registry: Registry) -> Iterator[Image]:
    """The same behind a password."""
    yield from _pushed(engine, private_registry)


def _pushed(engine: Engine, registry: Registry) -> Iterator[Image]:
    with engine.client() as api:
        build(api, "FROM base:1\nENV ORIGIN=registry\n", "pushed:1")
        digest = registry.push(engine, "pushed:1", "some/image")
        api.remove_image("pushed:1", force=True)
        yield Image(f"{registry.host}/some/image", "1", digest)
        for name in (f"{registry.host}/some/image@{digest}", f"{registry.host}/some/image:1"):
            if api.images(name.partition("@")[0]):
                api.remove_image(name, force=True)


def tagged(image: Image) -> Image:
    return Image(image.name, image.tag, "")


def origin(place: Place, image: Image) -> str:
    run = place.run("echo from $ORIGIN", image=image)
    assert place.finish(run) == Exit(0)
    return place.log(run)


def refusal(place: Place, image: Image) -> str:
    run = place.run("true", image=image)
    with pytest.raises(AlgorithmUnavailable) as refused:
        place.backend.launch(run)
    assert place.container(run) is None
    assert place.backend.find(place.name(run)) is None
    return str(refused.value)


def test_an_image_is_pulled_by_its_digest_whatever_the_tag(place: Place, image: Image) -> None:
    assert origin(place, Image(image.name, "no-such-tag", image.checksum)) == "from registry\n"


def test_a_wrong_digest_is_refused_for_the_log_without_more(place: Place, image: Image) -> None:
    wrong = Image(image.name, "1", ABSENT)
    assert refusal(place, wrong) == f"The image {image.name}@{ABSENT} is not known to its registry."


def test_a_digest_of_another_image_does_not_serve(
    place: Place, image: Image, registry: Registry
) -> None:
    said = refusal(place, Image(f"{registry.host}/other/image", "1", image.checksum))
    assert "not known to its registry" in said


def test_a_local_images_id_serves_as_checksum(engine: Engine, place: Place) -> None:
    with engine.client() as api:
        found = str(api.inspect_image("base:1")["Id"])
    assert origin(place, Image("any/name", "x", found)) == "from\n"
    place.backend = place.another_backend(pull="always")
    assert origin(place, Image("any/name", "x", found)) == "from\n"


def test_a_digest_that_is_the_beginning_of_an_id_does_not(engine: Engine, place: Place) -> None:
    with engine.client() as api:
        found = str(api.inspect_image("base:1")["Id"])
    assert "does not name an image" in refusal(place, Image("any/name", "x", found[:30]))


def test_missing_pulls_once(place: Place, image: Image, registry: Registry) -> None:
    assert origin(place, image) == "from registry\n"
    registry.pause()
    try:
        assert origin(place, image) == "from registry\n"
    finally:
        registry.resume()


def test_always_pulls_again_and_sees_what_a_tag_names_now(
    engine: Engine, make_place: MakePlace, image: Image, registry: Registry
) -> None:
    missing, always = make_place(engine), make_place(engine, pull="always")
    assert origin(missing, tagged(image)) == "from registry\n"
    with engine.client() as api:
        build(api, "FROM base:1\nENV ORIGIN=elsewhere\n", "pushed:2")
        registry.push(engine, "pushed:2", "some/image")
        api.remove_image("pushed:2", force=True)
        api.pull(image.name, tag=image.checksum)
        api.tag(f"{image.name}@{image.checksum}", image.name, "1", force=True)
    assert origin(missing, tagged(image)) == "from registry\n"
    assert origin(always, tagged(image)) == "from elsewhere\n"


def test_never_takes_what_is_there_only(
    engine: Engine, make_place: MakePlace, image: Image
) -> None:
    never = make_place(engine, pull="never")
    said = refusal(never, image)
    assert said == f"The image {image.name}@{image.checksum} is not on this server's machine."
    assert origin(make_place(engine), image) == "from registry\n"
    assert origin(never, image) == "from registry\n"


def test_credentials_come_from_dockers_configuration(
    place: Place,
    private_image: Image,
    private_registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also such as were put there while the server runs, in place of others."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    private_registry.credentials(tmp_path / "config", "of last year")
    with caplog.at_level(logging.DEBUG):
        said = refusal(place, private_image)
        assert "not open to this server" in said
        private_registry.credentials(tmp_path / "config")
        assert origin(place, private_image) == "from registry\n"
    assert PASSWORD not in caplog.text + said


def test_credentials_may_come_from_a_helper(
    place: Place,
    private_image: Image,
    private_registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    private_registry.helper(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert origin(place, private_image) == "from registry\n"


def test_a_registry_that_cannot_be_reached_is_told_without_its_address(place: Place) -> None:
    said = refusal(place, Image("127.0.0.1:1/some/image", "1", ABSENT))
    assert said.endswith("could not be pulled from its registry. Try again later.")


def test_registries_may_be_named_and_all_others_are_never_asked(
    engine: Engine, make_place: MakePlace, image: Image, registry: Registry
) -> None:
    other = make_place(engine, registries=["docker.io", "registry.example.org"])
    assert "does not let it be pulled from that registry" in refusal(other, image)
    named = make_place(engine, registries=[registry.host])
    assert origin(named, image) == "from registry\n"
    assert origin(other, image) == "from registry\n"


def test_a_stop_breaks_a_pull_off(place: Place, registry: Registry) -> None:
    with Scripted(b'{"status": "Downloading"}\r\n') as daemon:
        backend = place.another_backend(host=daemon.host)
        run = place.run("true", image=Image(f"{registry.host}/big", "1", ABSENT))
        refused: list[Exception] = []

        def launch() -> None:
            try:
                backend.launch(run)
            except AlgorithmUnavailable as unavailable:
                refused.append(unavailable)

        launching = threading.Thread(target=launch)
        launching.start()
        daemon.asked.wait(10)
        (run.folders.control / "stop").write_text("0")
        launching.join(10)
        assert not launching.is_alive()
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("name", "tag", "checksum"),
    [
        ("", "1", ABSENT),
        ("../containers/x", "1", ABSENT),
        ("some/UPPER", "1", ABSENT),
        ("http://host/image", "1", ABSENT),
        ("image?x=y", "1", ABSENT),
        ("image", "", ""),
        ("image", "1/../../x", ""),
        ("image", "1", "sha256:abc"),
        ("image", "1", ABSENT.upper()),
        ("image@sha256", "1", ABSENT),
        ("a" * 3 + "//b", "1", ""),
    ],
)
def test_what_is_no_name_of_an_image_never_reaches_the_daemon(
    name: str, tag: str, checksum: str
) -> None:
    with pytest.raises(AlgorithmUnavailable, match="does not name an image"):
        checked(Image(name, tag, checksum))


@pytest.mark.parametrize(
    "name", ["busybox", "library/busybox", "h.example.org:5000/a/b-c__d.e", "localhost/x"]
)
def test_names_of_images_are_taken_as_docker_takes_them(name: str) -> None:
    assert checked(Image(name, "1", ABSENT)) == f"{name}@{ABSENT}"
    assert checked(Image(name, "1.0_x-y", "")) == f"{name}:1.0_x-y"


def test_an_algorithm_without_an_image_is_refused(place: Place) -> None:
    run: Any = place.run("true", image=None)  # type: ignore[arg-type]
    with pytest.raises(AlgorithmUnavailable, match="does not name an image"):
        place.backend.launch(run)


def test_an_image_of_another_kind_of_machine_does_not_keep_the_job(
    engine: Engine, place: Place
) -> None:
    with engine.client() as api:
        load(api, tar_of(**{"bin/sh": b"\x7fELF of another machine"}), "foreign")
    assert place.finish(place.run("true", image=Image("foreign", "1", ""))).code != 0
