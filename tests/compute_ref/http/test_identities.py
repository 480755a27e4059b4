"""nonce, createAuthToken, deleteAuthToken."""

from __future__ import annotations

import subprocess
import sys
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from webtest import TestApp

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

NONCE = "/api/services/nonce"
CREATE = "/api/services/createAuthToken"
DELETE = "/api/services/deleteAuthToken"
COMPUTE = "/api/services/compute"
#: a header of nested lists, which a parser without a bound would follow to the end of its stack
NESTED = urlsafe_b64encode(b"[" * 150_000).decode() + ".e30.e30"


def wanted(
    server: ComputeApp, consumer: Consumer, ahead: int = 60, **changed: Any
) -> dict[str, Any]:
    signed = consumer.signed()
    return {
        "address": consumer.address,
        "nonce": signed["nonce"],
        "signature": signed["signature"],
        "expiration": int(server.clock.now()) + ahead,
        **changed,
    }


def removal(server: ComputeApp, consumer: Consumer, token: str) -> dict[str, Any]:
    fields = wanted(server, consumer, token=token)
    del fields["expiration"]
    return fields


def opens(web: TestApp, consumer: Consumer, token: str) -> bool:
    who = {"consumerAddress": consumer.address}
    answer = web.get(COMPUTE, who, headers={"AuthToken": token}, status="*")
    return bool(answer.status_int == 200)


@pytest.mark.parametrize(
    ("spent", "shown"), [("5", 5), ("5.000000000000000001", 6), ("9007199254740991", 2**53 - 1)]
)
def test_the_nonce_shown_is_the_smallest_integer_not_below(
    web: TestApp, consumer: Consumer, spent: str, shown: int
) -> None:
    assert web.get(NONCE, {"userAddress": consumer.address}).json == {"nonce": 1}
    assert consumer.stop().status_int == 200
    signed = consumer.signed(nonce=spent)
    assert web.put_json(COMPUTE, signed).json == []
    for address in (consumer.address, consumer.address.lower()):
        assert web.get(NONCE, {"userAddress": address}).json == {"nonce": shown}


@pytest.mark.parametrize("address", ["", "0x1", "0x" + "g" * 40, "0x" + "1" * 41])
def test_a_nonce_is_of_an_address(web: TestApp, address: str) -> None:
    assert set(web.get(NONCE, {"userAddress": address}, status=400).json["errors"]) == {
        "userAddress"
    }


def test_a_token_stands_for_a_signature_until_it_ends(
    server: ComputeApp, web: TestApp, consumer: Consumer
) -> None:
    token = web.get(CREATE, wanted(server, consumer)).json["token"]
    assert opens(web, consumer, token)
    assert not opens(web, server.consumer(), token)
    server.clock.advance(61)
    assert not opens(web, consumer, token)


def test_a_revoked_token_opens_nothing_until_it_is_made_again(
    server: ComputeApp, web: TestApp, consumer: Consumer
) -> None:
    asked = wanted(server, consumer)
    token = web.get(CREATE, asked).json["token"]
    answer = web.delete_json(DELETE, removal(server, consumer, token))
    assert answer.json == {"success": "Token has been deactivated."}
    assert not opens(web, consumer, token)
    refused = web.delete_json(DELETE, removal(server, consumer, token), status=400)
    assert refused.json == {"error": "Token is deleted."}
    again = wanted(server, consumer, expiration=asked["expiration"])
    assert web.get(CREATE, again).json["token"] == token
    assert opens(web, consumer, token)


@pytest.mark.parametrize("ahead", [0, -5, 30 * 86_400 + 1, 10**30])
def test_an_expiration_is_in_the_future_and_not_too_far(
    server: ComputeApp, web: TestApp, consumer: Consumer, ahead: int
) -> None:
    answer = web.get(CREATE, wanted(server, consumer, ahead), status=400)
    assert set(answer.json["errors"]) == {"expiration"}
    assert web.get(NONCE, {"userAddress": consumer.address}).json == {"nonce": 1}


def test_what_a_token_call_lacks_is_listed(web: TestApp) -> None:
    assert set(web.get(CREATE, status=400).json["errors"]) == {
        "address",
        "nonce",
        "signature",
        "expiration",
    }
    assert set(web.delete_json(DELETE, {}, status=400).json["errors"]) == {
        "address",
        "nonce",
        "signature",
        "token",
    }


def test_a_head_makes_no_token(server: ComputeApp, web: TestApp, consumer: Consumer) -> None:
    query = "&".join(f"{k}={v}" for k, v in wanted(server, consumer).items())
    answer = web.head(f"{CREATE}?{query}", status=405)
    assert "GET" in answer.headers["Allow"]
    assert web.get(NONCE, {"userAddress": consumer.address}).json == {"nonce": 1}


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "e30.e30.", "\xff", NESTED, "Ww" * 200 + ".e30.e30"],
)
def test_a_token_that_is_none_is_an_invalid_signature(
    web: TestApp, consumer: Consumer, token: str
) -> None:
    who = {"consumerAddress": consumer.address}
    answer = web.get(COMPUTE, who, headers={"AuthToken": token}, status=400)
    assert answer.json["errors"] == {"signature": ["Invalid signature provided."]}


def test_a_nonce_beside_a_token_is_compared_and_never_stored(
    server: ComputeApp, web: TestApp, consumer: Consumer
) -> None:
    token = consumer.token(int(server.clock.now()) + 60)
    last = web.get(NONCE, {"userAddress": consumer.address}).json["nonce"]
    headers = {"AuthToken": token}
    high = {"consumerAddress": consumer.address, "nonce": "9007199254740991"}
    assert web.put_json(COMPUTE, high, headers=headers).json == []
    assert web.get(NONCE, {"userAddress": consumer.address}).json == {"nonce": last}
    low = {"consumerAddress": consumer.address, "nonce": str(last)}
    assert "nonce" in web.put_json(COMPUTE, low, headers=headers, status=400).json["errors"]


def test_a_token_that_nests_without_end_ends_no_process_that_has_imported_eth_account() -> None:
    # eth-account lifts the interpreter's recursion limit, so that a parser overruns the stack.
    program = f"""
import threading, eth_account
from compute_ref.testing import compute_app
def ask():
    with compute_app() as server:
        who = {{"consumerAddress": server.consumer().address}}
        answer = server.web.get("{COMPUTE}", who, headers={{"AuthToken": TOKEN}}, status=400)
        print(list(answer.json["errors"]))
TOKEN = "W1tb" * 50_000 + ".e30.e30"
thread = threading.Thread(target=ask); thread.start(); thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "['signature']"), done.stderr
