from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import pytest

from app.core.errors import HubFailed, NetworkError, NoAnswer, NoConnection, Offline, StorageError, TokenRefused
from app.core.ledger import Ledger
from app.core.network import Network, Purpose, Timeouts
from tests.core.loopback import Server, in_a_loop, says, send_head, until

SOON = Timeouts(connect=0.1, read=0.1)
MANY = 1_000_000  # bytes

SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies_of_this_computer(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "conversations.db")
    yield ledger
    ledger.close()


@asynccontextmanager
async def network_with(ledger, **named):
    network = Network(ledger, **named)
    yield network
    await network.close()


async def read(network, url, purpose=Purpose.SEARCH, limit=MANY, **named):
    async with network.open(url, purpose, **named) as response:
        return await response.read(limit)


def sends_on(*codes):
    """Answers that send the client on, each with a status and an address; when they are used up, one says done."""
    left = list(codes)

    async def answer(request, writer):
        status, location = left.pop(0) if left else (200, "")
        send_head(writer, status, Content_Length="4", **({"Location": location} if location else {}))
        writer.write(b"done")

    return answer


async def stalls_before_the_answer(request, writer):
    await asyncio.Event().wait()


async def stalls_in_the_body(request, writer):
    send_head(writer, Content_Length=str(MANY))
    writer.write(b"begun")
    await asyncio.Event().wait()


async def drips_for_ever(request, writer):
    send_head(writer, Content_Length=str(2**60))
    while True:
        writer.write(bytes(1000))
        await writer.drain()


async def cuts_in_the_body(request, writer):
    send_head(writer, Content_Length=str(MANY))
    writer.write(b"begun")
    writer.close()


async def closes_without_an_answer(request, writer):
    writer.close()


async def speaks_something_else(request, writer):
    writer.write(b"220 mail.test ready\r\n\r\n")


async def resets_in_the_body(request, writer):
    send_head(writer, Content_Length=str(MANY))
    writer.write(b"begun")
    await writer.drain()
    # Closing a socket that lingers for no time sends a reset.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


# Answers


@in_a_loop
async def test_an_answer_has_a_status_headers_in_any_case_and_a_body(ledger):
    async with Server(says(b"four", 404, X_Word="yes")) as server, network_with(ledger) as network:
        async with network.open(f"{server.origin}/a?b=c", Purpose.SEARCH) as response:
            assert (response.status, response.headers["x-WORD"]) == (404, "yes")
            assert (response.url, response.hops) == (f"{server.origin}/a?b=c", ())
            assert await response.read(4) == b"four"
        assert [(request.method, request.target) for request in server.requests] == [("GET", "/a?b=c")]


