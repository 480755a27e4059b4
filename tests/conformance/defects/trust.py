"""Servers that let the wrong algorithm meet the data, or keep the right one away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compute_conformance.assets import did_of
from compute_ref.assets import algorithms, datasets, screening, trust
from compute_ref.assets.admission import Admission
from compute_ref.assets.ddo import Ddo, is_algorithm
from compute_ref.assets.plan import Algorithm, Plan
from compute_ref.assets.requests import AlgorithmRequest, AssetRequest, StartRequest
from compute_ref.assets.screening import Screening
from compute_ref.assets.trust import Candidate
from compute_ref.refusals import Refused
from compute_ref.settings import Trust
from tests.conformance.defects.defect import Kind, Wrong, defect

Service = Mapping[str, Any]


def lists(service: Service) -> tuple[list[Any], list[Any]]:
    """The trusted algorithms and the trusted publishers of a service."""
    return (
        trust._listed(service, "publisherTrustedAlgorithms"),
        trust._listed(service, "publisherTrustedAlgorithmPublishers"),
    )


def trusting(wrong: Wrong, rule: Any) -> None:
    """Ask another rule of published algorithms; it is given the real one as `real`."""
    real = trust.refusal

    def asked(service: Service, algorithm: Candidate, empty_allows_all: bool) -> str:
        return str(rule(service, algorithm, lambda: real(service, algorithm, empty_allows_all)))

    wrong.patch(screening, "refusal", asked)


@defect("trusted-dids-are-compared-without-prefix", "CE-TRUST-BY-NAME")
def dids_without_prefix(wrong: Wrong) -> None:
    entries = trust._entries
    wrong.patch(
        trust, "_entries", lambda service, did: entries(service, did.removeprefix("did:op:"))
    )


@defect("any-trusted-algorithm-opens-the-dataset", "CE-TRUST-OTHERS", kind=Kind.SECURITY)
def any_trusted_opens(wrong: Wrong) -> None:
    def rule(service: Service, algorithm: Candidate, real: Any) -> str:
        found = str(real())
        return "" if found == "not_trusted_algo" and lists(service)[0] else found

    trusting(wrong, rule)


@defect("trusted-publishers-need-the-algorithm-named-too", "CE-TRUST-BY-PUBLISHER")
def publishers_need_names(wrong: Wrong) -> None:
    def rule(service: Service, algorithm: Candidate, real: Any) -> str:
        return str(real()) if lists(service)[0] else "not_trusted_algo"

    trusting(wrong, rule)


@defect("trusted-publishers-are-not-compared", "CE-TRUST-OTHER-PUBLISHERS", kind=Kind.SECURITY)
def publishers_are_not_compared(wrong: Wrong) -> None:
    def rule(service: Service, algorithm: Candidate, real: Any) -> str:
        names, publishers = lists(service)
        return "" if publishers and not names else str(real())

    trusting(wrong, rule)


@defect("star-is-the-name-of-one-algorithm", "CE-TRUST-EVERYBODY")
def star_is_a_name(wrong: Wrong) -> None:
    entries = trust._entries

    def exact(service: Service, did: str) -> list[Service]:
        return [entry for entry in entries(service, did) if entry.get("did") == did]

    wrong.patch(trust, "_entries", exact)


@defect("empty-lists-allow-every-algorithm", "CE-TRUST-NOBODY", kind=Kind.SECURITY)
def empty_lists_allow(wrong: Wrong) -> None:
    wrong.settings(lambda settings: replace(settings, trust=Trust(empty_allows_all=True)))


@defect("one-of-both-lists-is-enough", "CE-TRUST-BOTH-LISTS", kind=Kind.SECURITY)
def one_list_is_enough(wrong: Wrong) -> None:
    def rule(service: Service, algorithm: Candidate, real: Any) -> str:
        found = str(real())
        both = all(lists(service))
        return trust._algorithm_refusal(service, algorithm) if found and both else found

    trusting(wrong, rule)


def excused(wrong: Wrong, code: str) -> None:
    """Never refuse with this code."""

    def rule(service: Service, algorithm: Candidate, real: Any) -> str:
        found = str(real())
        return "" if found == code else found

    trusting(wrong, rule)


@defect("file-checksums-are-not-compared", "CE-TRUST-FILES", kind=Kind.SECURITY)
def files_are_not_compared(wrong: Wrong) -> None:
    excused(wrong, "algorithm_file_checksum_mismatch")


@defect("container-checksums-are-not-compared", "CE-TRUST-CONTAINER", kind=Kind.SECURITY)
def containers_are_not_compared(wrong: Wrong) -> None:
    excused(wrong, "algorithm_container_checksum_mismatch")


def only_main(wrong: Wrong, applies: Any) -> None:
    """Ask only the first dataset, for the algorithms to which this applies."""
    refusal = Screening.refusal

    def first(self: Any, service: Service) -> str:
        asked = getattr(self, "asked", False)
        self.asked = True
        return "" if asked and applies(self._algorithm) else refusal(self, service)

    wrong.patch(Screening, "refusal", first)


def _is_published(algorithm: Algorithm) -> bool:
    return algorithm.ddo is not None


def _is_raw(algorithm: Algorithm) -> bool:
    return algorithm.ddo is None


@defect("only-the-main-dataset-is-asked", "CE-TRUST-FURTHER", kind=Kind.SECURITY)
def only_the_main_dataset(wrong: Wrong) -> None:
    only_main(wrong, _is_published)


@defect("raw-algorithms-are-always-allowed", "CE-TRUST-RAW", kind=Kind.SECURITY)
def raw_is_allowed(wrong: Wrong) -> None:
    wrong.patch(screening, "raw_refusal", lambda service: "")


@defect("star-allows-raw-algorithms-too", "CE-TRUST-RAW-EVERYBODY", kind=Kind.SECURITY)
def star_allows_raw(wrong: Wrong) -> None:
    real = trust.raw_refusal

    def lenient(service: Service) -> str:
        return "" if {"did": "*"} in lists(service)[0] else real(service)

    wrong.patch(screening, "raw_refusal", lenient)


@defect("raw-is-asked-of-the-main-dataset-alone", "CE-TRUST-RAW-FURTHER", kind=Kind.SECURITY)
def raw_is_asked_once(wrong: Wrong) -> None:
    only_main(wrong, _is_raw)


@defect("a-trusted-did-lets-other-code-in", "CE-TRUST-RAW-HIDDEN", kind=Kind.SECURITY)
def trusted_did_lets_code_in(wrong: Wrong) -> None:
    checked = Admission._checked

    def either(self: Any, request: StartRequest, consumer: str | None) -> Plan:
        try:
            return checked(self, request, consumer)
        except Refused as refused:
            told = request.algorithm
            hidden = "no_raw_algo_allowed" in str(refused) and told.asset.document_id
            if not hidden:
                raise
            by_name = replace(request, algorithm=AlgorithmRequest(told.asset))
            return checked(self, by_name, consumer)

    wrong.patch(Admission, "_checked", either)


def serving(wrong: Wrong, allows: Any) -> None:
    """Let a main dataset be used through whatever service this allows."""
    real = datasets._service

    def service(ddo: Ddo, asset: AssetRequest, name: str) -> Service:
        return real(ddo, asset, "further" if allows(ddo) else name)

    wrong.patch(datasets, "_service", service)


@defect("access-services-may-be-computed-on", "CE-TRUST-ACCESS-MAIN", kind=Kind.SECURITY)
def access_may_be_computed_on(wrong: Wrong) -> None:
    serving(wrong, lambda ddo: not is_algorithm(ddo))


@defect("algorithms-may-be-datasets", "CE-TRUST-NOT-DATASET", kind=Kind.SECURITY)
def algorithms_may_be_datasets(wrong: Wrong) -> None:
    serving(wrong, is_algorithm)


@defect("access-services-need-an-entry-of-trust", "CE-TRUST-ACCESS-FURTHER")
def access_needs_trust(wrong: Wrong) -> None:
    refusal = Screening.refusal
    wrong.patch(
        Screening, "refusal", lambda self, service: refusal(self, {**service, "type": "compute"})
    )


@defect("credentials-are-not-read", "CE-TRUST-CREDENTIALS", kind=Kind.SECURITY)
def credentials_are_not_read(wrong: Wrong) -> None:
    wrong.patch(datasets, "credentials_refuse", lambda ddo, consumer: False)


@defect("credentials-of-the-main-dataset-alone", "CE-TRUST-CREDENTIALS-FURTHER", kind=Kind.SECURITY)
def credentials_of_the_main_dataset(wrong: Wrong) -> None:
    real = Admission._dataset

    def first(self: Any, asset: AssetRequest, name: str, consumer: str | None, before: Any) -> Any:
        return real(self, asset, name, None if before else consumer, before)

    wrong.patch(Admission, "_dataset", first)


# What cannot be found


@defect("unknown-datasets-are-the-first-one", "CE-TRUST-UNKNOWN-DATASET")
def unknown_dataset_is_the_first(wrong: Wrong) -> None:
    real = Admission._dataset

    def lenient(self: Any, asset: AssetRequest, name: str, consumer: Any, before: Any) -> Any:
        known = before or not asset.document_id or self.ddo(asset.document_id)
        return real(
            self,
            asset if known else replace(asset, document_id=did_of("open")),
            name,
            consumer,
            before,
        )

    wrong.patch(Admission, "_dataset", lenient)


@defect("unknown-further-datasets-are-skipped", "CE-TRUST-UNKNOWN-FURTHER")
def unknown_further_are_skipped(wrong: Wrong) -> None:
    admit = Admission.admit

    def known(self: Any, request: StartRequest, consumer: str) -> Plan:
        main, *others = request.datasets
        kept = [one for one in others if not one.document_id or self.ddo(one.document_id)]
        return admit(self, replace(request, datasets=(main, *kept)), consumer)

    wrong.patch(Admission, "admit", known)


@defect("unknown-services-are-the-first-one", "CE-TRUST-UNKNOWN-SERVICE", kind=Kind.SECURITY)
def unknown_service_is_the_first(wrong: Wrong) -> None:
    wrong.patch(datasets, "service_of", _service_or_first)


@defect("unknown-algorithm-services-are-the-first-one", "CE-TRUST-UNKNOWN-ALGORITHM-SERVICE")
def unknown_algorithm_service_is_the_first(wrong: Wrong) -> None:
    wrong.patch(algorithms, "service_of", _service_or_first)


def _service_or_first(ddo: Ddo, service_id: str) -> Service:
    found = [one for one in ddo["services"] if one["id"] == service_id]
    first: Service = [*found, *ddo["services"]][0]
    return first


@defect("unknown-algorithms-are-the-usual-one", "CE-TRUST-UNKNOWN-ALGORITHM")
def unknown_algorithm_is_the_usual_one(wrong: Wrong) -> None:
    real = Admission._algorithm

    def lenient(self: Any, request: StartRequest, *more: Any) -> Algorithm:
        asked = request.algorithm.asset.document_id
        if asked and request.algorithm.meta is None and self.ddo(asked) is None:
            usual = replace(request.algorithm.asset, document_id=did_of("trusted"))
            request = replace(request, algorithm=replace(request.algorithm, asset=usual))
        return real(self, request, *more)

    wrong.patch(Admission, "_algorithm", lenient)


@defect("datasets-may-be-algorithms", "CE-TRUST-NOT-ALGORITHM", kind=Kind.SECURITY)
def datasets_may_be_algorithms(wrong: Wrong) -> None:
    wrong.patch(algorithms, "is_algorithm", lambda ddo: True)
    wrong.patch(
        algorithms,
        "container_of",
        lambda ddo: (ddo["metadata"].get("algorithm") or {}).get("container", {"entrypoint": "sh"}),
    )
