from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest

from app.core.errors import CertificateRefused, HubFailed, NoConnection, Offline
from app.core.ledger import Ledger
from app.core.network import Network, Purpose
from tests.core.loopback import Server, in_a_loop, says, until

SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _nothing_is_set_on_this_computer(monkeypatch):
    for name in (*SETTINGS, *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "conversations.db")
    yield ledger
    ledger.close()


@asynccontextmanager
async def network_with(ledger):
    network = Network(ledger)
    yield network
    await network.close()


async def read(network, url, **named):
    async with network.open(url, Purpose.SEARCH, **named) as response:
        return await response.read(100_000_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate, which signed itself, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout key.pem"
    subject = ["-out", "certificate.pem", "-subj", "/CN=Paddock", "-addext", "subjectAltName=IP:127.0.0.1,DNS:hub.test"]
    subprocess.run([*command.split(), *subject], cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"


@pytest.fixture
def tls(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


# Certificates


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@in_a_loop
async def test_a_certificate_that_the_environment_trusts_is_accepted(ledger, tls, certificate, monkeypatch, name):
    monkeypatch.setenv(name, str(certificate))
    body = bytes(range(256)) * 20_000
    async with Server(says(body), tls) as server, network_with(ledger) as network:
        assert await read(network, server.origin) == body
        assert await read(network, server.origin) == body
        assert server.accepted == 1


@in_a_loop
async def test_a_folder_of_certificates_can_be_trusted(ledger, tls, certificate, monkeypatch, tmp_path):
    named = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", certificate], capture_output=True, text=True)
    shutil.copy(certificate, tmp_path / f"{named.stdout.strip()}.0")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    async with Server(says(b"four"), tls) as server, network_with(ledger) as network:
        assert await read(network, server.origin) == b"four"


@in_a_loop
async def test_a_certificate_that_nobody_trusts_is_refused(ledger, tls):
    async with Server(says(b"four"), tls) as server, network_with(ledger) as network:
        with pytest.raises(CertificateRefused, match=r"127\.0\.0\.1: self.signed certificate"):
            await read(network, server.origin, token="hf_secret")
        await until(lambda: not server.writers)
        assert not server.requests
    assert ledger.newest(1)[0].note == "certificate refused"


@in_a_loop
async def test_a_certificate_of_another_host_is_refused(ledger, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Server(says(b"four"), tls) as server, network_with(ledger) as network:
        with pytest.raises(CertificateRefused):
            await read(network, server.origin.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@in_a_loop
async def test_a_file_of_certificates_that_is_not_there_is_told(ledger, monkeypatch, tmp_path, name):
    monkeypatch.setenv(name, str(tmp_path / "gone.pem"))
    async with network_with(ledger) as network:
        with pytest.raises(CertificateRefused, match="cannot be read"):
            await read(network, "https://127.0.0.1:1")


@in_a_loop
async def test_a_server_that_does_not_encrypt_is_told(ledger):
    async def answer(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, network_with(ledger) as network:
        with pytest.raises(NoConnection, match="no encrypted connection to 127"):
            await read(network, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@in_a_loop
async def test_a_redirect_that_gives_up_the_encryption_is_refused(ledger, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with (
        Server(says(b"four")) as plain,
        Server(says(status=302, Location=plain.origin), tls) as server,
        network_with(ledger) as network,
    ):
        with pytest.raises(HubFailed, match="not encrypted"):
            await read(network, server.origin)
        assert not plain.accepted


# Proxies


class Tunnel:
    """`async with Tunnel(server)`: a proxy that leads whoever asks for whatever host to that server."""

    def __init__(self, server, tls=None):
        self._target = server.host.split(":")
        self._tls = tls
        self.asked = []
        self.writers = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._on_connection, "127.0.0.1", 0, ssl=self._tls)
        scheme = "https" if self._tls else "http"
        self.address = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        self._server.close()
        await until(lambda: not self.writers)

    async def _on_connection(self, reader, writer):
        self.writers.add(writer)
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            inner_reader, inner_writer = await asyncio.open_connection(*self._target)
            self.writers.add(inner_writer)
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
        finally:
            self.writers.discard(writer)

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.writers.discard(writer)


@pytest.mark.parametrize(("name", "scheme"), [("HTTP_PROXY", "http://"), ("ALL_PROXY", "http://"), ("http_proxy", "")])
@in_a_loop
async def test_a_proxy_of_the_environment_is_used(ledger, monkeypatch, name, scheme):
    async with Server(says(b"four")) as proxy, network_with(ledger) as network:
        monkeypatch.setenv(name, f"{scheme}me:secret@{proxy.host}")
        assert await read(network, "http://hub.test:81/a?b") == b"four"
        assert proxy.requests[0].target == "http://hub.test:81/a?b"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert ledger.newest(1)[0].host == "hub.test:81"


@in_a_loop
async def test_a_host_that_wants_no_proxy_gets_none(ledger, monkeypatch):
    async with Server(says(b"proxy")) as proxy, Server(says(b"four")) as server, network_with(ledger) as network:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        assert await read(network, server.origin) == b"proxy"
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
        assert await read(network, server.origin) == b"four"


@in_a_loop
async def test_an_encrypted_connection_goes_through_the_proxy_as_it_is(ledger, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Server(says(b"four"), tls) as server, Tunnel(server) as proxy, network_with(ledger) as network:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        for _ in range(2):
            assert await read(network, "https://hub.test/", token="hf_secret") == b"four"
        assert server.requests[0].headers["authorization"] == "Bearer hf_secret"
        assert [head.splitlines()[0] for head in proxy.asked] == ["CONNECT hub.test:443 HTTP/1.1"]
        assert "hf_secret" not in str(proxy.asked)
        network.set_offline(True)


@in_a_loop
async def test_the_way_to_the_proxy_can_be_encrypted_too(ledger, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Server(says(b"four"), tls) as server, Tunnel(server, tls) as proxy, network_with(ledger) as network:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        assert await read(network, "https://hub.test/") == b"four"
        network.set_offline(True)


@pytest.mark.parametrize("interrupt", ["cancel", "offline"])
@in_a_loop
async def test_a_handshake_through_a_proxy_can_be_interrupted(ledger, monkeypatch, interrupt):
    async with Server(says()) as mute, Tunnel(mute) as proxy, network_with(ledger) as network:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        asking = asyncio.create_task(read(network, "https://hub.test/"))
        await until(lambda: mute.writers)
        if interrupt == "cancel":
            asking.cancel()
        else:
            network.set_offline(True)
        with pytest.raises(asyncio.CancelledError if interrupt == "cancel" else Offline):
            await asking
        await until(lambda: not proxy.writers)


@in_a_loop
async def test_a_proxy_that_is_not_there_is_named(ledger, monkeypatch):
    async with Server(says()) as gone:
        address = gone.origin
    monkeypatch.setenv("ALL_PROXY", address)
    async with network_with(ledger) as network:
        for url in ("http://hub.test", "https://hub.test"):
            with pytest.raises(NoConnection, match=f"proxy {gone.host}: 127.0.0.1 refuses"):
                await read(network, url)


@in_a_loop
async def test_a_proxy_that_refuses_is_named(ledger, monkeypatch):
    async with Server(says(status=403)) as proxy, network_with(ledger) as network:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin.replace("//", "//me:secret@"))
        with pytest.raises(NoConnection, match=f"proxy {proxy.host}: it refuses: 403"):
            await read(network, "https://hub.test")


@in_a_loop
async def test_a_proxy_that_wants_to_know_who_asks_is_named(ledger, monkeypatch):
    async with Server(says(status=407)) as proxy, network_with(ledger) as network:
        monkeypatch.setenv("ALL_PROXY", proxy.origin)
        with pytest.raises(NoConnection, match=f"proxy {proxy.host}: it asks for a name"):
            await read(network, "http://hub.test")
        with pytest.raises(NoConnection, match=f"proxy {proxy.host}: it refuses: 407"):
            await read(network, "https://hub.test")


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "socks4://127.0.0.1:1", "http://[", "http://a:b:c"])
@in_a_loop
async def test_a_proxy_that_cannot_be_used_is_not_gone_around(ledger, monkeypatch, address):
    monkeypatch.setenv("ALL_PROXY", address)
    async with Server(says()) as server, network_with(ledger) as network:
        with pytest.raises(NoConnection, match="proxy"):
            await read(network, server.origin)
        assert not server.accepted
