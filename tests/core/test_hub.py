from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.core import hub_answers
from app.core.errors import (
    AccessNotGranted,
    AppError,
    FileNotOnTheHub,
    HubFailed,
    HubRefused,
    ModelDisabled,
    NetworkError,
    NoConnection,
    NotOnTheHub,
    NotTheHub,
    Offline,
    RateLimited,
    TokenLacksPermission,
    TokenNeeded,
    TokenRefused,
)
from app.core.hub import Hub, repo_in
from app.core.hub_model import ChatTuning, HubFile, SearchPage, SearchRow, Sort
from app.core.ledger import Ledger
from app.core.network import Network, Purpose
from tests.fake_hub import FakeHub, Fault, Kind, VirtualFile, refusal
from tests.fake_hub_repos import sha256_of

REPO, FILE = "ada/tiny-chat-GGUF", "tiny-chat.Q4_K_M.gguf"
CONTENT = VirtualFile(1_000_000, seed=1)

Question = Callable[[Hub], Coroutine[Any, Any, Any]]
Ask = Callable[..., Any]


@pytest.fixture
def fake(hub: FakeHub) -> FakeHub:
    """The one that is asked; in these tests `hub` is the one that asks."""
    return hub


@pytest.fixture
def ask(fake: FakeHub, tmp_path: Path) -> Ask:
    """Asks the fake Hub through the real network, with that token."""

    def ask(question: Question, token: str = "", *, offline: bool = False) -> Any:
        async def asking() -> Any:
            network = Network(Ledger(tmp_path / "ledger.sqlite"), offline=offline)
            try:
                return await question(Hub(network, lambda: token, fake.endpoint))
            finally:
                await network.close()

        return asyncio.run(asking())

    return ask


def _add(fake: FakeHub, repo: str = REPO, **facts: Any) -> None:
    fake.add_model(repo, {FILE: CONTENT}, **{"card": "# Tiny", **facts})


