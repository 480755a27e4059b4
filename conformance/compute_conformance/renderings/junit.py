"""JUnit XML, as test reporters of build servers read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

#: the child that a verdict becomes; a pass and a warning have none
CHILDREN: Final = {
    "fail": "failure",
    "error": "error",
    "unsupported": "skipped",
    "disabled": "skipped",
    "inconclusive": "skipped",
    "contested": "skipped",
}
NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PROPERTIES: Final = ("id", "level", "capability", "tier", "access", "security", "verdict")


def junit(document: Mapping[str, Any]) -> str:
    """One suite for each capability, one case for each check."""
    root = Element("testsuites", name="compute-conformance", time=str(document["seconds"]))
    if document["wiring"] or document["cut"]:
        suite = _suite(root, "wiring")
        case = SubElement(suite, "testcase", classname="wiring", name="the target answers")
        _child(case, "error", "error", document["wiring"] or document["cut"], "")
    for capability in dict.fromkeys(one["capability"] for one in document["requirements"]):
        suite = _suite(root, capability)
        for requirement in document["requirements"]:
            if requirement["capability"] == capability:
                _cases(suite, requirement)
    for suite in root:
        _count(suite)
    _count(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _suite(root: Element, name: str) -> Element:
    return SubElement(root, "testsuite", name=name)


def _cases(suite: Element, requirement: Mapping[str, Any]) -> None:
    for check in requirement["checks"]:
        case = SubElement(
            suite,
            "testcase",
            classname=f"compute_conformance.{check['name'].partition('.')[0]}",
            name=f"{requirement['id']} {check['name']}",
            time=str(check["seconds"]),
        )
        properties = SubElement(case, "properties")
        for name in PROPERTIES:
            value = check["verdict"] if name == "verdict" else requirement[name]
            SubElement(properties, "property", name=name, value=str(value))
        _child(
            case, check["verdict"], requirement["sentence"], check["expected"], check["observed"]
        )


def _child(case: Element, verdict: str, *texts: str) -> None:
    if verdict in CHILDREN:
        message, *_ = texts
        child = SubElement(case, CHILDREN[verdict], message=_clean(message), type=verdict)
        child.text = _clean("\n".join(filter(None, texts)))


def _count(element: Element) -> None:
    element.set("tests", str(len([*element.iter("testcase")])))
    for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len([*element.iter(child)])))


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
