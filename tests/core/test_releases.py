from __future__ import annotations

import asyncio
import json
import time

import pytest

from app.core.errors import Offline, ReleasesUnreadable
from app.core.ledger import Ledger
from app.core.network import Network
from app.core.releases import Releases
from tests.fake_github import HOME, PROJECT, FakeGitHub


@pytest.fixture
def github():
    with FakeGitHub("v0.2.0") as github:
        yield github


@pytest.fixture
def file(tmp_path):
    return tmp_path / "releases.json"


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "conversations.db")
    yield ledger
    ledger.close()


@pytest.fixture
def look(ledger):
    """Asks, and gives the newer version."""

    def ask(releases, *, offline=False):
        async def once():
            network = Network(ledger, offline=offline)
            try:
                return await releases.look(network)
            finally:
                await network.close()

        return asyncio.run(once())

    return ask


def test_the_newest_release_is_found_and_in_the_ledger(github, file, ledger, look):
    releases = Releases(file, github.api, HOME, "0.1.0")
    assert releases.newer == ""
    assert look(releases) == releases.newer == "0.2.0"
    [(path, headers)] = github.asked
    assert path == f"/repos/{PROJECT}/releases/latest"
    assert headers["User-Agent"] == "Paddock"
    assert not {"Authorization", "Cookie"} & headers.keys()
    [entry] = ledger.newest(9)
    assert (entry.host, entry.purpose) == (github.api[7:], "looking for a new version of Paddock")


def test_the_page_to_open_is_never_one_that_an_answer_names(github, file, look):
    releases = Releases(file, github.api, HOME, "0.1.0")
    look(releases)
    assert releases.page == f"{HOME}/releases/latest"


@pytest.mark.parametrize(
    ("tag", "own", "newer"),
    [
        ("v0.2.0", "0.2.0", ""),
        ("v0.2.0", "0.2", ""),
        ("v0.9.0", "0.10.0", ""),
        ("v0.10.0", "0.9.9", "0.10.0"),
        ("1.0", "0.99", "1.0"),
        ("v0.2.0", "0.2.0.dev1", ""),
        ("v0.2.0", "unknown", "0.2.0"),
    ],
)
def test_only_a_higher_number_is_newer(file, look, tag, own, newer):
    with FakeGitHub(tag) as github:
        assert look(Releases(file, github.api, HOME, own)) == newer


def test_what_was_found_is_known_at_the_next_start_until_it_is_installed(github, file, look):
    look(Releases(file, github.api, HOME, "0.1.0"))
    assert Releases(file, github.api, HOME, "0.1.0").newer == "0.2.0"
    assert Releases(file, github.api, HOME, "0.2.0").newer == ""


def test_it_is_due_once_a_day_whether_it_worked_or_not(github, file, look):
    releases = Releases(file, github.api, HOME, "0.1.0")
    assert releases.is_due()
    github.status = 403
    with pytest.raises(ReleasesUnreadable):
        look(releases)
    assert not releases.is_due()
    assert not Releases(file, github.api, HOME, "0.1.0").is_due()
    file.write_text(json.dumps([time.time() - 86_401, "0.2.0"]))
    assert Releases(file, github.api, HOME, "0.1.0").is_due()


def test_a_clock_that_was_put_back_does_not_end_the_looking(file):
    file.write_text(json.dumps([time.time() + 1_000_000, ""]))
    assert Releases(file, "", HOME, "0.1.0").is_due()


def test_offline_nothing_is_asked(github, file, look):
    with pytest.raises(Offline):
        look(Releases(file, github.api, HOME, "0.1.0"), offline=True)
    assert github.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"message": "Not Found"}'),
        (200, b"<html>Sign in to this network</html>"),
        (200, b"[]"),
        (200, b'{"tag_name": 7}'),
        (200, b'{"tag_name": "nightly"}'),
        (200, b'{"tag_name": "v1.0-rc1"}'),
        (200, b'{"tag_name": "v1.0\\n"}'),
        (200, b"[" * 100_000),
    ],
)
def test_an_answer_that_says_nothing_is_an_error_and_changes_nothing(github, file, look, status, body):
    releases = Releases(file, github.api, HOME, "0.1.0")
    look(releases)
    github.status, github.body = status, body
    with pytest.raises(ReleasesUnreadable):
        look(releases)
    assert releases.newer == "0.2.0"


def test_when_nobody_answers_it_is_not_the_hub_that_is_blamed(file, look):
    with FakeGitHub("v1") as gone:
        pass
    with pytest.raises(ReleasesUnreadable) as raised:
        look(Releases(file, gone.api, HOME, "0.1.0"))
    assert "Hub" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("home", ["", "https://example.com/someone/paddock", "https://github.com/someone"])
def test_without_a_home_nothing_is_ever_due(file, home):
    releases = Releases(file, "", home, "0.1.0")
    assert (releases.page, releases.is_due()) == ("", False)


@pytest.mark.parametrize("text", ["", "{", "[]", '["now", "0.2.0"]', '[1.0, "<b>9</b>"]', "7"])
def test_a_file_that_makes_no_sense_costs_only_itself(file, text, caplog):
    file.write_text(text)
    releases = Releases(file, "", HOME, "0.1.0")
    assert (releases.newer, releases.is_due()) == ("", True)