def _answer(value: object) -> Fault:
    return Fault(Kind.ANSWER, "api", headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


# --- search --------------------------------------------------------------------------------------------------------


def test_a_search_finds_gguf_models_by_words_of_their_names(fake, ask):
    _add(fake, downloads=12, likes=3, gated="auto", licence="mit", last_modified="2024-05-06T07:08:09.000Z")
    _add(fake, "ada/other-GGUF")
    fake.add_model("ada/tiny-chat", {"model.safetensors": b"x"})
    page = ask(lambda hub: hub.search(" tiny chat ", Sort.DOWNLOADS))
    row = SearchRow(REPO, downloads=12, likes=3, changed_at=1714979289.0, gated=True, licence="mit")
    assert page == SearchPage((row,))


@pytest.mark.parametrize(
    ("sort", "first"),
    [(Sort.DOWNLOADS, "ada/a"), (Sort.LIKES, "ada/b"), (Sort.CHANGED, "ada/c")],
    ids=lambda value: value,
)
def test_without_words_all_models_come_in_the_order_that_was_asked_for(fake, ask, sort, first):
    _add(fake, "ada/a", downloads=3, likes=1, last_modified="2023-01-01T00:00:00.000Z")
    _add(fake, "ada/b", downloads=2, likes=3, last_modified="2024-01-01T00:00:00.000Z")
    _add(fake, "ada/c", downloads=1, likes=2, last_modified="2025-01-01T00:00:00.000Z")
    rows = ask(lambda hub: hub.search("", sort)).rows
    assert (len(rows), rows[0].id) == (3, first)


def test_a_search_asks_for_no_more_than_is_shown(fake, ask):
    _add(fake)
    ask(lambda hub: hub.search("tiny", Sort.LIKES))
    query = fake.requests[0].query
    assert query["expand"] == ["downloads", "likes", "lastModified", "gated", "tags"]
    assert (query["filter"], query["sort"], query["limit"]) == (["gguf"], ["likes"], ["30"])


def test_the_pages_of_a_search_hold_each_model_once(fake, ask):
    for number in range(70):
        _add(fake, f"ada/chat-{number}", downloads=number)

    async def all_pages(hub: Hub) -> list[SearchPage]:
        pages = [await hub.search("chat", Sort.DOWNLOADS)]
        while pages[-1].next_page:
            pages.append(await hub.search("chat", Sort.DOWNLOADS, pages[-1].next_page))
        return pages

    pages = ask(all_pages)
    assert [len(page.rows) for page in pages] == [30, 30, 10]
    assert [row.downloads for page in pages for row in page.rows] == list(range(69, -1, -1))


def test_a_next_page_elsewhere_is_looked_for_here(fake, ask):
    _add(fake)
    fake.faults.add(
        Fault(Kind.WITH, "api", headers={"Link": '<https://evil.example/steal?cursor=x>; rel="next", <y>; rel="last"'})
    )
    page = ask(lambda hub: hub.search("", Sort.LIKES), fake.token_ok)
    assert page.next_page == f"{fake.endpoint}/api/models?cursor=x"


def test_one_bad_row_costs_only_itself(fake, ask):
    rows = [
        None,
        7,
        "ada/x",
        {},
        {"id": 5},
        {"id": "no-owner"},
        {"id": "../etc"},
        {"id": "ada/CON.x\n"},
        {"id": "ada/odd", "downloads": "many", "likes": -3, "lastModified": 12, "gated": "perhaps", "tags": {"a": 1}},
        {
            "id": "ada/strange",
            "downloads": 10**30,
            "likes": True,
            "lastModified": "yesterday",
            "tags": [1, None, "license:"],
        },
        {"id": "ada/good", "downloads": 1, "likes": 2, "lastModified": "2024-01-31T12:00:00Z", "gated": False},
    ]
    fake.faults.add(_answer(rows))
    assert ask(lambda hub: hub.search("", Sort.LIKES)).rows == (
        SearchRow("ada/odd"),
        SearchRow("ada/strange"),
        SearchRow("ada/good", downloads=1, likes=2, changed_at=1706702400.0),
    )


def test_gguf_versions_are_those_that_say_so_or_else_those_that_are_called_so(fake, ask):
    _add(fake, base_model="ada/original")
    _add(fake, "bob/unrelated")
    _add(fake, "bob/silent-7B-chat-GGUF")

    def versions(repo: str) -> list[str]:
        return [row.id for row in ask(lambda hub: hub.gguf_versions(repo)).rows]

    assert versions("ada/original") == [REPO]
    assert versions("carol/silent-7B-chat") == ["bob/silent-7B-chat-GGUF"]
    assert versions("carol/silent-7B-chat-AWQ-INT4") == ["bob/silent-7B-chat-GGUF"]
    assert versions("carol/nobody-made-one") == []


# --- a model's page ------------------------------------------------------------------------------------------------


def test_a_models_page_tells_its_files_and_all_about_it_in_one_request(fake, ask):
    header = {"architecture": "llama", "context_length": 2048, "total": 1_100_048_384, "chat_template": "{{ x }}"}
    _add(
        fake, "ada/tiny", downloads=5, likes=6, licence="apache-2.0", base_model="eve/base", gguf=header, gated="manual"
    )
    model = ask(lambda hub: hub.model("ada/tiny"))
    assert len(fake.requests) == 1
    assert (model.id, model.owner, model.name) == ("ada/tiny", "ada", "tiny")
    assert model.commit == fake.models["ada/tiny"].commit
    assert HubFile(FILE, CONTENT.size, sha256_of(CONTENT)) in model.files
    assert [file.path for file in model.files] == ["README.md", FILE]
    assert (model.downloads, model.likes, model.licence, model.base_models) == (5, 6, "apache-2.0", ("eve/base",))
    assert (model.gated, model.private, model.tuning) == (True, False, ChatTuning.YES)
    assert (model.architecture, model.context_length, model.parameters) == ("llama", 2048, 1_100_048_384)
    assert model.other_formats == ()


def test_a_renamed_model_has_its_new_name(fake, ask):
    _add(fake)
    fake.rename(REPO, "bob/better-GGUF")
    assert ask(lambda hub: hub.model(REPO)).id == "bob/better-GGUF"


def test_a_page_without_sizes_is_completed_from_the_tree(fake, ask):
    parts = {f"many/{number:04}.gguf": b"x" * number for number in range(1200)}
    fake.add_model(REPO, parts)
    bare = [{"rfilename": path, "size": None} for path in parts]
    fake.faults.add(_answer({"id": REPO, "sha": fake.models[REPO].commit, "siblings": bare}))
    files = ask(lambda hub: hub.model(REPO)).files
    assert files == tuple(HubFile(path, len(content), sha256_of(content)) for path, content in parts.items())
    assert [request.path.partition("?")[0].rpartition("/tree/")[1] for request in fake.requests] == [
        "",
        "/tree/",
        "/tree/",
    ]


def test_a_page_without_sizes_is_shown_without_them_if_the_tree_fails_too(fake, ask):
    _add(fake)
    fake.faults.add(_answer({"id": REPO, "siblings": [{"rfilename": FILE}]}))
    fake.faults.add(refusal(503, "api", match="/tree/"))
    model = ask(lambda hub: hub.model(REPO))
    assert (model.commit, model.files) == ("main", (HubFile(FILE, -1),))


def test_files_with_unsafe_names_are_left_out(fake, ask):
    names = ["../x.gguf", "/x.gguf", "C:\\x.gguf", "x.gguf:y", "CON.gguf", "x.gguf.", "a\nb.gguf", "ok/fine.gguf"]
    fake.add_model(REPO, dict.fromkeys(names, b"x"))
    assert [file.path for file in ask(lambda hub: hub.model(REPO)).files] == ["ok/fine.gguf"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": None, "sha": 5, "siblings": "x", "gguf": [], "cardData": 1, "tags": "gguf"},
        {
            "id": "../..",
            "sha": "../..",
            "siblings": [None, 1, {}, {"rfilename": 3}],
            "gguf": {"total": "1", "context_length": -1},
        },
        {
            "siblings": None,
            "cardData": {"base_model": [1, "x", {"y": 2}], "license": ["mit"]},
            "private": "yes",
            "tags": [[]],
        },
    ],
)
def test_fields_of_the_wrong_kind_count_as_missing(fake, ask, answer):
    fake.faults.add(_answer(answer))
    model = ask(lambda hub: hub.model(REPO))
    assert model == hub_answers.model({}, asked_for=REPO)
    assert (model.id, model.commit, model.files, model.licence, model.base_models) == (REPO, "main", (), "", ())