@in_a_loop
async def test_an_answer_can_be_asked_for_without_its_body_and_with_headers_of_ones_own(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        assert await read(network, server.origin, method="HEAD", headers={"Range": "bytes=1-"}) == b""
        assert (server.requests[0].method, server.requests[0].headers["range"]) == ("HEAD", "bytes=1-")


@in_a_loop
async def test_a_long_body_comes_complete_in_big_pieces(ledger):
    body = bytes(range(256)) * 100_000
    async with (
        Server(says(body)) as server,
        network_with(ledger) as network,
        network.open(server.origin, Purpose.DOWNLOAD) as response,
    ):
        pieces = [piece async for piece in response.chunks()]
    assert b"".join(pieces) == body
    assert len(body) / len(pieces) > 20_000


@in_a_loop
async def test_what_nobody_reads_is_not_fetched(ledger):
    sent = 0

    async def answer(request, writer):
        nonlocal sent
        send_head(writer, Content_Length=str(2**30))
        for _ in range(2**12):
            writer.write(bytes(2**18))
            await writer.drain()
            sent += 2**18

    async with (
        Server(answer) as server,
        network_with(ledger) as network,
        network.open(server.origin, Purpose.DOWNLOAD) as response,
    ):
        await anext(response.chunks())
        for _ in range(2000):
            await asyncio.sleep(0)  # gives both sides as many turns as they can use
        assert sent < 2**26


@in_a_loop
async def test_a_page_comes_packed_and_is_unpacked_but_a_download_stays_as_it_is(ledger):
    async with (
        Server(says(gzip.compress(b"text" * 1000), Content_Encoding="gzip")) as server,
        network_with(ledger) as network,
    ):
        assert await read(network, server.origin) == b"text" * 1000
        async with network.open(server.origin, Purpose.DOWNLOAD) as response:
            raw = b"".join([piece async for piece in response.chunks()])
        assert gzip.decompress(raw) == b"text" * 1000
        assert [request.headers["accept-encoding"] for request in server.requests] == ["gzip", "identity"]


@pytest.mark.parametrize("packing", ["identity", "gzip"])
@in_a_loop
async def test_a_body_longer_than_expected_is_not_read(ledger, packing):
    body = bytes(50_000_000) if packing == "identity" else gzip.compress(bytes(50_000_000))
    async with Server(says(body, Content_Encoding=packing)) as server, network_with(ledger) as network:
        with pytest.raises(HubFailed, match="too long"):
            await read(network, server.origin, limit=1000)
        await until(lambda: not server.writers)


@in_a_loop
async def test_a_body_that_cannot_be_unpacked_is_told(ledger):
    async with Server(says(b"plain", Content_Encoding="gzip")) as server, network_with(ledger) as network:
        with pytest.raises(HubFailed, match="garbled"):
            await read(network, server.origin)


@in_a_loop
async def test_one_connection_serves_many_requests(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        for _ in range(3):
            assert await read(network, server.origin) == b"four"
        assert (len(server.requests), server.accepted) == (3, 1)


@in_a_loop
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        await read(network, server.origin)
        for writer in server.writers:
            writer.close()
        await until(lambda: not server.writers)
        assert await read(network, server.origin) == b"four"
        assert server.accepted == 2


@in_a_loop
async def test_an_answer_left_in_the_middle_ends_its_connection(ledger):
    async with Server(drips_for_ever) as server, network_with(ledger) as network:
        async with network.open(server.origin, Purpose.MODEL) as response:
            async for _ in response.chunks():
                break
        await until(lambda: not server.writers)
        assert ledger.newest(1)[0].note == ""
        assert ledger.newest(1)[0].received >= 1000


# The ledger


@in_a_loop
async def test_a_request_is_in_the_ledger_before_it_is_sent_and_complete_after_it(ledger, tmp_path):
    seen = []

    async def answer(request, writer):
        other = Ledger(tmp_path / "conversations.db")
        seen.extend(other.newest(10))
        other.close()
        await says(b"four")(request, writer)

    async with Server(answer) as server, network_with(ledger) as network:
        await read(network, f"http://me:secret@{server.host}/secret?q=secret", token="secret")
        entries = ledger.newest(10)
    assert [(entry.method, entry.host, entry.purpose) for entry in seen] == [
        ("GET", server.host, "searching for models")
    ]
    assert [(entry.status, entry.received, entry.note) for entry in (*seen, *entries)] == [(None, 0, ""), (200, 4, "")]
    assert "secret" not in str(entries)


@in_a_loop
async def test_a_request_that_cannot_be_written_down_is_not_made(tmp_path):
    ledger = Ledger(tmp_path / "no such folder" / "conversations.db")
    async with Server(says()) as server, network_with(ledger) as network:
        with pytest.raises(StorageError):
            await read(network, server.origin)
        assert not server.accepted


class LedgerWhoseDiskIsFullAtTheEnd(Ledger):
    def end(self, *arguments):
        raise StorageError("full")


@in_a_loop
async def test_a_request_does_not_fail_because_its_end_cannot_be_written_down(tmp_path, caplog):
    ledger = LedgerWhoseDiskIsFullAtTheEnd(tmp_path / "conversations.db")
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        assert await read(network, server.origin) == b"four"
    assert "missing in the ledger" in caplog.text


# Redirects


@in_a_loop
async def test_redirects_are_followed_and_each_is_in_the_ledger(ledger):
    async with Server(says(b"done")) as cdn, network_with(ledger) as network:
        async with Server(sends_on((307, "/new?x=1"), (302, f"{cdn.origin}/f%20g?s=1"))) as hub:
            async with network.open(f"{hub.origin}/old", Purpose.DOWNLOAD) as response:
                assert (response.status, response.url) == (200, f"{cdn.origin}/f%20g?s=1")
                assert await response.read(4) == b"done"
            assert [(hop.url, hop.status, hop.headers["Location"]) for hop in response.hops] == [
                (f"{hub.origin}/old", 307, "/new?x=1"),
                (f"{hub.origin}/new?x=1", 302, f"{cdn.origin}/f%20g?s=1"),
            ]
            assert [(entry.host, entry.status) for entry in ledger.newest(10)] == [
                (cdn.host, 200),
                (hub.host, 302),
                (hub.host, 307),
            ]
        assert [request.target for request in cdn.requests] == ["/f%20g?s=1"]


@in_a_loop
async def test_the_token_stays_with_the_origin_it_is_for(ledger):
    async with network_with(ledger) as network, Server(says()) as cdn:
        async with Server(sends_on((307, "/new"), (302, cdn.origin))) as hub:
            await read(network, hub.origin, token="hf_secret")
        shown = [request.headers.get("authorization") for request in (*hub.requests, *cdn.requests)]
    assert shown == ["Bearer hf_secret", "Bearer hf_secret", None]


@in_a_loop
async def test_the_token_is_not_shown_to_its_origin_when_somebody_else_sent_us_there(ledger):
    async with network_with(ledger) as network, Server(says()) as stranger:
        async with Server(sends_on((302, f"{stranger.origin}/a"))) as hub:
            stranger._answer = sends_on((302, f"{hub.origin}/delete"))
            await read(network, hub.origin, token="hf_secret")
        shown = [(request.target, request.headers.get("authorization")) for request in hub.requests]
    assert shown == [("/", "Bearer hf_secret"), ("/delete", None)]


@in_a_loop
async def test_the_same_host_with_another_port_is_another_origin(ledger):
    async with network_with(ledger) as network, Server(says()) as other, Server(sends_on((302, other.origin))) as hub:
        await read(network, hub.origin, token="hf_secret")
    assert "authorization" not in other.requests[0].headers


@pytest.mark.parametrize("token", ["hf_\nHost: evil.test", "hf_ü", "hf_\0"])
@in_a_loop
async def test_a_token_that_can_be_none_is_not_sent(ledger, token):
    async with Server(says()) as server, network_with(ledger) as network:
        with pytest.raises(TokenRefused):
            await read(network, server.origin, token=token)
        assert not server.accepted


@in_a_loop
async def test_redirects_without_end_are_given_up(ledger):
    async with Server(sends_on(*[(302, "/again")] * 20)) as server, network_with(ledger) as network:
        with pytest.raises(HubFailed, match="without end"):
            await read(network, server.origin)
        assert len(server.requests) == len(ledger.newest(100)) == 11


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "mailto:a@b", "http://[zz]", "//a:99999/"]
)
@in_a_loop
async def test_a_redirect_to_what_is_no_web_address_is_refused(ledger, location):
    async with Server(sends_on((302, location))) as server, network_with(ledger) as network:
        with pytest.raises(HubFailed, match="makes no sense"):
            await read(network, server.origin)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "127.0.0.1", "http:///x", "http://a:99999/", "", "http://a\nb", "http://[zz]"]
)
@in_a_loop
async def test_what_is_no_web_address_is_refused(ledger, url):
    async with network_with(ledger) as network:
        with pytest.raises(NetworkError):
            await read(network, url)
    assert ledger.newest(1) == []


