"""Which cluster is asked, and as whom: a kubeconfig's, or the account of the pod that we are."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster
from tests.backends.kubernetes.clusters import EmulatedCluster
from tests.backends.kubernetes.emulated.apiserver import ACCOUNT
from tests.backends.kubernetes.wire import Wire

INSIDE = "kubernetes.config.incluster_config"
SELF_SIGNED = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster"),
    *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "ca.crt"),
)


class TestKubeconfig:
    @pytest.fixture
    def two(
        self, emulated: EmulatedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A kubeconfig whose current context is another than the cluster's, which is "test"."""
        found = yaml.safe_load(Path(emulated.kubeconfig).read_text())
        nowhere = {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:9"}}
        found["clusters"].append(nowhere)
        context = {"name": "nowhere", "context": {"cluster": "nowhere", "user": "test"}}
        found["contexts"].append(context)
        (tmp_path / "two").write_text(yaml.safe_dump({**found, "current-context": "nowhere"}))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "two"))

    def test_its_current_context_is_used(self, two: None) -> None:
        with pytest.raises(BackendUnavailable, match="did not answer"):
            Cluster("compute-ref").there()

    def test_or_the_one_that_the_configuration_names(self, two: None) -> None:
        assert Cluster("compute-ref", "test").there()

    def test_one_that_is_not_in_it_is_refused(self, two: None) -> None:
        with pytest.raises(BackendUnavailable, match="no cluster is configured"):
            Cluster("compute-ref", "absent")


class TestInCluster:
    @pytest.fixture
    def inside(
        self, emulated: EmulatedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Wire]:
        """What a pod finds: variables that name the API, a token, and an authority to trust."""
        subprocess.run(SELF_SIGNED, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(tmp_path / "ca.crt", tmp_path / "key")
        wire = Wire(emulated.emulation.api.address, tls)
        (tmp_path / "token").write_text(ACCOUNT)
        monkeypatch.setattr(f"{INSIDE}.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
        monkeypatch.setattr(f"{INSIDE}.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(wire.port))
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        yield wire
        wire.close()

    def test_without_a_kubeconfig_the_pods_own_account_is_used(self, inside: Wire) -> None:
        cluster = Cluster("compute-ref")
        assert cluster.address == f"https://127.0.0.1:{inside.port}"
        assert cluster.there()
        assert cluster.may("create", "jobs.batch")
        assert not cluster.may("create", "pods")
        cluster.close()

    def test_a_kubeconfig_goes_before_it(self, inside: Wire, tmp_path: Path) -> None:
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text("nonsense: [")
        with pytest.raises(BackendUnavailable, match="no cluster is configured"):
            Cluster("compute-ref")

    def test_an_api_of_another_authority_is_not_told_the_token(
        self, inside: Wire, tmp_path: Path
    ) -> None:
        subprocess.run(SELF_SIGNED, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
        with pytest.raises(BackendUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            Cluster("compute-ref").there()