@pytest.mark.parametrize(
    ("name", "tags", "template", "expected"),
    [
        ("TinyLlama-1.1B-Chat-v1.0-GGUF", [], "", ChatTuning.YES),
        ("Mistral-7B-Instruct-v0.3-GGUF", [], "", ChatTuning.YES),
        ("openchat-3.5-GGUF", [], "", ChatTuning.YES),
        ("gemma-3-4b-it-GGUF", [], "", ChatTuning.YES),
        ("Something-7B", ["conversational"], "", ChatTuning.YES),
        ("Something-7B-base", [], "{{ x }}", ChatTuning.YES),
        ("TinyLlama-1.1B-intermediate-step-1431k-3T-GGUF", ["conversational"], "", ChatTuning.NO),
        ("deepseek-llm-7b-base-GGUF", [], "", ChatTuning.NO),
        ("gemma-3-4b-pt-GGUF", [], "", ChatTuning.NO),
        ("olmo-pretrained", [], "", ChatTuning.NO),
        ("Llama-2-7B-GGUF", ["text-generation"], "", ChatTuning.UNKNOWN),
        ("database-bitty-GGUF", [], "", ChatTuning.UNKNOWN),
    ],
)
def test_whether_a_model_is_tuned_for_chat(name, tags, template, expected):
    answer = {"id": f"ada/{name}", "tags": tags, "gguf": {"chat_template": template}}
    assert hub_answers.model(answer, asked_for=REPO).tuning is expected


