"""Only the fast curve will do."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import sys
sys.modules["coincurve"] = None
{doing}
"""


def run(doing: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", WITHOUT.format(doing=doing)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_without_coincurve_nothing_checks_signatures() -> None:
    ended = run("import compute_ref.identity.signatures")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("pip install coincurve")


def test_the_server_never_imports_what_raises_the_recursion_limit() -> None:
    # eth-account does: afterwards one deeply nested body could end the process.
    doing = """
import compute_ref.app
found = [name for name in sys.modules if name.split(".")[0] in ("eth_account", "eth_keys")]
print(found, sys.getrecursionlimit())
"""
    program = [sys.executable, "-c", "import sys" + doing]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[] 1000"
