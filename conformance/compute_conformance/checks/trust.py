"""Which algorithm may meet which data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compute_conformance.assets import unknown_did
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.exchanges import Answer, reasons
from compute_conformance.verdicts import expect


def meet(bench: Bench, algorithm: str, dataset: str, *further: str, **changes: Any) -> Answer:
    """A start with the assets in these roles; ``raw`` is code that the consumer brings along."""
    chosen = bench.raw() if algorithm == "raw" else bench.profile.algorithm(algorithm)
    main = bench.profile.dataset(dataset)
    beside = [bench.profile.dataset(role) for role in further]
    return bench.consumer().start(chosen, main, **{"additionalDatasets": beside or None, **changes})


@check("CE-TRUST-BY-NAME")
def by_name(bench: Bench) -> None:
    """The algorithm that the dataset names, with the right checksums."""
    meet(bench, "trusted", "closed").job()


@check("CE-TRUST-OTHERS")
def others(bench: Bench) -> None:
    """An algorithm that the dataset does not name."""
    meet(bench, "stranger", "closed").refused()


@check("CE-TRUST-BY-PUBLISHER")
def by_publisher(bench: Bench) -> None:
    """An algorithm of the publisher whom the dataset names."""
    meet(bench, "trusted", "publisher").job()


@check("CE-TRUST-OTHER-PUBLISHERS")
def other_publishers(bench: Bench) -> None:
    """An algorithm of another publisher."""
    meet(bench, "stranger", "publisher").refused()


@check("CE-TRUST-EVERYBODY")
def everybody(bench: Bench) -> None:
    """Algorithms of two publishers."""
    for algorithm in ("trusted", "stranger"):
        meet(bench, algorithm, "everyone").job()


@check("CE-TRUST-NOBODY")
def nobody(bench: Bench) -> None:
    """A published algorithm, and a dataset that lists none."""
    meet(bench, "trusted", "nobody").refused()


@check("CE-TRUST-BOTH-LISTS")
def both_lists(bench: Bench) -> None:
    """An algorithm that the one list allows and the other does not."""
    meet(bench, "trusted", "both").refused()


@check("CE-TRUST-FILES")
def files(bench: Bench) -> None:
    """An algorithm named with the checksum of other files."""
    meet(bench, "trusted", "changed").refused()


@check("CE-TRUST-CONTAINER")
def container(bench: Bench) -> None:
    """An algorithm named with the checksum of another container."""
    meet(bench, "trusted", "repacked").refused()


@check("CE-TRUST-FURTHER")
def further(bench: Bench) -> None:
    """A main dataset that trusts the algorithm, beside one that does not."""
    meet(bench, "trusted", "closed", "changed").refused()


@check("CE-TRUST-RAW")
def raw_refused(bench: Bench) -> None:
    """Raw code, and a dataset that trusts one published algorithm."""
    meet(bench, "raw", "closed").refused()


@check("CE-TRUST-RAW-EVERYBODY")
def raw_everybody(bench: Bench) -> None:
    """Raw code, and a dataset that trusts all published ones."""
    meet(bench, "raw", "everyone").refused()


@check("CE-TRUST-RAW-FURTHER")
def raw_further(bench: Bench) -> None:
    """Raw code, a dataset that allows it, and one beside it that does not."""
    meet(bench, "raw", "open", "closed").refused()


@check("CE-TRUST-RAW-HIDDEN")
def raw_hidden(bench: Bench) -> None:
    """Raw code beside the DID of the algorithm that the dataset trusts."""
    both = {**bench.profile.algorithm("trusted"), **bench.raw()}
    bench.consumer().start(both, bench.profile.dataset("closed")).refused()


@check("CE-TRUST-ACCESS-MAIN")
def access_main(bench: Bench) -> None:
    """A dataset that may only be read along."""
    meet(bench, "raw", "access").refused()


@check("CE-TRUST-ACCESS-FURTHER")
def access_further(bench: Bench) -> None:
    """A dataset that may only be read along, beside one that trusts the algorithm."""
    meet(bench, "trusted", "closed", "access").job()


@check("CE-TRUST-CREDENTIALS")
def credentials(bench: Bench) -> None:
    """A dataset for another consumer alone."""
    meet(bench, "raw", "denied").refused()


@check("CE-TRUST-CREDENTIALS-FURTHER")
def credentials_further(bench: Bench) -> None:
    """A dataset for another consumer alone, beside one for all."""
    meet(bench, "raw", "open", "denied").refused()


def _changed(bench: Bench, role: str, **fields: Any) -> dict[str, Any]:
    return {**bench.profile.dataset(role), **fields}


@check("CE-TRUST-UNKNOWN-DATASET")
def unknown_dataset(bench: Bench) -> None:
    """A DID that nobody published."""
    bench.consumer().start(dataset=_changed(bench, "open", documentId=unknown_did())).refused()


@check("CE-TRUST-UNKNOWN-FURTHER")
def unknown_further(bench: Bench) -> None:
    """A DID that nobody published, beside an ordinary dataset."""
    unknown = _changed(bench, "second", documentId=unknown_did())
    bench.consumer().start(additionalDatasets=[unknown]).refused()


@check("CE-TRUST-UNKNOWN-SERVICE")
def unknown_service(bench: Bench) -> None:
    """An ordinary dataset with a service of another name."""
    bench.consumer().start(dataset=_changed(bench, "open", serviceId="no-such-service")).refused()


def _algorithm(bench: Bench, **fields: Any) -> Answer:
    algorithm = {**bench.profile.algorithm("trusted"), **fields}
    return bench.consumer().start(algorithm, bench.profile.dataset("closed"))


@check("CE-TRUST-UNKNOWN-ALGORITHM")
def unknown_algorithm(bench: Bench) -> None:
    """A DID that nobody published."""
    _algorithm(bench, documentId=unknown_did()).refused()


@check("CE-TRUST-UNKNOWN-ALGORITHM-SERVICE")
def unknown_algorithm_service(bench: Bench) -> None:
    """A trusted algorithm with a service of another name."""
    _algorithm(bench, serviceId="no-such-service").refused()


def _dataset_as_algorithm(bench: Bench) -> Answer:
    return bench.consumer().start(bench.profile.dataset("open"), bench.profile.dataset("everyone"))


@check("CE-TRUST-NOT-ALGORITHM")
def not_algorithm(bench: Bench) -> None:
    """A dataset in the place of the algorithm, where all algorithms are trusted."""
    _dataset_as_algorithm(bench).refused()


@check("CE-TRUST-NOT-DATASET")
def not_dataset(bench: Bench) -> None:
    """An algorithm in the place of the dataset."""
    bench.consumer().start(bench.raw(), bench.profile.algorithm("trusted")).refused()


# The codes that clients look for


def _coded(answer: Answer, asset: str, *codes: str) -> None:
    refusal = answer.refused()
    found = _texts(reasons(refusal), asset)
    expect(set(found) & set(codes), f"{asset}: {' or '.join(codes)}", refusal)


def _texts(told: Mapping[str, Any], asset: str) -> Sequence[str]:
    found = told.get(asset, ())
    return [found] if isinstance(found, str) else [str(text) for text in found]


@check("CE-TRUST-CODE-RAW")
def code_raw(bench: Bench) -> None:
    """Raw code where it is not allowed."""
    _coded(meet(bench, "raw", "closed"), "dataset", "no_raw_algo_allowed")


@check("CE-TRUST-CODE-ALGORITHM")
def code_algorithm(bench: Bench) -> None:
    """An algorithm that the dataset does not name."""
    _coded(meet(bench, "stranger", "closed"), "dataset", "not_trusted_algo")


@check("CE-TRUST-CODE-PUBLISHER")
def code_publisher(bench: Bench) -> None:
    """An algorithm of another publisher."""
    _coded(meet(bench, "stranger", "publisher"), "dataset", "not_trusted_algo_publisher")


@check("CE-TRUST-CODE-CHECKSUM")
def code_checksum(bench: Bench) -> None:
    """An algorithm named with the checksums of others."""
    for role, what in (("changed", "file"), ("repacked", "container")):
        code = f"algorithm_{what}_checksum_mismatch"
        _coded(meet(bench, "trusted", role), "dataset", code)


@check("CE-TRUST-CODE-DATASET")
def code_dataset(bench: Bench) -> None:
    """An unknown DID, an unknown service, and a service that is not for computing."""
    for field, code, dataset in (
        ("documentId", "did_not_found", _changed(bench, "open", documentId=unknown_did())),
        ("serviceId", "not_found", _changed(bench, "open", serviceId="no-such-service")),
        ("serviceId", "main_service_compute", bench.profile.dataset("access")),
    ):
        _coded(bench.consumer().start(dataset=dataset), f"dataset.{field}", code)


@check("CE-TRUST-CODE-NOT-ALGORITHM")
def code_not_algorithm(bench: Bench) -> None:
    """A dataset in the place of the algorithm."""
    _coded(_dataset_as_algorithm(bench), "algorithm", "not_algo")
