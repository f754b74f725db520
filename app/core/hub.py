"""What the Hub knows: search, a model's page, its card, whose token this is. The door to huggingface_hub.

The requests are our own, through `Network`: the library's have no time limit, cannot be cancelled, leave no trace in
the ledger, and are accompanied by some that nobody asked for. What is taken from it is how it writes the address of a
file. What answers hold is read by `hub_answers`, what errors mean by `hub_problems`.

A token that the Hub no longer knows makes it refuse even what is public. Such a token is left out from then on, until
it is changed or found good by `account`: see `token_was_refused`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from app.core import hub_answers
from app.core.errors import (
    AccessNotGranted,
    FileNotOnTheHub,
    HubFailed,
    HubRefused,
    ModelDisabled,
    NetworkError,
    NotOnTheHub,
    NotTheHub,
    TokenNeeded,
    TokenRefused,
)
from app.core.hub_model import HubFile, HubModel, SearchPage, Sort
from app.core.hub_problems import problem_of, says_token_is_unknown
from app.core.network import Network, Purpose, Response

Headers = Mapping[str, str]  # names in any case

_HUB = "https://huggingface.co"
_ITS_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co")
_NOT_OWNERS = {"api", "blog", "collections", "datasets", "docs", "models", "organizations", "papers", "posts", "spaces"}

_ROWS = 30
_FIELDS = ("downloads", "likes", "lastModified", "gated", "tags")  # all would make a page many times larger
_MOST_PAGES = 20  # of a tree, of a thousand files each

_LARGEST_ANSWER = 8 << 20  # bytes; a model of thousands of files takes one or two million
_LARGEST_CARD = 2 << 20
_LARGEST_ERROR = 1 << 20

_NEXT_PAGE = re.compile(r'<[^<>?]*\?([^<>]*)>\s*;\s*rel="?next"?')
_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?\n)??---[ \t]*(\r?\n|\Z)", re.DOTALL)
_FORMAT_IN_NAME = re.compile(r"[-_.](awq|gptq|exl[23]|mlx|onnx|bnb|fp8|int[48])\b.*\Z", re.IGNORECASE)


def default_endpoint() -> str:
    """The address of the Hub: the real one, unless HF_ENDPOINT names another."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def repo_in(text: str) -> str:
    """The `owner/name` in a pasted address of the Hub, or the text itself if it is one; else nothing."""
    words = text.strip()
    host, _, path = re.sub(r"\Ahttps?://", "", words).partition("/")
    is_address = host.lower() in (*_ITS_HOSTS, default_endpoint().partition("://")[2])
    repo = "/".join(re.split("[/?#:]", path)[:2]) if is_address else words
    return repo if hub_answers.is_repo(repo) and repo.partition("/")[0] not in _NOT_OWNERS else ""