@pytest.mark.parametrize(
    ("name", "tags", "files", "expected"),
    [
        ("x-AWQ", ["awq"], ["model.safetensors"], ("AWQ", "safetensors")),
        ("x-GPTQ-Int4", [], ["model-00001-of-00002.safetensors"], ("GPTQ", "safetensors")),
        ("x", ["pytorch"], ["pytorch_model-00001-of-00002.bin"], ("PyTorch",)),
        ("x", ["onnx"], ["onnx/model.onnx"], ("ONNX",)),
        ("x", [], ["llama-2-7b.ggmlv3.q4_0.bin"], ("GGML",)),
        ("x-GGUF", ["gguf", "pytorch", "safetensors"], ["x.Q4_0.gguf", "imatrix.bin", "training_args.bin"], ()),
    ],
)
def test_formats_that_cannot_be_run_are_named(name, tags, files, expected):
    answer = {"id": f"ada/{name}", "tags": tags, "siblings": [{"rfilename": file} for file in files]}
    assert hub_answers.model(answer, asked_for=REPO).other_formats == expected


# --- the card ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readme", "shown"),
    [
        ("---\nlicense: mit\ntags:\n- a\n---\n# Tiny\n\n---\nend", "# Tiny\n\n---\nend"),
        ("---\r\nlicense: mit\r\n---\r\n# Tiny", "# Tiny"),
        ("\ufeff---\nlicense: mit\n---\n# Tiny", "# Tiny"),
        ("---\n---\n# Tiny", "# Tiny"),
        ("# Tiny\n---\na: b\n---\n", "# Tiny\n---\na: b\n---\n"),
        ("--- no front matter", "--- no front matter"),
        ("---\nnever: ends", "---\nnever: ends"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "redirected"])
def test_a_card_is_shown_without_the_part_for_machines(fake, ask, readme, shown, direct):
    fake.small_files_direct = direct
    fake.add_model(REPO, {FILE: CONTENT, "README.md": readme.encode()})
    assert ask(_card) == shown


async def _card(hub: Hub) -> str:
    return await hub.card(await hub.model(REPO))


def test_a_model_without_a_card_is_not_asked_for_it(fake, ask):
    _add(fake, card="")
    assert ask(_card) == ""
    assert not fake.requests_of("hub")


def test_a_card_that_is_gone_since_is_an_empty_one(fake, ask):
    _add(fake)

    async def card_of_a_model_that_changed(hub: Hub) -> str:
        model = await hub.model(REPO)
        fake.models[REPO].versions[model.commit].pop("README.md")
        return await hub.card(model)

    assert ask(card_of_a_model_that_changed) == ""


def test_a_card_that_is_no_text_is_shown_as_well_as_can_be(fake, ask):
    fake.add_model(REPO, {"README.md": b"caf\xe9 \x00"})
    assert ask(_card) == "caf\ufffd \x00"


# --- tokens --------------------------------------------------------------------------------------------------------


def test_the_account_of_a_token_has_a_name(fake, ask):
    assert ask(lambda hub: hub.account(), fake.token_ok) == "ada"


def test_there_is_no_account_without_a_token_or_with_a_bad_one(fake, ask):
    with pytest.raises(TokenNeeded):
        ask(lambda hub: hub.account())
    assert not fake.requests
    with pytest.raises(TokenRefused):
        ask(lambda hub: hub.account(), "hf_stale")