@in_a_loop
async def test_an_answer_that_looks_like_a_redirect_but_names_no_address_is_an_answer(ledger):
    async with (
        Server(says(b"four", 302)) as server,
        network_with(ledger) as network,
        network.open(server.origin, Purpose.SEARCH) as response,
    ):
        assert response.status == 302


# Failures


@pytest.mark.parametrize(
    ("answer", "error", "note", "received"),
    [
        (stalls_before_the_answer, NoAnswer, "no answer", 0),
        (stalls_in_the_body, NoAnswer, "no answer", 5),
        (closes_without_an_answer, NoConnection, "no connection", 0),
        (speaks_something_else, NoConnection, "no connection", 0),
        (cuts_in_the_body, NoConnection, "cut off", 5),
        (resets_in_the_body, NoConnection, "cut off", 5),
    ],
)
@in_a_loop
async def test_a_server_that_fails_is_told_and_noted(ledger, answer, error, note, received):
    async with Server(answer) as server, network_with(ledger) as network:
        with pytest.raises(error, match=r"127\.0\.0\.1"):
            await read(network, server.origin, timeout=SOON)
        await until(lambda: not server.writers)
    assert [(entry.note, entry.received) for entry in ledger.newest(10)] == [(note, received)]


@in_a_loop
async def test_a_failure_that_the_reader_deals_with_is_noted_all_the_same(ledger):
    async with (
        Server(cuts_in_the_body) as server,
        network_with(ledger) as network,
        network.open(server.origin, Purpose.DOWNLOAD) as response,
    ):
        with pytest.raises(NoConnection):
            await response.read(MANY)
    assert ledger.newest(1)[0].note == "cut off"


