"""Unmodified Ocean clients against a live server, with no other server and no chain."""

from __future__ import annotations

from typing import Any

NO_JOB = "No such job of this consumer"
OUTPUTS = ["penguins.svg", "summary.csv", "summary.json"]


def test_a_client_finds_the_free_environment(seen: Any) -> None:
    environment = seen["environment"]
    assert environment["id"] == "local"
    assert environment["priceMin"] == 0
    assert environment["consumerAddress"].startswith("0x")


def test_a_job_by_did_runs_to_its_end(seen: Any) -> None:
    assert seen["published"]["status"] == 70
    assert seen["published"]["dateFinished"] > 0


def test_results_are_listed_outputs_first_and_logs_last(seen: Any) -> None:
    assert seen["published"]["names"] == [*OUTPUTS, "algorithm.log", "configuration.log"]


def test_the_result_is_what_the_real_algorithm_makes_of_the_real_data(seen: Any) -> None:
    gentoo = seen["published"]["summary"]["Gentoo"]["body_mass_g"]
    assert gentoo["n"] == 123
    assert gentoo["mean"] == 5076.02


def test_the_log_is_what_the_algorithm_printed(seen: Any) -> None:
    assert seen["published"]["log"].startswith("344 penguins of 3 species")


def test_raw_code_runs_where_the_publisher_allows_it(seen: Any) -> None:
    assert seen["raw"]["hello"] == "hello"
    assert seen["raw"]["log"] == "hi\n"


def test_a_deleted_job_is_acknowledged_with_8(seen: Any) -> None:
    assert seen["raw"]["deleted"] == 8


def test_a_stop_is_acknowledged_with_7_and_ends_the_job_with_its_log(seen: Any) -> None:
    assert seen["stopped"]["answer"] == 7
    assert seen["stopped"]["status"] == 70
    assert seen["stopped"]["stopreq"] == 1
    assert seen["stopped"]["log"]


def test_raw_code_is_refused_where_the_publisher_does_not_allow_it(seen: Any) -> None:
    assert "no_raw_algo_allowed" in seen["refused"]["raw code"]


def test_an_algorithm_that_the_publisher_does_not_trust_is_refused(seen: Any) -> None:
    assert "not_trusted_algo" in seen["refused"]["untrusted algorithm"]


def test_ocean_py_is_told_that_an_environment_does_not_exist(ocean_py: Any) -> None:
    assert "Environment invalid or does not exist" in ocean_py["refused"]["unknown environment"]


def test_other_peoples_jobs_do_not_exist_for_ocean_py(ocean_py: Any) -> None:
    for call in ("stranger stops", "stranger deletes", "stranger reads"):
        assert NO_JOB in ocean_py["refused"][call]


def test_ocean_js_gets_null_for_a_refused_start(ocean_js: Any) -> None:
    assert ocean_js["refused"]["raw code started"] == "null"


def test_strangers_can_do_nothing_through_ocean_js(ocean_js: Any) -> None:
    assert "Invalid signature" in ocean_js["refused"]["stranger stops"]
    assert "nonce field is required" in ocean_js["refused"]["stranger deletes"]
    assert ocean_js["refused"]["stranger reads"] == "Response error."


def test_ocean_js_finds_a_job_by_its_order_and_by_its_dataset(ocean_js: Any) -> None:
    assert ocean_js["published"]["foundByOrder"]
    assert ocean_js["published"]["foundByDid"]


def test_ocean_js_finds_nothing_of_a_deleted_job(ocean_js: Any) -> None:
    assert ocean_js["raw"]["left"] == []


def test_ocean_js_sees_a_valid_provider_with_available_files(ocean_js: Any) -> None:
    assert ocean_js["valid"]
    assert ocean_js["nonce"] == 1
    assert [one["valid"] for one in ocean_js["fileinfo"]] == [True]


def test_ocean_js_reads_the_name_of_a_download(ocean_js: Any) -> None:
    assert ocean_js["published"]["filename"] == "summary.json"
