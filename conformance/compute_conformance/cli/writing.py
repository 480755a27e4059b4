"""The commands that write what a target's owner needs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from compute_conformance.assets import assets as documents
from compute_conformance.cli.targets import Unusable, target_at
from compute_conformance.drafts import draft
from compute_conformance.profile import Limits
from compute_conformance.smoke import Miswired

CODE = "echo 42 > $OUTPUTS/a.txt\necho hello\n"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--chain", default=8996, show_default=True, help="The documents' chainId.")
@click.option("--entrypoint", default="sh $ALGO", show_default=True)
@click.option("--image", default="busybox", show_default=True)
@click.option("--tag", default="latest", show_default=True)
@click.option("--checksum", default="", help="The image's digest, sha256:…")
def assets(folder: Path, chain: int, entrypoint: str, image: str, tag: str, checksum: str) -> None:
    """Write a dataset and an algorithm in every role into FOLDER, as DDO v4 documents.

    Publish them at the target, so that its trust rules can be judged.
    """
    container = {"entrypoint": entrypoint, "image": image, "tag": tag, "checksum": checksum}
    files, _ = documents(CODE, container, chain)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    click.echo(f"{len(files)} files are in {folder}.")


@click.command()
@click.argument("url")
@click.argument("file", type=click.Path(path_type=Path), default="profile.toml")
def init(url: str, file: Path) -> None:
    """Write a commented profile of the server at URL into FILE (profile.toml).

    It is made from what the server tells, and overwrites nothing.
    """
    try:
        text = draft(target_at(url, Limits().request), url)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except Miswired as why:
        raise Unusable(str(why)) from why
    except FileExistsError as error:
        raise Unusable(f"{file} is there already; nothing was written. Name another") from error
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {file}. Say in it what the server grants, then judge it with:")
    click.echo(f"  compute-conformance run --profile {file}")
