import pytest

from compute_ref.assets.targets import read_target
from compute_ref.plugins import FileUnavailable


def test_a_url_is_taken_apart() -> None:
    target = read_target("https://Data.Example/a%20b?x=1#part")
    assert (target.scheme, target.host, target.port) == ("https", "data.example", 443)
    assert (target.path, target.authority) == ("/a%20b?x=1", "data.example")


def test_a_port_of_its_own_is_in_the_authority() -> None:
    assert read_target("http://data.example:8080").authority == "data.example:8080"
    assert read_target("http://data.example:80/").authority == "data.example"


def test_the_path_is_ascii_and_without_blanks() -> None:
    assert read_target("http://data.example/a b/ü?q=ü x").path == "/a%20b/%C3%BC?q=%C3%BC%20x"
    assert read_target("http://data.example").path == "/"
    assert read_target("http://data.example?x").path == "/?x"


def test_an_address_of_version_6_stands_in_brackets_only_outside() -> None:
    target = read_target("http://[::1]:81/x")
    assert (target.host, target.authority) == ("::1", "[::1]:81")


def test_a_name_with_umlauts_is_looked_up_as_ascii() -> None:
    assert read_target("http://bücher.example/").host == "xn--bcher-kva.example"


def test_user_and_password_do_not_change_whom_it_is_for() -> None:
    target = read_target("http://public.example@127.0.0.1:90/")
    assert (target.host, target.authority) == ("127.0.0.1", "127.0.0.1:90")


def test_a_relative_location_is_relative_to_where_it_came_from() -> None:
    assert read_target("../c", "http://data.example/a/b").url == "http://data.example/c"
    assert read_target("//else.example/c", "https://data.example/a").host == "else.example"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data.csv",
        "file:///etc/passwd",
        "ftp://data.example/x",
        "gopher://data.example/x",
        "http:///x",
        "http://",
        "http://data.example:0x50/",
        "http://data.example:99999/",
        "http://[::1/",
        "http://a" + "b" * 70 + "ü.example/",
        "javascript:alert(1)",
    ],
)
def test_anything_else_is_refused_without_naming_it(url: str) -> None:
    with pytest.raises(FileUnavailable) as refused:
        read_target(url)
    assert "example" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_two_ports_are_two_origins() -> None:
    origins = {
        read_target(url).origin
        for url in ("http://a.example/x", "http://A.example:80/y", "https://a.example/x")
    }
    assert len(origins) == 2
