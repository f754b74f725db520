"""What the Hub means by an answer that is an error.

It says so in a header, `X-Error-Code`, but not always: a model that does not exist and one that is private are both a
bare 401 to somebody unknown.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping

from app.core.errors import (
    AccessNotGranted,
    FileNotOnTheHub,
    HubFailed,
    HubRefused,
    ModelDisabled,
    NetworkError,
    NotOnTheHub,
    NotTheHub,
    RateLimited,
    TokenLacksPermission,
    TokenNeeded,
    TokenRefused,
)
from app.core.hub_answers import words

_LONGEST_PAUSE = 3600.0  # seconds; the Hub counts in windows of five minutes
_LIMITED = re.compile(r"\br=0;t=(\d{1,9})\b")


def problem_of(
    status: int, headers: Mapping[str, str], body: bytes, *, token: str, token_was_refused: bool
) -> NetworkError:
    """`token` is the user's, whether it was sent or left out because it was refused before."""
    code, message = headers.get("X-Error-Code", ""), _message(headers, body)
    if status == 429:
        return RateLimited(retry_after=_pause(headers))
    if status >= 500:
        # 511 is what a network says that wants people to sign in.
        return NotTheHub() if status == 511 else HubFailed(f"it answered with {status}")
    if code in ("EntryNotFound", "RevisionNotFound"):
        return FileNotOnTheHub()
    if status == 451 or "disabled" in message.lower():
        return ModelDisabled(message)
    if code == "GatedRepo" or (status == 403 and "restricted" in message):
        return _closed_gate(status, message, token, token_was_refused)
    if status == 401 and token and (token_was_refused or says_token_is_unknown(headers, body)):
        return TokenRefused()
    if status in (401, 404, 410):
        return NotOnTheHub()
    return HubRefused(message or f"it answered with {status}")


def says_token_is_unknown(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer of 401 is about the token, and not about what was asked for."""
    return bool(re.search("credentials|token", _message(headers, body), re.IGNORECASE))


def _closed_gate(status: int, message: str, token: str, token_was_refused: bool) -> NetworkError:
    if not token:
        return TokenNeeded()
    if status == 401 or token_was_refused:
        return TokenRefused()
    if re.search("fine-grained|permission", message, re.IGNORECASE):
        return TokenLacksPermission(message)
    return AccessNotGranted(message)


def _message(headers: Mapping[str, str], body: bytes) -> str:
    """What the Hub says in words, in one line; empty if it says none."""
    if said := words(headers.get("X-Error-Message")):
        return said
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return words(answer.get("error")) if isinstance(answer, dict) else ""


def _pause(headers: Mapping[str, str]) -> float:
    """Seconds to wait; 0 if the Hub does not say."""
    return min(_LONGEST_PAUSE, _retry_after(headers) or _limit_lifted_in(headers))


def _retry_after(headers: Mapping[str, str]) -> float:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (rarely needed)

    stated = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", stated):
        return float(stated)
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _limit_lifted_in(headers: Mapping[str, str]) -> float:
    """Of the limits that are used up, the one that lasts longest: `"api";r=0;t=55` is lifted in 55 seconds."""
    return max(map(float, _LIMITED.findall(headers.get("RateLimit", ""))), default=0.0)