def test_a_stale_token_does_not_break_public_models(fake, ask):
    _add(fake)

    async def look_around(hub: Hub) -> tuple[bool, bool, str]:
        before = hub.token_was_refused
        await hub.search("", Sort.LIKES)
        return before, hub.token_was_refused, await _card(hub)

    assert ask(look_around, "hf_stale") == (False, True, "# Tiny")
    assert [request.token for request in fake.requests] == ["hf_stale", "", "", "", ""]


def test_a_refused_token_is_tried_again_once_it_was_changed_or_found_good(fake, tmp_path):
    _add(fake)
    token = "hf_stale"

    async def change_token() -> list[bool]:
        nonlocal token
        network = Network(Ledger(tmp_path / "ledger.sqlite"))
        hub = Hub(network, lambda: token, fake.endpoint)
        await hub.model(REPO)
        refused = [hub.token_was_refused]
        token = "hf_new"
        refused.append(hub.token_was_refused)
        fake.tokens["hf_new"] = fake.tokens[fake.token_ok]
        await hub.model(REPO)
        token = "hf_stale"
        fake.tokens["hf_stale"] = fake.tokens[fake.token_ok]
        refused.append(hub.token_was_refused)
        await hub.account()
        refused.append(hub.token_was_refused)
        await network.close()
        return refused

    assert asyncio.run(change_token()) == [True, False, True, False]
    assert [request.token for request in fake.requests] == ["hf_stale", "", "hf_new", "hf_stale"]


def test_the_token_is_shown_to_the_hub_alone(fake, ask):
    _add(fake)

    async def fetch(hub: Hub) -> int:
        async with hub.open(hub.file_url(REPO, "main", FILE), Purpose.DOWNLOAD) as response:
            return len(await response.read(CONTENT.size))

    assert ask(fetch, fake.token_ok) == CONTENT.size
    assert [(request.where, request.token) for request in fake.requests] == [("hub", fake.token_ok), ("cdn", "")]


def test_a_private_model_is_there_for_those_who_may_see_it(fake, ask):
    _add(fake, private=True)
    assert ask(lambda hub: hub.model(REPO), fake.token_ok).private
    for token in ("", "hf_not_granted"):
        with pytest.raises(NotOnTheHub):
            ask(lambda hub: hub.model(REPO), token)
    with pytest.raises(TokenRefused):
        ask(lambda hub: hub.model(REPO), "hf_stale")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", TokenNeeded),
        ("hf_stale", TokenRefused),
        ("hf_not_granted", AccessNotGranted),
        ("hf_fine_grained", TokenLacksPermission),
        ("hf_good", None),
    ],
)
def test_a_gated_model_can_be_looked_at_and_tells_what_it_takes_to_get_its_files(fake, ask, token, expected):
    _add(fake, gated="manual")
    assert ask(lambda hub: hub.model(REPO), token).gated
    fake.forget_requests()

    async def problem(hub: Hub) -> AppError | None:
        async with hub.open(hub.file_url(REPO, "main", FILE), Purpose.DOWNLOAD) as response:
            if response.status < 300:
                return None
            return await hub.explain(response.status, response.headers, await response.read(10_000))

    assert type(ask(problem, token)) is (expected or type(None))


def test_a_token_is_not_blamed_for_a_gate_before_the_hub_was_asked_about_it(fake, ask):
    _add(fake)
    fake.faults.add(refusal(401, code="GatedRepo", times=None))
    with pytest.raises(AccessNotGranted):
        ask(_card, fake.token_ok)
    with pytest.raises(TokenRefused):
        ask(_card, "hf_stale")
    with pytest.raises(TokenNeeded):
        ask(_card)


