"""The fake Hub is one: the Hub's own client understands it, and what goes wrong does so as told."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from urllib.parse import urlsplit

import pytest

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when the client is imported

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RemoteEntryNotFoundError, RepositoryNotFoundError

from tests.fake_hub import FakeHub, Fault, Kind, VirtualFile, refusal
from tests.fake_hub_demo import add_demo_library
from tests.fake_hub_repos import sha256_of, true_sha256

REPO, FILE = "ada/tiny-GGUF", "tiny.Q4_K_M.gguf"
CONTENT = VirtualFile(3_000_000, seed=7)
WHOLE = CONTENT.read(0, CONTENT.size)


@pytest.fixture
def hub(hub: FakeHub) -> FakeHub:
    hub.add_model(REPO, {FILE: CONTENT}, card="# Tiny", likes=3, licence="mit", gguf={"architecture": "llama"})
    return hub


def _api(hub: FakeHub, token: str | bool = False) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=token)


def _url(hub: FakeHub, path: str = FILE, repo: str = REPO) -> str:
    return hf_hub_url(repo, path, endpoint=hub.endpoint)


def _answer(url: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer without following it anywhere, and as much of its body as came."""
    address = urlsplit(url)
    assert address.hostname
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=20)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{address.path}?{address.query}", headers=named)
        response = connection.getresponse()
        try:
            return response, response.read()
        except http.client.IncompleteRead as error:
            return response, error.partial


