"""A Hub on loopback, with a CDN at an origin of its own, that answers as the real one does and fails on demand.

    with FakeHub() as hub:
        hub.add_model("ada/tiny-GGUF", files={"tiny.Q4_K_M.gguf": VirtualFile(200 << 20)}, card="# Tiny")
        hub.faults.add(Fault(Kind.CUT, after_bytes=15_000_000, times=3))
        ...
        assert hub.requests_of("cdn")[0].headers["Range"] == "bytes=0-"

By hand: `python -m tests.fake_hub --demo` prints the address to set HF_ENDPOINT to. It knows the tokens hf_good,
hf_not_granted and hf_fine_grained.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import enum
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from tests.fake_hub_faults import Fault, Faults, Kind, refusal
from tests.fake_hub_repos import Content, Repository, StoredFile, VirtualFile
from tests.fake_hub_wire import EXPIRED, Answer, Request, Server, redirect

__all__ = ["Access", "FakeHub", "Fault", "Kind", "Request", "VirtualFile", "refusal"]

ROWS_OF_A_PAGE, ROWS_OF_A_TREE = 100, 1000


class Access(enum.Enum):
    """What a token may do."""

    GRANTED = "sees private models, and was let in to gated ones"
    NOT_GRANTED = "is a valid one, but nobody was asked yet"
    NO_PERMISSION = "is fine-grained, without the permission to read gated repositories"


class Refusal(Exception):
    """An answer that is an error, with the header that says which."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        names = {"X-Error-Code": code, "X-Error-Message": message if code else "", **headers}
        self.answer = _json({"error": message}, {name: value for name, value in names.items() if value})
        self.answer.status = status