@in_a_loop
async def test_a_failure_of_the_readers_own_is_passed_on_and_is_none_of_the_ledgers(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        with pytest.raises(KeyError):
            async with network.open(server.origin, Purpose.DOWNLOAD):
                raise KeyError
    assert ledger.newest(1)[0].note == ""


@in_a_loop
async def test_a_port_where_nobody_listens_is_told(ledger):
    async with Server(says()) as server:
        origin = server.origin
    async with network_with(ledger) as network:
        with pytest.raises(NoConnection, match="refuses connections"):
            await read(network, origin)
    assert [(entry.status, entry.note) for entry in ledger.newest(10)] == [(None, "no connection")]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".invalid"])
@in_a_loop
async def test_a_host_that_does_not_exist_is_told(ledger, host):
    async with network_with(ledger) as network:
        with pytest.raises(NoConnection, match="was not found"):
            await read(network, f"http://{host}/")


@in_a_loop
async def test_a_failed_request_does_not_harm_another(ledger):
    async with (
        Server(stalls_in_the_body) as steady,
        Server(resets_in_the_body) as bad,
        network_with(ledger) as network,
        network.open(steady.origin, Purpose.DOWNLOAD) as response,
    ):
        chunks = response.chunks()
        assert await anext(chunks) == b"begun"
        with pytest.raises(NoConnection):
            await read(network, bad.origin)
        for writer in steady.writers:
            writer.write(b"more")
        assert await anext(chunks) == b"more"


# States in which a request can be interrupted