def test_behind_a_closed_gate_a_token_that_was_left_out_is_what_is_wrong(fake, ask):
    _add(fake)
    fake.faults.add(refusal(403, code="GatedRepo"))
    with pytest.raises(TokenRefused):
        ask(_card, "hf_stale")


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (refusal(401, "api"), NotOnTheHub),
        (refusal(404, "api"), NotOnTheHub),
        (refusal(404, "api", code="RepoNotFound"), NotOnTheHub),
        (refusal(404, "api", code="EntryNotFound"), FileNotOnTheHub),
        (refusal(404, "api", code="RevisionNotFound"), FileNotOnTheHub),
        (refusal(429, "api"), RateLimited),
        (refusal(451, "api"), ModelDisabled),
        (refusal(403, "api", x_error_message="Access to this resource is disabled."), ModelDisabled),
        (refusal(403, "api"), HubRefused),
        (refusal(400, "api"), HubRefused),
        (refusal(500, "api"), HubFailed),
        (refusal(503, "api"), HubFailed),
        (refusal(511, "api"), NotTheHub),
        (refusal(300, "api"), HubRefused),
        (_answer({"id": REPO, "disabled": True}), ModelDisabled),
        (_answer([REPO]), HubFailed),
        (_answer(None), HubFailed),
        (Fault(Kind.PORTAL, "api"), NotTheHub),
        (Fault(Kind.ANSWER, "api", body=b"  <html>Sign in"), NotTheHub),
        (Fault(Kind.ANSWER, "api", body=b""), HubFailed),
        (Fault(Kind.ANSWER, "api", body=b'{"id": '), HubFailed),
        (Fault(Kind.ANSWER, "api", body=b"\xff\xfe\x00"), HubFailed),
        (Fault(Kind.ANSWER, "api", body=b"[" * 100_000), HubFailed),
        (Fault(Kind.ANSWER, "api", body=b"9" * 100_000), HubFailed),
        (Fault(Kind.ANSWER, "api", body=VirtualFile(50_000_000)), HubFailed),
        (Fault(Kind.REDIRECT_LOOP, "api", times=None), HubFailed),
        (Fault(Kind.CLOSE, "api", times=None), NetworkError),
        (Fault(Kind.RESET, "api", times=None), NetworkError),
    ],
)
def test_whatever_is_answered_in_place_of_a_model_becomes_a_sentence(fake, ask, fault, expected):
    _add(fake)
    fake.faults.add(fault)
    with pytest.raises(expected):
        ask(lambda hub: hub.model(REPO))


@pytest.mark.parametrize("answer", [{}, None, {"error": "x"}, "text"])
def test_a_list_of_results_that_is_none_is_the_hubs_fault(fake, ask, answer):
    fake.faults.add(_answer(answer))
    with pytest.raises(HubFailed):
        ask(lambda hub: hub.search("", Sort.LIKES))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=12;t=55, "pages";r=0;t=20, "all";r=0;t=30'}, 30),
        ({"ratelimit": '"api";r=12;t=55'}, 0),
        ({"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT", "ratelimit": '"api";r=0;t=3'}, 3),
        ({"retry_after": "Thu, 01 Jan 2970 00:00:00 GMT"}, 3600),
        ({"retry_after": "99999999"}, 3600),
        ({"retry_after": "soon"}, 0),
        ({"retry_after": "-5"}, 0),
        ({}, 0),
    ],
)
def test_a_rate_limit_tells_how_long_to_wait(fake, ask, headers, seconds):
    fake.faults.add(refusal(429, "api", **headers))
    with pytest.raises(RateLimited) as caught:
        ask(lambda hub: hub.model(REPO))
    assert caught.value.retry_after == seconds


def test_an_unknown_name_is_not_even_asked_for_if_it_can_be_none(fake, ask):
    for name in ("", "ada", "../..", "ada/x?y=z", "ada/x/y"):
        with pytest.raises(NotOnTheHub):
            ask(lambda hub, name=name: hub.model(name))
    assert not fake.requests


