"""Servers that are wrong at the first, the last or the largest of something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import webob

from compute_ref.assets.plan import Order
from compute_ref.assets.screening import Screening
from compute_ref.jobs.ledger import Ledger
from compute_ref.jobs.store import Store
from compute_ref.settings import Settings
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import finished
from tests.conformance.defects.trust import Service

BUFFER = 65_536
ZONE = 7200  # seconds

finished("job-finished-in-another-zone", "CE-JOB-FINISHED-ELAPSED", lambda at: f"{at + ZONE:.6f}")


@defect("environment-is-always-the-first", "CE-JOB-ENVIRONMENT-ASKED")
def always_the_first(wrong: Wrong) -> None:
    def change(settings: Settings) -> Settings:
        (first,) = settings.environments
        return replace(settings, environments=(first, replace(first, id="second")))

    def first(body: dict[str, Any]) -> None:
        if body.get("environment") == "second":
            body["environment"] = "instant"

    wrong.settings(change)
    wrong.starts(first)


def paged(name: str, requirement: str, page: Any) -> None:
    """Register a server that cuts pages so."""

    def apply(wrong: Wrong) -> None:
        usual = Store.find

        def find(self: Store, wanted: Any, limit: int = 1000, offset: int = 0) -> Any:
            return page(lambda most, skip: usual(self, wanted, most, skip), limit, offset)

        wrong.patch(Store, "find", find)

    defect(name, requirement, calls=4)(apply)


paged(
    "pages-are-cut-before-they-are-turned",
    "CE-LIST-PAGES",
    lambda find, limit, offset: find(limit, 0)[offset:],
)
paged(
    "second-page-begins-with-the-last-of-the-first",
    "CE-LIST-PAGES",
    lambda find, limit, offset: find(limit, offset - 1 if offset and limit == 1 else offset),
)


def ranged(name: str, wrongly: Any) -> None:
    """Register a server that answers some ranges wrongly, 200 answers and their wholes aside."""

    def apply(wrong: Wrong) -> None:
        def rewrite(request: webob.Request) -> None:
            if request.environ.get("HTTP_RANGE"):
                request.environ["HTTP_RANGE"] = wrongly(request.environ["HTTP_RANGE"])

        wrong.requests(rewrite)

    defect(name, "CE-RESULT-RANGE-EDGES", calls=4)(apply)


ranged("range-of-the-first-byte-is-two", lambda told: told.replace("=0-0", "=0-1"))


@defect("range-of-the-last-byte-is-beyond", "CE-RESULT-RANGE-EDGES", calls=4)
def last_byte(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 206 and request.headers.get("Range", "").endswith("-"):
            told = response.headers["Content-Range"].removeprefix("bytes ")
            first, last = told.partition("/")[0].split("-")
            if first == last:
                response.body = response.body[:0]  # read, so that the file is closed
                response.status_int = 416

    wrong.answers(rewrite)


@defect("large-results-are-cut", "CE-RESULT-LARGE", calls=4)
def cut(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/computeResult") and response.status_int == 200:
            response.body = response.body[:BUFFER]

    wrong.answers(rewrite)


@defect("only-the-first-further-dataset-is-asked", "CE-TRUST-FURTHER-LAST", kind=Kind.SECURITY)
def only_the_first_further(wrong: Wrong) -> None:
    refusal = Screening.refusal

    def some(self: Any, service: Service) -> str:
        self.asked = getattr(self, "asked", 0) + 1
        return "" if self.asked > 2 else refusal(self, service)

    wrong.patch(Screening, "refusal", some)


@defect("orders-of-further-datasets-are-not-bound", "CE-ORDER-FURTHER", kind=Kind.SECURITY, calls=2)
def further_not_bound(wrong: Wrong) -> None:
    usual = Ledger.bind

    def some(self: Ledger, orders: Iterable[Order], now: float) -> None:
        usual(self, [one for one in orders if not one.resource.startswith("datasets")], now)

    wrong.patch(Ledger, "bind", some)
