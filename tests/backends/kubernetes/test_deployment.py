"""The manifests for deploying the server itself."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from compute_ref.configuration import load
from compute_ref_kubernetes.labels import NETWORK
from compute_ref_kubernetes.options import Options
from compute_ref_kubernetes.policies import NAME, SELECTED
from tests.backends.kubernetes.deployment import BASE, manifests
from tests.backends.kubernetes.schemas import require_valid
from tests.backends.kubernetes.standards import breaches

FOLDERS = (BASE, BASE.parent / "single-node")
PATCHES = {"single-node/claim.yaml"}
FILES = [
    path
    for folder in FOLDERS
    for path in sorted(folder.glob("*.yaml"))
    if path.name != "kustomization.yaml"
]
WHOLE = [path for path in FILES if f"{path.parent.name}/{path.name}" not in PATCHES]


def kustomization(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return found


def server() -> dict[str, Any]:
    (deployment, _) = manifests("server.yaml")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
def test_every_object_is_valid(path: Path, version: str) -> None:
    found = list(yaml.safe_load_all(path.read_text()))
    assert found
    for manifest in found:
        require_valid(manifest, version)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_is_applied(folder: Path) -> None:
    found = kustomization(folder)
    named = {(folder / name).resolve() for name in found["resources"]}
    named |= {(folder / patch["path"]).resolve() for patch in found.get("patches", ())}
    assert {path for path in FILES if path.parent == folder} == named - {BASE}


def test_the_namespace_enforces_the_restricted_standard_and_the_server_passes_it() -> None:
    (namespace,) = manifests("namespace.yaml")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert breaches(server()) == []
    (container,) = server()["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_server_is_asked_for_its_discovery_page() -> None:
    (container,) = server()["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/", "port": "http"}


def test_one_server_at_a_time_has_the_data_folder() -> None:
    (deployment, _) = manifests("server.yaml")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_service_reaches_the_server() -> None:
    (deployment, service) = manifests("server.yaml")
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == "http"


def test_the_configuration_is_one_and_fits_the_other_manifests(tmp_path: Path) -> None:
    file = BASE / "compute-ref.toml"
    settings = load(file, variables={"COMPUTE_REF_CATALOGUE_PATH": str(tmp_path)})
    options = Options.read(settings.backends["kubernetes"])
    (namespace,), (claim,) = manifests("namespace.yaml"), manifests("claim.yaml")
    assert options.namespace == namespace["metadata"]["name"] == kustomization(BASE)["namespace"]
    assert options.claim == claim["metadata"]["name"]
    mounts = {mount["name"]: mount for mount in server()["containers"][0]["volumeMounts"]}
    root = Path(mounts["data"]["mountPath"])
    assert settings.server.data_dir.relative_to(root).as_posix() == options.claim_path
    catalogue = tomllib.loads(file.read_text())["catalogue"]["path"]
    assert Path(catalogue).is_relative_to(root)
    assert server()["initContainers"][0]["command"] == ["mkdir", "-p", catalogue]
    assert settings.server.port == server()["containers"][0]["ports"][0]["containerPort"]


def test_the_configuration_is_mounted_where_the_server_reads_it() -> None:
    (made,) = kustomization(BASE)["configMapGenerator"]
    (container,) = server()["containers"]
    volumes = {volume["name"]: volume for volume in server()["volumes"]}
    assert volumes["configuration"]["configMap"]["name"] == made["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["command"][-1] == f"{mounts['configuration']}/{made['files'][0]}"


def test_the_image_runs_as_the_manifests_do_and_has_what_they_call() -> None:
    lines = (BASE.parents[1] / "Dockerfile").read_text().splitlines()
    own = server()["securityContext"]
    assert f"USER {own['runAsUser']}:{own['runAsGroup']}" in lines
    assert f"EXPOSE {server()['containers'][0]['ports'][0]['containerPort']}" in lines
    project = configparser.ConfigParser()
    project.read(BASE.parents[1] / "setup.cfg")
    program, *_ = server()["containers"][0]["command"]
    assert f"{program} = " in project["options.entry_points"]["console_scripts"]
    (base,) = {line.split()[1] for line in lines if line.startswith("FROM")}
    version = base.removeprefix("python:").removesuffix("-slim")
    assert f"Programming Language :: Python :: {version}" in project["metadata"]["classifiers"]


def test_the_image_is_made_of_all_packages_and_nothing_else() -> None:
    lines = (BASE.parents[1] / ".dockerignore").read_text().split()
    project = configparser.ConfigParser()
    project.read(BASE.parents[1] / "setup.cfg")
    folders = [line.split(" = ")[-1] for line in project["options"]["package_dir"].split("\n")[2:]]
    rooms = {name.split("/")[0] for name in folders} | {"compute_ref"}
    files = {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"}
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == rooms | files


def test_kustomize_leaves_the_names_in_the_role_as_they_are() -> None:
    """It replaces the name of a ConfigMap that it generates there too, whatever has that name."""
    (_, role, _) = manifests("account.yaml")
    named = {name for rule in role["rules"] for name in rule.get("resourceNames", ())}
    generated = {made["name"] for made in kustomization(BASE)["configMapGenerator"]}
    assert named
    assert not named & generated


def test_the_first_policy_denies_everything_to_runs_without_network() -> None:
    (none, network) = manifests("network-policies.yaml")
    assert none["metadata"]["name"] == NAME
    assert none["spec"] == {"podSelector": SELECTED, "policyTypes": ["Ingress", "Egress"]}
    assert network["spec"]["podSelector"]["matchLabels"] == {NETWORK: "open"}


def test_runs_with_network_reach_nothing_private() -> None:
    (_, network) = manifests("network-policies.yaml")
    blocks = [peer["ipBlock"] for peer in network["spec"]["egress"][0]["to"]]
    kept = {network for block in blocks for network in block["except"]}
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= kept
    assert {"fc00::/7", "fe80::/10"} <= kept
    assert "ingress" not in network["spec"]


def test_on_a_single_node_the_claim_is_bound_to_its_volume() -> None:
    folder = FOLDERS[1]
    volume = yaml.safe_load((folder / "volume.yaml").read_text())
    patch = yaml.safe_load((folder / "claim.yaml").read_text())
    assert patch["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["claimRef"] == {
        "namespace": patch["metadata"]["namespace"],
        "name": patch["metadata"]["name"],
    }
    assert patch["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == ""