def full_socket():
    """A socket that accepts no more connections: the next one waits. Returns it and what fills it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    return listening, socket.create_connection(listening.getsockname())


@asynccontextmanager
async def while_connecting(network):
    listening, filler = full_socket()
    with listening, filler:
        yield asyncio.create_task(read(network, f"http://127.0.0.1:{listening.getsockname()[1]}")), None


@asynccontextmanager
async def while_shaking_hands(network):
    async with Server(says()) as server:  # which does not know TLS, and waits for the rest
        yield asyncio.create_task(read(network, f"https://{server.host}")), server


@asynccontextmanager
async def while_waiting_for_an_answer(network):
    async with Server(stalls_before_the_answer) as server:
        yield asyncio.create_task(read(network, server.origin)), server


@asynccontextmanager
async def while_waiting_for_more(network):
    async with Server(stalls_in_the_body) as server:
        yield asyncio.create_task(read(network, server.origin)), server


@asynccontextmanager
async def while_receiving(network):
    async with Server(drips_for_ever) as server:
        yield asyncio.create_task(read(network, server.origin, limit=2**60)), server


STATES = [
    pytest.param(while_connecting, marks=pytest.mark.skipif(sys.platform != "linux", reason="others queue more")),
    while_shaking_hands,
    while_waiting_for_an_answer,
    while_waiting_for_more,
    while_receiving,
]


async def has_begun(server, ledger):
    """The request is out; and if somebody is there, it has reached them."""
    await until(lambda: ledger.newest(1) and (server is None or server.writers))
    for _ in range(20):
        await asyncio.sleep(0)  # as many turns as it can use


@pytest.mark.parametrize("state", STATES)
@in_a_loop
async def test_a_request_can_be_cancelled_in_every_state_and_leaves_nothing_open(ledger, state):
    async with network_with(ledger) as network, state(network) as (task, server):
        await has_begun(server, ledger)
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - began < 0.2
        if server:
            await until(lambda: not server.writers)
        assert [entry.note for entry in ledger.newest(10)] == ["cancelled"]
        async with Server(says(b"four")) as another:
            assert await read(network, another.origin) == b"four"


@pytest.mark.parametrize("state", STATES)
@in_a_loop
async def test_going_offline_cuts_a_request_in_every_state(ledger, state):
    async with network_with(ledger) as network, state(network) as (task, server):
        await has_begun(server, ledger)
        threading.Thread(target=network.set_offline, args=(True,)).start()
        with pytest.raises(Offline):
            await task
        if server:
            await until(lambda: not server.writers)
        assert [entry.note for entry in ledger.newest(10)] == ["offline"]


@in_a_loop
async def test_going_offline_cuts_a_request_whose_reader_is_busy(ledger):
    async with (
        Server(drips_for_ever) as server,
        network_with(ledger) as network,
        network.open(server.origin, Purpose.DOWNLOAD) as response,
    ):
        chunks = response.chunks()
        await anext(chunks)
        network.set_offline(True)
        await until(lambda: not server.writers)
        with pytest.raises(Offline):
            await anext(chunks)


@in_a_loop
async def test_going_offline_closes_what_lies_idle_and_going_online_works_again(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        await read(network, server.origin)
        assert server.writers
        network.set_offline(True)
        await until(lambda: not server.writers)
        with pytest.raises(Offline):
            await read(network, server.origin)
        network.set_offline(False)
        assert await read(network, server.origin) == b"four"


@in_a_loop
async def test_going_offline_stops_at_the_next_redirect(ledger):
    async with Server(says()) as cdn, network_with(ledger) as network:

        async def answer(request, writer):
            await sends_on((302, cdn.origin))(request, writer)
            network._offline = True  # without the cut, which would come first

        async with Server(answer) as hub:
            with pytest.raises(Offline):
                await read(network, hub.origin)
        assert not cdn.accepted
        assert [entry.status for entry in ledger.newest(10)] == [302]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "https://127.0.0.1:{port}/"])
@in_a_loop
async def test_offline_nothing_is_connected_to_and_nothing_listed(ledger, url):
    async with Server(says()) as server, network_with(ledger, offline=True) as network:
        assert network.offline
        with pytest.raises(Offline):
            await read(network, url.format(port=server.host.partition(":")[2]))
        assert not server.accepted
    assert ledger.newest(1) == []


@pytest.mark.skipif(sys.platform != "linux", reason="others queue more")
@in_a_loop
async def test_a_connection_that_does_not_come_about_is_told(ledger):
    listening, filler = full_socket()
    async with network_with(ledger) as network:
        with listening, filler, pytest.raises(NoAnswer, match=r"no connection to 127\.0\.0\.1"):
            await read(network, f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=SOON)
    assert ledger.newest(1)[0].note == "no answer"


@in_a_loop
async def test_closing_ends_every_connection_and_lets_the_network_be_used_again(ledger):
    async with Server(says(b"four")) as server, network_with(ledger) as network:
        await read(network, server.origin)
        await network.close()
        await until(lambda: not server.writers)
        assert await read(network, server.origin) == b"four"


def test_the_switch_can_be_turned_when_the_loop_has_ended_and_before_it_began(ledger):
    network = Network(ledger)
    network.set_offline(True)
    network.set_offline(False)

    @in_a_loop
    async def use():
        async with Server(says(b"four")) as server:
            await read(network, server.origin)
            await network._transport.aclose()

    use()
    network.set_offline(True)
    assert network.offline


def test_it_is_there_before_anything_heavy():
    program = "import sys, app.core.network; print({'asyncio', 'httpx2', 'httpcore2', 'ssl'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"
