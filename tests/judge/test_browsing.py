"""A person reads the HTML report in a browser: filters, searches, unfolds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from compute_conformance.renderings import RENDERINGS
from compute_conformance.requirements import register
from compute_conformance.verdicts import Verdict
from tests.conformance.sample import sample

FIRST, SECOND, THIRD = [*register()][:3]
SCREENSHOTS = Path(__file__).parents[2] / "reports"


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    assert chromium, "There is no program chromium: install it (Debian: chromium)."
    path = tmp_path_factory.mktemp("report") / "report.html"
    document = sample(Verdict.PASS, Verdict.FAIL, Verdict.WARN)
    path.write_text(RENDERINGS[".html"](document), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(path.as_uri())
        yield page
        browser.close()


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    """The report as it was opened; nothing of it may have failed or been refused to run."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        said.append(message.text)

    browser_page.on("console", hear)
    browser_page.reload()
    yield browser_page
    browser_page.remove_listener("console", hear)
    assert said == []


def seen(page: Page) -> list[str | None]:
    """The requirements that are shown."""
    return [one.get_attribute("id") for one in page.locator(".requirement:visible").all()]


def test_everything_is_shown_at_first_and_folded(page: Page) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "report.png", full_page=True)
    assert seen(page) == [FIRST, SECOND, THIRD]
    assert page.locator(".requirement[open]").count() == 0
    assert page.locator("#shown").text_content() == "3 of 3"


def test_a_verdict_can_be_left_out(page: Page) -> None:
    page.uncheck("input[value=pass]")
    assert seen(page) == [SECOND, THIRD]


def test_a_search_finds_ids_and_sentences(page: Page) -> None:
    page.fill("#search", SECOND.lower())
    assert SECOND in seen(page)
    assert FIRST not in seen(page)


def test_what_is_clicked_unfolds_with_its_evidence(page: Page) -> None:
    page.click(f"#{SECOND} > summary")
    assert page.locator(f"#{SECOND} .check").is_visible()
    assert "what is right" in page.locator(f"#{SECOND}").inner_text()


def test_all_can_be_unfolded_and_folded(page: Page) -> None:
    page.click("#unfold")
    assert page.locator(".requirement[open]").count() == 3
    page.click("#unfold")
    assert page.locator(".requirement[open]").count() == 0


def test_the_matrix_leads_to_a_requirement(page: Page) -> None:
    page.click(f"a[href='#{SECOND}']")
    assert page.locator(f"#{SECOND}").get_attribute("open") is not None


def test_nothing_of_the_targets_becomes_markup(page: Page) -> None:
    page.click("#unfold")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert "onerror=alert(1)" in page.locator(f"#{SECOND}").inner_text()