def _from_cdn(hub: FakeHub, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    redirect, _ = _answer(_url(hub))
    return _answer(redirect.headers["Location"], **headers)


def test_the_hubs_own_client_reads_a_models_page(hub):
    model = _api(hub).model_info(REPO, files_metadata=True)
    file = next(file for file in model.siblings or () if file.rfilename == FILE)
    assert (file.size, file.lfs and file.lfs.sha256) == (CONTENT.size, hashlib.sha256(WHOLE).hexdigest())
    assert (model.gguf, model.likes, model.card_data and model.card_data.license) == (
        {"architecture": "llama"},
        3,
        "mit",
    )


def test_the_hubs_own_client_walks_through_the_pages_of_a_search_and_of_a_tree(hub):
    for number in range(25):
        hub.add_model(f"ada/chat-{number}-GGUF", {"x.gguf": b"x"}, downloads=number)
    hub.add_model("ada/chat-in-parts", {f"folder/{number:05}.json": b"" for number in range(2100)})
    found = list(_api(hub).list_models(filter="gguf", search="chat", sort="downloads", limit=22, expand=["downloads"]))
    assert [model.downloads for model in found] == list(range(24, 2, -1))
    assert len(list(_api(hub).list_repo_tree("ada/chat-in-parts", recursive=True))) == 2101


def test_the_hubs_own_client_finds_a_file_and_its_hash(hub):
    found = get_hf_file_metadata(_url(hub), token=False)
    assert (found.size, found.etag) == (CONTENT.size, hashlib.sha256(WHOLE).hexdigest())
    assert found.location.startswith(hub.cdn)
    assert found.commit_hash == hub.models[REPO].commit
    assert get_hf_file_metadata(_url(hub, "README.md"), token=False).size == len("---\nlicense: mit\n---\n# Tiny") + 2


def test_the_hubs_own_client_is_told_why_it_is_refused(hub):
    hub.add_model("ada/gated", {FILE: CONTENT}, gated="manual")
    hub.add_model("ada/private", {FILE: CONTENT}, private=True)
    assert _api(hub).model_info("ada/gated").gated == "manual"
    with pytest.raises(GatedRepoError):
        get_hf_file_metadata(_url(hub, repo="ada/gated"), token=False)
    with pytest.raises(GatedRepoError):
        get_hf_file_metadata(_url(hub, repo="ada/gated"), token="hf_not_granted")
    assert get_hf_file_metadata(_url(hub, repo="ada/gated"), token=hub.token_ok).size == CONTENT.size
    with pytest.raises(RepositoryNotFoundError):
        _api(hub, "hf_not_granted").model_info("ada/private")
    with pytest.raises(RemoteEntryNotFoundError):
        get_hf_file_metadata(_url(hub, "no-such-file.gguf"), token=False)
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        _api(hub, "hf_unknown").model_info(REPO)
    assert _api(hub, hub.token_ok).whoami()["name"] == "ada"


def test_a_renamed_model_is_found_under_its_old_name(hub):
    hub.rename(REPO, "ada/better-GGUF")
    assert _api(hub).model_info(REPO).id == "ada/better-GGUF"


def test_the_cdn_serves_ranges_of_the_version_that_was_asked_for(hub):
    before, _ = _answer(_url(hub))
    hub.change_file(REPO, FILE, b"another version")
    whole, body = _answer(before.headers["Location"])
    assert (whole.status, body) == (200, WHOLE)
    part, body = _answer(before.headers["Location"], Range="bytes=2000000-", If_Range=whole.headers["ETag"])
    assert (part.status, part.headers["Content-Range"], body) == (
        206,
        "bytes 2000000-2999999/3000000",
        WHOLE[2_000_000:],
    )
    assert _answer(before.headers["Location"], Range="bytes=5-", If_Range='"other"')[1] == WHOLE
    assert _answer(before.headers["Location"], Range="bytes=3000000-")[0].status == 416
    assert hub.bytes_sent == 7_000_000


def test_an_address_at_the_cdn_expires_and_wants_no_token(hub):
    assert _from_cdn(hub, Authorization="Bearer hf_good")[0].status == 400
    hub.link_lifetime = -1
    assert _from_cdn(hub)[0].status == 403


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(Kind.CUT, after_bytes=1_500_000), WHOLE[:1_500_000]),
        (Fault(Kind.CHUNKED), WHOLE),
        (Fault(Kind.SHORT, count=1000), WHOLE[:-1000]),
        (Fault(Kind.STALL, after_bytes=1_500_000, seconds=0.01), WHOLE),
        (Fault(Kind.THROTTLE, speed=1e8), WHOLE),
        (
            Fault(Kind.CORRUPT, position=1_500_000),
            WHOLE[:1_500_000] + b"%c" % (WHOLE[1_500_000] ^ 1) + WHOLE[1_500_001:],
        ),
        (Fault(Kind.HANG, seconds=0.01), WHOLE),
        (Fault(Kind.ANSWER, status=503, body=b"busy"), b"busy"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_spoils_one_answer_and_not_the_next(hub, fault, expected):
    hub.faults.add(fault)
    assert _from_cdn(hub)[1] == expected
    assert _from_cdn(hub)[1] == WHOLE


@pytest.mark.parametrize(
    ("kind", "status", "beginning"),
    [(Kind.IGNORE_RANGE, 200, 0), (Kind.SHIFT, 206, 1_000_007), (Kind.SHIFT_UNTOLD, 206, 1_000_007)],
)
def test_a_range_can_be_answered_wrongly(hub, kind, status, beginning):
    hub.faults.add(Fault(kind, count=7))
    answer, body = _from_cdn(hub, Range="bytes=1000000-1999999")
    assert answer.status == status
    assert body.startswith(WHOLE[beginning : beginning + 1000])
    if kind is Kind.SHIFT:
        assert answer.headers["Content-Range"] == "bytes 1000007-1999999/3000000"


@pytest.mark.parametrize(
    "fault", [Fault(Kind.RESET, after_bytes=1_500_000), Fault(Kind.RESET), Fault(Kind.RESET_AT_ONCE)]
)
def test_a_connection_can_be_reset(hub, fault):
    hub.faults.add(fault)
    with pytest.raises(ConnectionResetError):
        _from_cdn(hub)


def test_a_connection_can_be_closed_without_an_answer(hub):
    hub.faults.add(Fault(Kind.CLOSE, where="hub"))
    with pytest.raises(http.client.RemoteDisconnected):
        _answer(_url(hub))


def test_headers_can_be_wrong_or_missing_and_answers_be_errors(hub):
    hub.faults.add(Fault(Kind.WITHOUT, "hub", headers={"x-repo-commit": ""}, method="HEAD"))
    hub.faults.add(Fault(Kind.WITH, "hub", headers={"X-Linked-Size": "5"}, skip=1))
    hub.faults.add(refusal(429, "api", times=None, retry_after="7"))
    assert _answer(_url(hub))[0].headers["X-Linked-Size"] == str(CONTENT.size)
    answer, _ = _answer(_url(hub), "HEAD")
    assert (answer.headers["X-Linked-Size"], answer.headers["X-Repo-Commit"]) == ("5", None)
    limited, _ = _answer(f"{hub.endpoint}/api/models")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")


def test_closing_ends_what_hangs():
    before = threading.active_count()
    with FakeHub() as hub:
        hub.faults.add(Fault(Kind.HANG, where="api"))
        address = urlsplit(hub.endpoint)
        waiting = socket.create_connection((address.hostname, address.port))
        waiting.sendall(b"GET /api/models HTTP/1.1\r\n\r\n")
        while not hub.requests:
            time.sleep(0.002)
    with waiting:
        assert waiting.recv(1) == b""
    assert threading.active_count() == before


def test_a_virtual_file_of_60_gb_can_be_read_anywhere():
    file = VirtualFile(60_000_000_000, sha256="given")
    assert sha256_of(file) == "given"
    assert file.read(59_999_999_990, 70_000_000_000) == file.read(59_999_999_000, 60_000_000_000)[-10:]
    assert file.read(0, 2_097_152)[:1_048_576] != file.read(1_048_576, 2_097_152)


def test_the_demo_library_can_be_downloaded():
    with FakeHub() as hub:
        add_demo_library(hub)
    file = hub.models["TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"].files()["tinyllama-1.1b-chat-v1.0.Q2_K.gguf"]
    assert true_sha256(file.content) == file.sha256


def test_it_runs_as_a_program():
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fake_hub", "--demo"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            endpoint = process.stdout.readline().strip()
            with urllib.request.urlopen(f"{endpoint}/api/models?filter=gguf&limit=1", timeout=20) as answer:
                assert b"TinyLlama" in answer.read()
        finally:
            process.kill()
