"""The configuration's table, and what is made of it before a cluster is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import BackendUnavailable, Site
from compute_ref_kubernetes import backends
from compute_ref_kubernetes.options import Options


def test_the_hook_offers_it_as_kubernetes() -> None:
    assert list(backends()) == ["kubernetes"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"namespaces": "x"}, "namespaces: no such key; did you mean namespace?"),
        ({"colour": "x"}, "colour: no such key; there are: namespace, context, claim"),
        ({"namespace": "Not A Name"}, "namespace: must be the name of a namespace"),
        ({"namespace": ""}, "namespace: must be"),
        ({"context": 1}, "context: must be the name of a context"),
        ({"claim": "a/b"}, "claim: must be the name of a PersistentVolumeClaim"),
        ({"claim_path": "/x"}, r"claim_path: must be a path within the claim"),
        ({"claim_path": "a/../../b"}, r"claim_path: must be a path within the claim"),
        ({"user": 0}, "user: must be a user's number from 1 on; root is not for algorithms"),
        ({"user": True}, "user: must be"),
        ({"tmp_size": 1}, "tmp_size: must be a number of bytes"),
        ({"registries": "docker.io"}, "registries: must be a list"),
        ({"pending_timeout": 0}, "pending_timeout: must be seconds, at least 1"),
        ({"pending_timeout": 1.5}, "pending_timeout: must be seconds"),
        ({"finished_ttl": 1}, "finished_ttl: must be seconds, at least 60"),
        ({"gpu_resource": "gpu"}, "gpu_resource: must be"),
        ({"runtime_class": "A B"}, "runtime_class: must be the name of a RuntimeClass"),
        ({"priority_class": 3}, "priority_class: must be the name of a PriorityClass"),
        ({"image_pull_secrets": "one"}, "image_pull_secrets: must be a list of names"),
        ({"node_selector": {"a": 1}}, "node_selector: must be a table of labels"),
        ({"tolerations": ["all"]}, "tolerations: must be a list of tables"),
    ],
)
def test_a_wrong_option_is_named_with_its_mend(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options.read(table)


def test_options_have_defaults() -> None:
    options = Options.read({})
    assert options == Options()
    assert (options.namespace, options.pending_timeout) == ("compute-ref", 240)
    assert options.finished_ttl == 7 * 86_400


def test_only_a_server_that_is_root_can_choose_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="user: only a server that is root can choose"):
        Options.read({"user": 1001})


def test_the_module_is_imported_without_the_client_and_says_how_to_install_it(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; sys.modules['kubernetes'] = None\n"
        "from pathlib import Path\n"
        "from compute_ref.plugins import BackendUnavailable, Site\n"
        "from compute_ref_kubernetes import backends\n"
        "make = backends()['kubernetes']\n"
        "try:\n"
        "    make(Site({}, Path(sys.argv[1]), Path(sys.argv[1]), True))\n"
        "except BackendUnavailable as refused:\n"
        "    print(refused)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.endswith('pip install "compute-ref[kubernetes]"\n')


def test_the_client_is_not_imported_before_the_backend_is_made() -> None:
    code = "import sys, compute_ref_kubernetes; print('kubernetes' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


@pytest.mark.parametrize("content", [None, "", "nonsense: [", "apiVersion: v1\nkind: Config\n"])
def test_without_a_cluster_the_start_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(BackendUnavailable, match="name a kubeconfig in KUBECONFIG"):
        backends()["kubernetes"](Site({}, tmp_path, tmp_path, loopback=True))
