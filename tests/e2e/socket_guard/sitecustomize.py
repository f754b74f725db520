"""Python imports this at its start when it is on the path: writes down every way towards the network that is tried."""

import os
import sys
from pathlib import Path

_TOWARDS_THE_NETWORK = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.sendmsg",
)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _TOWARDS_THE_NETWORK:
        return
    target = arguments[-1] if event == "socket.connect" else arguments[0]
    if isinstance(target, str) and event == "socket.connect":
        return  # a socket of this computer: the way to a Paddock that is running already
    with Path(os.environ["SOCKET_GUARD"]).open("a", encoding="utf-8") as file:
        file.write(f"{event} {target}\n")


if "SOCKET_GUARD" in os.environ:
    sys.addaudithook(_watch)
