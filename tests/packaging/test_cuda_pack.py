"""The CUDA pack as far as it goes without CUDA: NVIDIA's parts fetched from a server on this computer, and packed."""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import json
import sys
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the parts are those for Linux")


@pytest.fixture
def script(monkeypatch):
    """A module of packaging/, which is a folder of scripts."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "packaging"))
    return importlib.import_module


@pytest.fixture
def nvidia(tmp_path, script):
    """The folder of a server that has every part, and its address."""
    folder = tmp_path / "server"
    folder.mkdir()
    listed = {}
    for name in script("fetch_cuda")._PARTS:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:xz") as archive:
            for path in (
                f"lib/lib{name.removeprefix('cuda_').removeprefix('lib')}.so.12",
                "lib/stubs/libcublasLt.so.99",
                "LICENSE",
            ):
                entry = tarfile.TarInfo(f"{name}-archive/{path}")
                entry.size = len(name)
                archive.addfile(entry, io.BytesIO(name.encode()))
        (folder / f"{name}.tar.xz").write_bytes(content.getvalue())
        checksum = hashlib.sha256(content.getvalue()).hexdigest()
        listed[name] = {"linux-x86_64": {"relative_path": f"{name}.tar.xz", "sha256": checksum}}
    (folder / "redistrib_12.8.1.json").write_text(json.dumps(listed))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_pack_holds_what_the_backend_needs_and_the_terms_of_nvidia(nvidia, script, tmp_path):
    toolkit = tmp_path / "cuda"
    toolkit.mkdir()
    script("fetch_cuda").main("12.8.1", toolkit, nvidia[1])
    (toolkit / "lib/libcublasLt.so.12").write_text("Lt")
    pack = script("make_cuda_pack")
    files = list(pack._libraries_of_nvidia(toolkit))
    pack._pack(files, "0.3.36", tmp_path / "one.zip")
    pack._pack(files[::-1], "0.3.36", tmp_path / "other.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert names == [
        f"0.3.36/{name}" for name in ("LICENSE", "libcublas.so.12", "libcublasLt.so.12", "libcudart.so.12")
    ]


def test_a_part_that_is_not_what_the_list_says_is_refused(nvidia, script, tmp_path):
    folder, address = nvidia
    (folder / "libcublas.tar.xz").write_bytes(b"something else")
    with pytest.raises(SystemExit, match="libcublas"):
        script("fetch_cuda").main("12.8.1", tmp_path, address)


def test_without_the_terms_of_nvidia_there_is_no_pack(script, tmp_path):
    for name in ("cudart", "cublas", "cublasLt"):
        (tmp_path / f"lib{name}.so.12").touch()
    with pytest.raises(SystemExit, match="LICENSE"):
        list(script("make_cuda_pack")._libraries_of_nvidia(tmp_path))
