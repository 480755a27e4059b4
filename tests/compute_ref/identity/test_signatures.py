"""The signed message, against vectors made elsewhere and an independent implementation."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from compute_ref.identity.keys import Account
from compute_ref.identity.signatures import HALF_ORDER, recover, signing_hash

ONE = Account((1).to_bytes(32, "big"))
ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"  # of that key, as is known everywhere
DID = "did:op:" + "2" * 64
JOB = "4d32947065bb46c8b87c1f7adfb7ed8b"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
VECTORS = [
    (
        ONE.address + DID + "2",
        "2fac31a4612d60f1abb9b2f7b13a672e0f5f03d20e13b02e3c524c0485883a3a",
        "0x3de6bffd038442f5a01b0c064719ea2fb23ce565d74dd0d9859971e66595f27e"
        "03930064dbea131b3962bf97c7f9b410320d50153f6f9be4a4d21f89d938107b01",
    ),
    (
        ONE.address + JOB + DID + "3",
        "d02b84ddffde2390b8654e5aab64b42f6a6d896ac8b290664628498cc540958a",
        "0x6188ecdcaeb50f106d53fd53da418a9b2261234b4249bc60b3310a5cf892c9ff"
        "7c36d2313382e4e4ce5f5b1ef60365ae6000b7015fd8fb34243a2c007aa889f801",
    ),
    (
        ONE.address + JOB + "0" + "4",
        "6af7b568d2bc2a8a6aa74108ad4ba13aa95eaabe250a5987563e02cd184574f2",
        "0x3dcdb7c8df89af189e31ae1dea7e368be73b67d2ff4c80ef32d3c583e8e2f2cd"
        "4047a6bc192dd1b201bf8e2d63255cc31ec09d329cbdbe59f906615d12b1491e01",
    ),
    (
        ONE.address + "5",
        "76daa83812e59ce6a6f51e6a19cdfd6e183e869627c83eedd9eab5b75261a328",
        "0xce6094247f294c0060c61afc3a3dd3c109fa30ddb7ce6315614d48f8b9f5c18c"
        "19205296eab2d0fad77297c84363153b03491ed624f52128d5b1622d1323ee3400",
    ),
]


@pytest.mark.parametrize(("message", "digest", "signature"), VECTORS)
def test_vectors_of_an_independent_implementation_are_recovered(
    message: str, digest: str, signature: str
) -> None:
    assert signing_hash(message).hex() == digest
    assert recover(message, signature) == ONE.address == ADDRESS
    assert recover(message, signature.removeprefix("0x")) == ADDRESS
    assert recover(message + "0", signature) != ADDRESS


def test_every_way_to_write_v_is_taken_and_no_other() -> None:
    message, _, signature = VECTORS[0]
    for last, expected in (("01", True), ("1c", True), ("02", False), ("1d", False), ("00", False)):
        assert (recover(message, signature[:-2] + last) == ONE.address) is expected


def test_the_high_s_twin_of_a_signature_is_nobodys() -> None:
    message, _, signature = VECTORS[0]
    raw = bytes.fromhex(signature[2:])
    twin = ORDER - int.from_bytes(raw[32:64], "big")
    assert twin > HALF_ORDER
    forged = raw[:32] + twin.to_bytes(32, "big") + bytes([raw[64] ^ 1])
    assert recover(message, "0x" + forged.hex()) is None


def test_half_of_the_order_is_still_low() -> None:
    message, _, signature = VECTORS[0]
    assert recover(message, f"{signature[:66]}{HALF_ORDER:064x}1b") is not None


@pytest.mark.parametrize("junk", ["", "0x", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "zz" * 65])
def test_junk_is_nobodys_signature(junk: str) -> None:
    assert recover("message", junk) is None


def test_eth_account_signs_and_reads_the_same() -> None:
    # In a process of its own: importing eth-account raises the interpreter's recursion limit.
    program = """
import json, sys
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_hash.auto import keccak
text, key = json.load(sys.stdin)
signed = Account.sign_message(encode_defunct(keccak(text.encode())), key)
print(signed.signature.hex())
"""
    text = ONE.address + JOB + "7"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=json.dumps([text, ONE.private_key.hex()]),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert recover(text, answer) == ONE.address
    assert answer.removeprefix("0x") == ONE.sign(text).removeprefix("0x")