class FakeHub:
    """Serves from `with` on, in threads of its own. What is in it may be changed while it serves."""

    token_ok = "hf_good"

    def __init__(self, port: int = 0) -> None:
        self.models: dict[str, Repository] = {}
        self.tokens = {
            self.token_ok: Access.GRANTED,
            "hf_not_granted": Access.NOT_GRANTED,
            "hf_fine_grained": Access.NO_PERMISSION,
        }
        self.faults = Faults()
        self.requests: list[Request] = []
        self.bytes_sent = 0  # of files, by the CDN
        self.link_lifetime = 3600.0  # seconds that an address at the CDN is good for
        self.small_files_direct = False  # instead of by way of a redirect
        self.closing = threading.Event()
        self._moved: dict[str, str] = {}
        self._served_by_cdn: dict[str, StoredFile] = {}
        self._lock = threading.Lock()
        self._servers = (Server(self, "hub", port), Server(self, "cdn", 0))
        self.endpoint, self.cdn = (server.address for server in self._servers)

    def __enter__(self) -> FakeHub:
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in self._servers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends every connection and every thread, hanging ones too."""
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.hang_up()
            server.server_close()
        for thread in self._threads:
            thread.join()

    # What is there

    def add_model(
        self,
        repo: str,
        files: Mapping[str, Content],
        *,
        card: str = "",
        downloads: int = 0,
        likes: int = 0,
        last_modified: str = "2024-01-01T00:00:00.000Z",
        gated: str | bool = False,
        private: bool = False,
        disabled: bool = False,
        tags: Iterable[str] = (),
        gguf: Mapping[str, Any] | None = None,
        base_model: str = "",
        licence: str = "",
    ) -> Repository:
        """Adds a model with the tags that the real Hub would give it. `gguf` is what the Hub read in its header."""
        formats = [name for name in ("gguf", "safetensors") if any(path.endswith(f".{name}") for path in files)]
        made_from = [f"base_model:{base_model}", f"base_model:quantized:{base_model}"] if base_model else []
        model = Repository(
            repo,
            downloads=downloads,
            likes=likes,
            last_modified=last_modified,
            gated=gated,
            private=private,
            disabled=disabled,
            tags=(*formats, *made_from, *([f"license:{licence}"] if licence else []), *tags),
            gguf=gguf,
            card_data={name: value for name, value in (("license", licence), ("base_model", base_model)) if value},
        )
        model.put({**_readme(card, model.card_data), **files})
        self.models[repo] = model
        return model

    def change_file(self, repo: str, path: str, new: Content) -> None:
        """Commits another version. The old one can still be had at its commit."""
        self.models[repo].put({path: new})

    def rename(self, old: str, new: str) -> None:
        """The old name leads to the new one from now on."""
        self.models[new] = self.models.pop(old)
        self.models[new].id = new
        self._moved[old] = new

    # What was asked

    def requests_of(self, where: str, method: str = "") -> list[Request]:
        return [request for request in self.requests if request.where == where and method in ("", request.method)]

    def forget_requests(self) -> None:
        self.requests.clear()
        self.bytes_sent = 0

    # Answering, in the threads of the connections

    def note(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def count(self, sent: int) -> None:
        with self._lock:
            self.bytes_sent += sent

    def answer(self, request: Request) -> Answer:
        path = unquote(urlsplit(request.path).path)
        try:
            if request.where == "cdn":
                return self._answer_of_cdn(request, path)
            for pattern, method in _ROUTES:
                if found := re.fullmatch(pattern, path):
                    return method(self, request, **found.groupdict())
            return Answer(404, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><h1>404</h1>")
        except Refusal as refused:
            return refused.answer

    def _list(self, request: Request) -> Answer:
        query = request.query
        self._check_token(request)
        rows = [model for model in self.models.values() if self._is_listed(model, request)]
        if sort := query.get("sort"):
            rows.sort(key=lambda model: _order(model, sort[0]), reverse=True)
        page = int(query.get("limit", [str(ROWS_OF_A_PAGE)])[0])
        return self._page(request, [_row(model, query) for model in rows], page)

    def _is_listed(self, model: Repository, request: Request) -> bool:
        query = request.query
        filters = [tag for value in query.get("filter", []) for tag in value.split(",")]
        return (
            all(word in model.id.lower() for word in query.get("search", [""])[0].lower().split())
            and set(filters) <= set(model.tags)
            and query.get("author", [model.id.partition("/")[0]])[0] == model.id.partition("/")[0]
            and (not model.private or self.tokens.get(request.token) is Access.GRANTED)
            and not model.disabled
        )

    def _page(self, request: Request, rows: list[Any], size: int) -> Answer:
        query = request.query
        begin = int(base64.b64decode(query.get("cursor", ["MA=="])[0]))
        headers = {}
        if begin + size < len(rows):
            query["cursor"] = [base64.b64encode(str(begin + size).encode()).decode()]
            address = f"{self.endpoint}{urlsplit(request.path).path}?{urlencode(query, doseq=True)}"
            headers["Link"] = f'<{address}>; rel="next"'
        return _json(rows[begin : begin + size], headers)

    def _info(self, request: Request, repo: str, revision: str = "main") -> Answer:
        model = self._visible(request, repo)
        files = self._files(model, revision)
        expand = _expanded(request.query)
        info = _details(model, revision, [_sibling(file, "blobs" in request.query) for file in files.values()])
        return _json({name: value for name, value in info.items() if not expand or name in {"_id", "id", *expand}})

    def _tree(self, request: Request, repo: str, revision: str) -> Answer:
        files = self._files(self._visible(request, repo), revision)
        folders = {path[: slash.start()] for path in files for slash in re.finditer("/", path)}
        entries = [{"type": "directory", "oid": _oid(path), "size": 0, "path": path} for path in sorted(folders)]
        entries += map(_tree_entry, files.values())
        if request.query.get("recursive") != ["true"]:
            entries = [entry for entry in entries if "/" not in entry["path"]]
        return self._page(request, entries, int(request.query.get("limit", [str(ROWS_OF_A_TREE)])[0]))

    def _auth_check(self, request: Request, repo: str) -> Answer:
        self._check_access(request, self._visible(request, repo))
        return _json({})

    def _whoami(self, request: Request) -> Answer:
        if not request.token:
            raise Refusal(401, "Invalid username or password.")
        self._check_token(request)
        role = "fineGrained" if self.tokens[request.token] is Access.NO_PERMISSION else "read"
        auth = {"type": "access_token", "accessToken": {"displayName": "paddock", "role": role}}
        return _json({"type": "user", "id": "1", "name": "ada", "fullname": "Ada", "auth": auth})

    def _resolve(self, request: Request, repo: str, revision: str, path: str) -> Answer:
        model = self._visible(request, repo, is_file=True)
        self._check_access(request, model)
        commit = model.commit if revision == "main" else revision
        if (file := self._files(model, revision).get(path)) is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit})
        if file.is_large:
            return self._to_cdn(model, commit, file)
        if self.small_files_direct:
            return self._small_file(request, file, commit)
        address = f"/api/resolve-cache/models/{quote(repo)}/{commit}/{quote(path)}"
        return redirect(
            307, address, {"X-Repo-Commit": commit, "X-Linked-Size": str(file.size), "ETag": f'"{file.oid}"'}
        )

    def _resolve_cache(self, request: Request, repo: str, revision: str, path: str) -> Answer:
        model = self._visible(request, repo, is_file=True)
        self._check_access(request, model)
        return self._small_file(request, self._files(model, revision)[path], revision)

    def _small_file(self, request: Request, file: StoredFile, commit: str) -> Answer:
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.oid}"', "Content-Type": "text/plain; charset=utf-8"}
        return _ranged(request, file.content, headers)

    def _to_cdn(self, model: Repository, commit: str, file: StoredFile) -> Answer:
        self._served_by_cdn[file.xet_hash] = file
        expires = int(time.time() + self.link_lifetime)
        signature = {"Expires": expires, "Signature": _signature(file.xet_hash, expires)}
        address = f"{self.cdn}/xet-bridge-us/{file.oid}/{file.xet_hash}?{urlencode(signature)}"
        xet = f"{self.endpoint}/api/models/{model.id}/xet-read-token/{commit}"
        return redirect(
            302,
            address,
            {
                "X-Repo-Commit": commit,
                "X-Linked-Size": str(file.size),
                "X-Linked-Etag": f'"{file.sha256}"',
                "ETag": f'"{file.sha256}"',
                "X-Xet-Hash": file.xet_hash,
                "Link": f'<{xet}>; rel="xet-auth"',
                "Accept-Ranges": "bytes",
            },
        )

    def _answer_of_cdn(self, request: Request, path: str) -> Answer:
        if request.headers["Authorization"]:
            raise Refusal(400, "Only one auth mechanism allowed")
        key, query = path.rpartition("/")[2], request.query
        expires = int(query.get("Expires", ["0"])[0])
        if query.get("Signature") != [_signature(key, expires)] or expires <= time.time():
            return Answer(403, {"Content-Type": "application/xml"}, EXPIRED)
        file = self._served_by_cdn[key]
        headers = {"ETag": f'"{key}"', "Content-Type": "application/octet-stream"}
        return _ranged(request, file.content, headers)

    # Who may see what

    def _check_token(self, request: Request) -> None:
        if request.token and request.token not in self.tokens:
            raise Refusal(401, "Invalid credentials in Authorization header")

    def _visible(self, request: Request, repo: str, *, is_file: bool = False) -> Repository:
        """The model, or the answer that the real Hub gives instead, in the order of its checks."""
        if repo in self._moved:
            moved = request.path.replace(quote(repo), quote(self._moved[repo]), 1)
            raise _instead(redirect(307, moved, {}))
        model = self.models.get(repo)
        if not (is_file and model is not None and model.gated):  # there even a bad token is answered with GatedRepo
            self._check_token(request)
        if model is None or (model.private and self.tokens.get(request.token) is not Access.GRANTED):
            if request.token:
                raise Refusal(404, "Repository not found", "RepoNotFound")
            raise Refusal(401, "Invalid username or password.")
        if model.disabled:
            raise Refusal(403, "Access to this resource is disabled.")
        return model

    def _check_access(self, request: Request, model: Repository) -> None:
        if not model.gated:
            return
        access = self.tokens.get(request.token)
        beginning = f"Access to model {model.id} is restricted"
        if access is None:
            message = f"{beginning}. You must have access to it and be authenticated to access it. Please log in."
            raise Refusal(401, message, "GatedRepo")
        if access is Access.NOT_GRANTED:
            message = f"{beginning} and you are not in the authorized list. Visit {self.endpoint}/{model.id} to ask."
            raise Refusal(403, message, "GatedRepo")
        if access is Access.NO_PERMISSION:
            message = "Please enable access to public gated repositories in your fine-grained token settings."
            raise Refusal(403, message, "GatedRepo")

    @staticmethod
    def _files(model: Repository, revision: str) -> dict[str, StoredFile]:
        if (files := model.files(revision)) is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return files


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    (r"/api/models", FakeHub._list),
    (r"/api/whoami-v2", FakeHub._whoami),
    (rf"/api/models/{_REPO}", FakeHub._info),
    (rf"/api/models/{_REPO}/revision/(?P<revision>[^/]+)", FakeHub._info),
    (rf"/api/models/{_REPO}/tree/(?P<revision>[^/]+)", FakeHub._tree),
    (rf"/api/models/{_REPO}/auth-check", FakeHub._auth_check),
    (rf"/api/resolve-cache/models/{_REPO}/(?P<revision>[^/]+)/(?P<path>.+)", FakeHub._resolve_cache),
    (rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", FakeHub._resolve),
]


# --- what the answers hold -----------------------------------------------------------------------------------------


def _json(value: object, headers: Mapping[str, str] = {}) -> Answer:
    limits = {
        "RateLimit": '"api";r=499;t=300',
        "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
        "Content-Type": "application/json; charset=utf-8",
    }
    return Answer(200, {**limits, **headers}, json.dumps(value).encode())


def _instead(answer: Answer) -> Refusal:
    refused = Refusal(answer.status, "")
    refused.answer = answer
    return refused


def _readme(card: str, card_data: Mapping[str, Any]) -> dict[str, Content]:
    """The card as it lies at the Hub: with a part for machines in front."""
    front = "".join(f"{name}: {json.dumps(value)}\n" for name, value in card_data.items())
    text = f"---\n{front}---\n{card}" if front else card
    return {"README.md": text.encode()} if text else {}


def _ranged(request: Request, content: Content, headers: Mapping[str, str]) -> Answer:
    """The whole, or the part that was asked for."""
    size = len(content)
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers["Range"] or "")
    headers = {"Accept-Ranges": "bytes", **headers}
    if not asked or request.headers["If-Range"] not in (None, headers["ETag"]):
        return Answer(200, headers, content)
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last or 0))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        return Answer(416, {**headers, "Content-Range": f"bytes */{size}"})
    return Answer(206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}, content, start, stop)


def _expanded(query: Mapping[str, list[str]]) -> list[str]:
    return [*query.get("expand", []), *query.get("expand[]", [])]


def _order(model: Repository, sort: str) -> Any:
    return {"likes": model.likes, "lastModified": model.last_modified}.get(sort, model.downloads)


def _row(model: Repository, query: Mapping[str, list[str]]) -> dict[str, Any]:
    details = _details(model, "main", [{"rfilename": path} for path in model.files() or {}])
    basics = {"_id", "id", "likes", "private", "downloads", "tags", "pipeline_tag", "createdAt", "modelId"}
    wanted = {"_id", "id", *_expanded(query)} if _expanded(query) else basics
    if "full" in query:
        wanted |= {"author", "sha", "lastModified", "gated", "disabled", "siblings"}
    return {name: value for name, value in details.items() if name in wanted}


def _details(model: Repository, revision: str, siblings: list[dict[str, Any]]) -> dict[str, Any]:
    details = {
        "_id": _oid(model.id)[:24],
        "id": model.id,
        "modelId": model.id,
        "author": model.id.partition("/")[0],
        "sha": model.commit if revision == "main" else revision,
        "lastModified": model.last_modified,
        "createdAt": "2023-12-01T00:00:00.000Z",
        "private": model.private,
        "gated": model.gated,
        "disabled": model.disabled,
        "downloads": model.downloads,
        "likes": model.likes,
        "trendingScore": model.likes // 100,
        "tags": list(model.tags),
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "cardData": model.card_data,
        "siblings": siblings,
        "spaces": [],
        "usedStorage": sum(file.size for file in (model.files() or {}).values()),
    }
    return {**details, "gguf": dict(model.gguf)} if model.gguf is not None else details


def _sibling(file: StoredFile, with_sizes: bool) -> dict[str, Any]:
    if not with_sizes:
        return {"rfilename": file.path}
    sizes: dict[str, Any] = {"rfilename": file.path, "size": file.size, "blobId": file.oid}
    return {**sizes, "lfs": {"sha256": file.sha256, "size": file.size, "pointerSize": 135}} if file.is_large else sizes


def _tree_entry(file: StoredFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if not file.is_large:
        return entry
    return {**entry, "lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 135}, "xetHash": file.xet_hash}


def _oid(words: str) -> str:
    return hashlib.sha1(words.encode()).hexdigest()


def _signature(key: str, expires: int) -> str:
    return _oid(f"{key} until {expires}, says the fake Hub")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_hub", description="A Hub on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--demo", action="store_true", help="with a library to look around in")
    parser.add_argument("--real", action="store_true", help="whose quants are small models that load, not large noise")
    parser.add_argument("--speed", type=float, help="of each connection to the CDN, in bytes a second")
    arguments = parser.parse_args()
    with FakeHub(arguments.port) as hub:
        if arguments.demo or arguments.real:
            from tests.fake_hub_demo import add_demo_library

            add_demo_library(hub, real=arguments.real)
        if arguments.speed:
            hub.faults.add(Fault(Kind.THROTTLE, speed=arguments.speed, times=None))
        print(hub.endpoint, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