class Hub:
    """Every coroutine raises `NetworkError` with what a person can do about it."""

    def __init__(self, network: Network, token: Callable[[], str], endpoint: str | None = None) -> None:
        """`token` gives the user's, or an empty one."""
        self._network = network
        self._token = token
        self._refused_token = ""
        self._endpoint = (endpoint or default_endpoint()).rstrip("/")

    @property
    def token_was_refused(self) -> bool:
        """Whether the user has a token that the Hub does not know, so that only public models can be had."""
        return bool(self._refused_token) and self._token() == self._refused_token

    def page_url(self, repo: str) -> str:
        """The model's page for people, where they ask for access."""
        return f"{self._endpoint}/{repo}"

    def file_url(self, repo: str, commit: str, path: str) -> str:
        return _file_url(repo, commit, path, self._endpoint)

    async def search(self, text: str, sort: Sort, page: str = "") -> SearchPage:
        """Models that have GGUF files, or the next of its pages."""
        words = text.strip()
        return await self._search([("search", words)] if words else [], sort, page)

    async def gguf_versions(self, repo: str) -> SearchPage:
        """Models that say they are quantized from this one; if there are none, those that are named after it."""
        found = await self._search([("filter", f"base_model:quantized:{repo}")], Sort.DOWNLOADS)
        return found if found.rows else await self.search(_FORMAT_IN_NAME.sub("", _name(repo)), Sort.DOWNLOADS)

    async def model(self, repo: str) -> HubModel:
        """The model's page, under the name that the model has now. Files without a safe name are not in it."""
        if not hub_answers.is_repo(repo):
            raise NotOnTheHub(repo)
        answer, _ = await self._json(f"{self._endpoint}/api/models/{repo}?blobs=true", Purpose.MODEL)
        if not isinstance(answer, dict):
            raise HubFailed("its answer about the model is none")
        if answer.get("disabled") is True:
            raise ModelDisabled
        model = hub_answers.model(answer, asked_for=repo)
        return model if all(map(_is_complete, model.files)) else replace(model, files=await self._completed(model))

    async def card(self, model: HubModel) -> str:
        """The model's README without the part for machines; empty if there is none."""
        if not any(file.path == "README.md" for file in model.files):
            return ""
        try:
            body, _ = await self._body(self.file_url(model.id, model.commit, "README.md"), Purpose.CARD, _LARGEST_CARD)
        except FileNotOnTheHub:
            return ""
        return _FRONT_MATTER.sub("", body.decode("utf-8-sig", "replace"), count=1)

    async def account(self) -> str:
        """The name of the token's owner. Raises `TokenNeeded` if there is no token, `TokenRefused` for a bad one."""
        if not (token := self._token()):
            raise TokenNeeded
        async with self._network.open(f"{self._endpoint}/api/whoami-v2", Purpose.TOKEN, token=token) as response:
            if response.status == 401:
                self._refused_token = token
                raise TokenRefused
            answer = _decoded(await self._read(response, _LARGEST_ANSWER))
        self._refused_token = ""
        return hub_answers.words(answer.get("name")) if isinstance(answer, dict) else ""

    @asynccontextmanager
    async def open(
        self, url: str, purpose: Purpose, *, method: str = "GET", headers: Headers = MappingProxyType({})
    ) -> AsyncIterator[Response]:
        """`Network.open` with the user's token, and once more without if the Hub does not know it."""
        token = "" if self.token_was_refused else self._token()
        if token:
            async with self._network.open(url, purpose, method=method, headers=headers, token=token) as response:
                if response.status != 401 or "X-Error-Code" in response.headers:
                    yield response
                    return
                if says_token_is_unknown(response.headers, await response.read(_LARGEST_ERROR)):
                    self._refused_token = token
        async with self._network.open(url, purpose, method=method, headers=headers) as response:
            yield response

    def problem(self, status: int, headers: Headers, body: bytes) -> NetworkError:
        """What an answer of the Hub that is an error means."""
        return problem_of(status, headers, body, token=self._token(), token_was_refused=self.token_was_refused)

    async def explain(self, status: int, headers: Headers, body: bytes) -> NetworkError:
        """`problem`, but a token is blamed for a closed gate only after the Hub was asked about it."""
        problem = self.problem(status, headers, body)
        if isinstance(problem, TokenRefused) and not self.token_was_refused:
            try:
                await self.account()
            except NetworkError:
                return problem
            return AccessNotGranted()
        return problem

    # Asking

    async def _search(self, query: list[tuple[str, str]], sort: Sort, page: str = "") -> SearchPage:
        usual = [("sort", sort.value), ("limit", str(_ROWS)), *(("expand", field) for field in _FIELDS)]
        address = page or f"{self._endpoint}/api/models?{urlencode([('filter', 'gguf'), *query, *usual])}"
        answer, headers = await self._json(address, Purpose.SEARCH)
        if not isinstance(answer, list):
            raise HubFailed("its list of models is none")
        return SearchPage(hub_answers.search_rows(answer), _next_page(address, headers))

    async def _completed(self, model: HubModel) -> tuple[HubFile, ...]:
        """The files with the sizes and hashes that the model's page does not state, as far as the tree does."""
        files = {file.path: file for file in model.files}
        address = f"{self._endpoint}/api/models/{model.id}/tree/{model.commit}?recursive=true"
        for _ in range(_MOST_PAGES):
            try:
                answer, headers = await self._json(address, Purpose.MODEL)
            except (FileNotOnTheHub, HubFailed, HubRefused, NotOnTheHub):
                break
            files |= {file.path: file for file in hub_answers.tree_files(answer)}
            address = _next_page(address, headers)
            if not address:
                break
        return tuple(files.values())

    async def _json(self, url: str, purpose: Purpose) -> tuple[Any, Headers]:
        body, headers = await self._body(url, purpose, _LARGEST_ANSWER)
        return _decoded(body), headers

    async def _body(self, url: str, purpose: Purpose, limit: int) -> tuple[bytes, Headers]:
        async with self.open(url, purpose) as response:
            return await self._read(response, limit), response.headers

    async def _read(self, response: Response, limit: int) -> bytes:
        if response.status >= 300:
            raise await self.explain(response.status, response.headers, await response.read(_LARGEST_ERROR))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise NotTheHub
        return await response.read(limit)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise (NotTheHub() if body.lstrip().startswith(b"<") else HubFailed("its answer is garbled")) from error


def _next_page(address: str, headers: Headers) -> str:
    """Only the query is for the server to say: the token goes wherever this leads."""
    found = _NEXT_PAGE.search(headers.get("Link", ""))
    return f"{address.partition('?')[0]}?{found[1]}" if found else ""


def _is_complete(file: HubFile) -> bool:
    return not file.path.lower().endswith(".gguf") or (file.size >= 0 and bool(file.sha256))


def _name(repo: str) -> str:
    return repo.rpartition("/")[2]


def _file_url(repo: str, commit: str, path: str, endpoint: str) -> str:
    # Read when the library is imported: it must stay silent, here and wherever else it might be used.
    for name in ("DISABLE_XET", "DISABLE_TELEMETRY", "DISABLE_PROGRESS_BARS", "DISABLE_IMPLICIT_TOKEN"):
        os.environ[f"HF_HUB_{name}"] = "1"
    from huggingface_hub.file_download import hf_hub_url  # noqa: PLC0415 (takes long, and the environment comes first)

    return hf_hub_url(repo, path, revision=commit, endpoint=endpoint)