def test_what_the_hub_says_in_an_error_is_told_in_one_line(fake, ask):
    body = json.dumps({"error": "no\n\n\u202e such   thing" + "!" * 500}).encode()
    fake.faults.add(Fault(Kind.ANSWER, "api", status=400, body=body))
    with pytest.raises(HubRefused) as caught:
        ask(lambda hub: hub.model(REPO))
    assert caught.value.detail.startswith("no such thing!!!")
    assert len(caught.value.detail) <= 200


def test_offline_nothing_is_asked(fake, ask):
    for question in (lambda hub: hub.search("", Sort.LIKES), lambda hub: hub.model(REPO), lambda hub: hub.account()):
        with pytest.raises(Offline):
            ask(question, fake.token_ok, offline=True)
    assert not fake.requests


def test_a_hub_that_is_not_there_cannot_be_reached(tmp_path):
    with FakeHub() as gone:
        endpoint = gone.endpoint

    async def search() -> None:
        await Hub(Network(Ledger(tmp_path / "ledger.sqlite")), str, endpoint).search("", Sort.LIKES)

    with pytest.raises(NoConnection):
        asyncio.run(search())


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ada/tiny-GGUF",
        "  ada/tiny-GGUF\n",
        "https://huggingface.co/ada/tiny-GGUF",
        "http://www.huggingface.co/ada/tiny-GGUF/",
        "huggingface.co/ada/tiny-GGUF",
        "https://HuggingFace.co/ada/tiny-GGUF/tree/main",
        "https://huggingface.co/ada/tiny-GGUF/blob/main/tiny.Q4_K_M.gguf",
        "https://huggingface.co/ada/tiny-GGUF?show_file_info=tiny.Q4_K_M.gguf",
        "https://huggingface.co/ada/tiny-GGUF#usage",
        "hf.co/ada/tiny-GGUF:Q4_K_M",
        "http://mirror.example:8080/ada/tiny-GGUF",
    ],
)
def test_an_address_of_the_hub_names_a_model(text, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example:8080/")
    assert repo_in(text) == "ada/tiny-GGUF"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny llama",
        "tiny/llama chat",
        "ada/tiny/more",
        "https://example.com/ada/tiny-GGUF",
        "https://huggingface.co/ada",
        "https://huggingface.co/models?search=tiny",
        "https://huggingface.co/datasets/ada/things",
        "https://huggingface.co/spaces/ada/demo",
        "datasets/things",
        "https://huggingface.co/../etc",
        "https://[x/y/z",
        "https://",
        "/",
        "C:\\models\\x.gguf",
    ],
)
def test_other_text_names_none(text):
    assert repo_in(text) == ""


def test_addresses_of_files_and_pages(fake, ask):
    async def addresses(hub: Hub) -> tuple[str, str]:
        return hub.file_url(REPO, "abc123", "folder/a b#1?.gguf"), hub.page_url(REPO)

    assert ask(addresses) == (
        f"{fake.endpoint}/{REPO}/resolve/abc123/folder/a%20b%231%3F.gguf",
        f"{fake.endpoint}/{REPO}",
    )


def test_the_hubs_own_library_stays_silent_and_writes_nothing(tmp_path):
    with FakeHub() as fake:
        program = (
            "from app.core.hub import Hub; import os\n"
            "print(Hub(None, str).file_url('ada/tiny', 'main', 'x.gguf'))\n"
            "from huggingface_hub import constants\n"
            "assert constants.HF_HUB_DISABLE_TELEMETRY and constants.HF_HUB_DISABLE_XET\n"
            "assert constants.HF_HUB_DISABLE_IMPLICIT_TOKEN\n"
        )
        home = tmp_path / "home"
        environment = {**os.environ, "HF_ENDPOINT": fake.endpoint, "HF_HOME": str(home), "HF_TOKEN": "hf_secret"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{fake.endpoint}/ada/tiny/resolve/main/x.gguf\n"
        assert not fake.requests
    assert not home.exists()
