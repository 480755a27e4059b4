"""The Job that a run becomes, against the official schemas and the restricted standard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from compute_ref.plugins import AlgorithmUnavailable, Folders, Image, Limits, Run, Site
from compute_ref_kubernetes.images import reference
from compute_ref_kubernetes.labels import object_name
from compute_ref_kubernetes.manifest import Recipe
from compute_ref_kubernetes.options import Options
from compute_ref_kubernetes.users import User
from compute_ref_kubernetes.volume import Volume
from tests.backends.kubernetes.schemas import changed, refuse, require_valid
from tests.backends.kubernetes.standards import breaches

DATA = Path("/srv/data")
DIGEST = "sha256:" + "0" * 64
LIMITS = Limits(1.5, 2**30, 2**31, 2**20, 90.5, 64)
PLACED: dict[str, Any] = {
    "node_selector": {"disktype": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "runtime_class": "gvisor",
    "priority_class": "low",
    "image_pull_secrets": ["registry"],
}

Object = dict[str, Any]
Make = Callable[..., Object]


def a_run(**instead: Any) -> Run:
    root = DATA / "jobs/job1z/2"
    folders = Folders(root, *(root / field.name for field in fields(Folders)[1:]))
    image = Image("example.org/python", "3", "sha256:" + "0" * 64)
    run = Run("job1z", 2, "python $ALGO", image, {"DIDS": '["x"]'}, folders, LIMITS)
    return replace(run, **instead)


def job(run: Run | None = None, **options: Any) -> Object:
    run = run or a_run()
    chosen = Options.read({"claim": "compute-ref", **options})
    volume = Volume.of(chosen, Site({}, DATA, Path("/host/data"), True))
    recipe = Recipe("abc", volume, chosen, User(1001, 1002))
    return recipe.job(run, "compute-ref-job1z-2", "python:3", run.folders.control / "once")


def pod(manifest: Object) -> Object:
    found: Object = manifest["spec"]["template"]["spec"]
    return found


VARIANTS = [
    job(),
    job(a_run(limits=Limits(), network=True)),
    job(a_run(limits=replace(LIMITS, gpus=2)), **PLACED),
    job(claim="", finished_ttl=60),
]


class TestSchemas:
    @pytest.mark.parametrize("manifest", VARIANTS, ids=["usual", "unlimited", "placed", "node"])
    @pytest.mark.parametrize("version", ["1.28", "1.31", "1.34", "1.37"])
    def test_it_is_valid_and_has_no_unknown_field(self, manifest: Object, version: str) -> None:
        require_valid(manifest, version)

    @pytest.mark.parametrize("version", ["1.28", "1.37"])
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("spec.backoffLimit", "none"),
            ("spec.template.spec.containers", None),
            ("spec.template.spec.tolerations", {"key": "gpu"}),
            ("spec.template.spec.containers.0.resources.limits", ["cpu"]),
            ("spec.template.spec.containers.0.securityContext.nonsense", True),
            ("spec.template.spec.volumes.0.hostPath", "/srv/data"),
        ],
    )
    def test_the_schemas_see_faults_however_deep(
        self, version: str, path: str, value: object
    ) -> None:
        refuse(changed(job(), path, value), version)

    @pytest.mark.parametrize("version", ["1.25", "1.26"])
    def test_for_older_clusters_it_is_valid_but_for_fields_that_they_leave_out(
        self, version: str
    ) -> None:
        manifest = job()
        kubernetes_validate.validate(manifest, version)
        del manifest["spec"]["podReplacementPolicy"]
        require_valid(manifest, version)


class TestSecurity:
    @pytest.mark.parametrize("manifest", VARIANTS[:3], ids=["usual", "unlimited", "placed"])
    def test_it_passes_the_restricted_standard(self, manifest: Object) -> None:
        assert breaches(pod(manifest)) == []

    def test_a_folder_of_the_nodes_is_all_that_the_standard_forbids(self) -> None:
        assert breaches(pod(VARIANTS[3])) == ["a volume of hostPath"]

    def test_it_goes_beyond_the_standard(self) -> None:
        found = pod(job())
        assert found["automountServiceAccountToken"] is False
        assert found["enableServiceLinks"] is False
        assert "serviceAccountName" not in found
        assert found["securityContext"]["runAsUser"] == 1001
        assert found["securityContext"]["runAsGroup"] == 1002
        assert "fsGroup" not in found["securityContext"]
        for container in (*found["initContainers"], *found["containers"]):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True

    def test_only_outputs_and_a_bounded_tmp_can_be_written(self) -> None:
        found = pod(job(tmp_size=2**20))
        (algorithm,) = found["containers"]
        writable = [m["mountPath"] for m in algorithm["volumeMounts"] if not m.get("readOnly")]
        assert writable == ["/data/outputs", "/tmp"]
        assert found["volumes"][1]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1048576"}

    def test_each_mount_is_a_folder_of_this_run_only(self) -> None:
        for container in (*pod(job())["initContainers"], *pod(job())["containers"]):
            for mount in container["volumeMounts"]:
                if mount["name"] == "data":
                    assert mount["subPath"].startswith("jobs/job1z/2/")

    def test_the_algorithm_does_not_see_the_mark_of_its_beginning(self) -> None:
        (algorithm,) = pod(job())["containers"]
        assert "/once" not in [mount["mountPath"] for mount in algorithm["volumeMounts"]]


class TestJob:
    def test_it_is_tried_once(self) -> None:
        spec = job()["spec"]
        assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
        assert pod(job())["restartPolicy"] == "Never"
        assert spec["podReplacementPolicy"] == "Failed"
        assert spec["podFailurePolicy"]["rules"][0]["action"] == "FailJob"

    def test_the_clusters_deadline_is_beyond_the_servers(self) -> None:
        assert job(pending_timeout=100)["spec"]["activeDeadlineSeconds"] == 91 + 100 + 20
        assert "activeDeadlineSeconds" not in job(a_run(limits=Limits()))["spec"]

    def test_it_stays_for_a_server_that_was_away(self) -> None:
        assert job()["spec"]["ttlSecondsAfterFinished"] == 7 * 86_400
        assert job(finished_ttl=60)["spec"]["ttlSecondsAfterFinished"] == 60

    def test_labels_and_annotations_name_run_and_server(self) -> None:
        for meta in (job()["metadata"], job()["spec"]["template"]["metadata"]):
            assert meta["labels"]["compute-ref/server"] == "abc"
            assert meta["labels"]["compute-ref/object"] == "compute-ref-job1z-2"
            assert meta["annotations"]["compute-ref/run"] == "compute-ref-job1z-2"
            assert meta["annotations"]["compute-ref/job"] == "job1z"
            assert Limits(**json.loads(meta["annotations"]["compute-ref/limits"])) == LIMITS

    @pytest.mark.parametrize(("network", "label"), [(False, "none"), (True, "open")])
    def test_pods_are_labelled_for_the_network_policies(self, network: bool, label: str) -> None:
        meta = job(a_run(network=network))["spec"]["template"]["metadata"]
        assert meta["labels"]["compute-ref/network"] == label

    def test_what_is_limited_is_requested_and_held(self) -> None:
        held = {"cpu": "1500m", "memory": "1073741824", "ephemeral-storage": "2214592512"}
        for container in (*pod(job())["initContainers"], *pod(job())["containers"]):
            assert container["resources"]["limits"] == held
            assert container["resources"]["requests"] == {**held, "ephemeral-storage": "67108864"}

    def test_gpus_are_the_algorithms_alone(self) -> None:
        found = pod(job(a_run(limits=Limits(gpus=2)), gpu_resource="amd.com/gpu"))
        assert found["containers"][0]["resources"]["limits"] == {"amd.com/gpu": "2"}
        assert found["initContainers"][0]["resources"]["limits"] == {}

    def test_it_is_placed_as_the_operator_chose(self) -> None:
        found = pod(job(**PLACED))
        assert found["nodeSelector"] == {"disktype": "ssd"}
        assert found["tolerations"] == PLACED["tolerations"]
        assert found["runtimeClassName"] == "gvisor"
        assert found["priorityClassName"] == "low"
        assert found["imagePullSecrets"] == [{"name": "registry"}]
        assert "nodeSelector" not in pod(job())


class TestVolume:
    def test_a_claim_has_the_data_folder_at_its_path(self) -> None:
        found = pod(job(claim="shared", claim_path="a/b"))
        assert found["volumes"][0]["persistentVolumeClaim"] == {"claimName": "shared"}
        paths = [m["subPath"] for m in found["containers"][0]["volumeMounts"] if "subPath" in m]
        assert paths[0] == "a/b/jobs/job1z/2/inputs"

    def test_without_a_claim_it_is_the_nodes_folder_as_the_node_names_it(self) -> None:
        found = pod(job(claim=""))
        assert found["volumes"][0]["hostPath"] == {"path": "/host/data", "type": "Directory"}


class TestImages:
    @pytest.mark.parametrize(
        ("image", "full"),
        [
            (Image("example.org/a", "1", DIGEST), f"example.org/a@{DIGEST}"),
            (Image("example.org:5000/a/b", "1.2-x", ""), "example.org:5000/a/b:1.2-x"),
            (Image("python", "3", ""), "python:3"),
        ],
    )
    def test_it_is_named_by_its_checksum_where_it_has_one(self, image: Image, full: str) -> None:
        assert reference(image, []) == full

    @pytest.mark.parametrize(
        "image",
        [
            None,
            Image("NO NAME", "1", ""),
            Image("", "1", ""),
            Image("a/../b", "1", ""),
            Image("a", "", ""),
            Image("a", "1 2", ""),
            Image("a", "1", "md5:0"),
        ],
    )
    def test_what_names_none_cannot_be_run(self, image: Image | None) -> None:
        with pytest.raises(AlgorithmUnavailable, match="does not name an image"):
            reference(image, [])

    @pytest.mark.parametrize(
        ("name", "registry"),
        [
            ("python", "docker.io"),
            ("library/python", "docker.io"),
            ("docker.io/python", "docker.io"),
            ("localhost/python", "localhost"),
            ("10.0.0.1:5000/python", "10.0.0.1:5000"),
        ],
    )
    def test_it_comes_from_the_registries_that_the_operator_allows(
        self, name: str, registry: str
    ) -> None:
        assert reference(Image(name, "3", ""), [registry]) == f"{name}:3"
        with pytest.raises(AlgorithmUnavailable, match="lets none be"):
            reference(Image(name, "3", ""), ["other.example.org"])


@pytest.mark.parametrize(
    "name", ["compute-ref-A-1", "compute-ref-a_b-1", f"compute-ref-{'x' * 60}-1"]
)
def test_a_name_that_no_object_can_have_becomes_a_digest(name: str) -> None:
    assert object_name(name) != name
    assert object_name(name) == object_name(name)
    assert object_name(name) != object_name(name + "1")
    assert len(object_name(name)) <= 63
    assert object_name("compute-ref-ab12-1") == "compute-ref-ab12-1"
