"""Chat templates: a conversation becomes the text that a model was trained on.

A template is a Jinja program that comes with the model, so it was written by a stranger. It runs in Jinja's sandbox,
in the engine child; its output and the time it takes between two pieces of output are bounded. A template that loops
without writing can still hang the child, which the window survives and ends.

What a template can do is found out once, by rendering small conversations, and not while a conversation is rendered:
so all turns of a conversation are rendered in the same way, and what the model has read stays valid. A template that
refuses a system message, or drops it, gets the system prompt in front of the first user turn. One that refuses two
turns of the same role in a row gets them as one.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.core.errors import TemplateFailed
from app.core.resources import resource
from app.engine.protocol import ChatMessage

TemplateSource = Literal["model", "catalogue", "plain"]

_PLAIN = """\
{%- for message in messages -%}
{%- if message.role == 'system' %}{{ message.content }}

{% else %}{{ message.role | capitalize }}: {{ message.content }}
{% endif %}
{%- endfor -%}
Assistant:"""

_LONGEST_FRAME = 1_000_000  # characters a template may add to those of the messages
_LONGEST_RENDERING = 10.0  # seconds
# What a program written by a stranger may raise. `RuntimeError` is also too deep a recursion; `SyntaxError` comes
# from Python, which Jinja compiles to, when blocks are nested too deeply.
_TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

_SYSTEM = ChatMessage("system", "Xylophone")
_USER = ChatMessage("user", "Yesterday")
_ASSISTANT = ChatMessage("assistant", "Zeppelin")
_NEXT_USER = ChatMessage("user", "Wednesday")


def choose_template(chat_template: str | None, *names: str) -> ChatTemplate:
    """The model's own template; else the one the catalogue has for a model of one of `names`; else a plain one.

    Raises `TemplateFailed` if the model's own template does not work.
    """
    if chat_template:
        return ChatTemplate(chat_template, "model")
    if known := _catalogued(names):
        return ChatTemplate(known, "catalogue")
    return ChatTemplate(_PLAIN, "plain", next_turn="\nUser:")


def _catalogued(names: Sequence[str]) -> str | None:
    catalogue = json.loads(resource("model_catalogue.json").read_text("utf-8"))
    for model in catalogue["models"]:
        if any(re.search(model["name"], name, re.IGNORECASE) for name in names):
            return str(catalogue["templates"][model["template"]])
    return None


class ChatTemplate:
    """A template that has rendered a small conversation. `source` says where it comes from."""

    def __init__(self, text: str, source: TemplateSource, next_turn: str = "") -> None:
        """`next_turn` is how the user's turns begin, for a template that has no token for it.

        Raises `TemplateFailed` if `text` is no template, or cannot render a conversation whatever we do."""
        self.source = source
        self.next_turn = next_turn
        self._template = _compile(text)
        self._takes_system = self._shows(_SYSTEM, _USER)
        self._takes_repeated_roles = self._shows(_USER, _NEXT_USER)
        self._text = text + self.render((_SYSTEM, _USER, _ASSISTANT, _NEXT_USER))

    def writes(self, text: str) -> bool:
        """Whether `text` is something that the template itself writes, as far as one can tell."""
        return text in self._text

    def render(self, messages: Sequence[ChatMessage], bos: str = "", eos: str = "") -> str:
        """The conversation as text, up to where the assistant's next turn begins. Raises `TemplateFailed`.

        `bos` and `eos` are the texts of the tokens that begin and end a text in the model's vocabulary.
        """
        if not self._takes_system:
            messages = _system_in_user_turn(messages)
        if not self._takes_repeated_roles:
            messages = _repeated_roles_merged(messages)
        return self._render(messages, bos, eos)

    def _shows(self, *messages: ChatMessage) -> bool:
        try:
            rendered = self._render(messages)
        except TemplateFailed:
            return False
        return all(message.text in rendered for message in messages)

    def _render(self, messages: Sequence[ChatMessage], bos: str = "", eos: str = "") -> str:
        try:
            pieces = self._template.generate(
                messages=[{"role": message.role, "content": message.text} for message in messages],
                add_generation_prompt=True,
                bos_token=bos,
                eos_token=eos,
            )
            return "".join(_bounded(pieces, _LONGEST_FRAME + 4 * sum(len(message.text) for message in messages)))
        except _TEMPLATE_ERRORS as error:
            raise TemplateFailed(_reason(error)) from error


def _bounded(pieces: Iterator[str], length: int) -> Iterator[str]:
    deadline = time.monotonic() + _LONGEST_RENDERING
    for piece in pieces:
        length -= len(piece)
        if length < 0:
            raise TemplateFailed("It writes without end.")
        if time.monotonic() > deadline:
            raise TemplateFailed("It takes too long.")
        yield piece


def _system_in_user_turn(messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    if messages[0].role != "system":
        return messages
    system, user, *rest = messages
    return [ChatMessage("user", f"{system.text}\n\n{user.text}"), *rest]


def _repeated_roles_merged(messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    merged: list[ChatMessage] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = ChatMessage(message.role, f"{merged[-1].text}\n\n{message.text}")
        else:
            merged.append(message)
    return merged


def _reason(error: BaseException) -> str:
    line = f"line {error.lineno}: " if isinstance(error, jinja2.TemplateSyntaxError) else ""
    said = str(error).partition("\n")[0] or type(error).__name__
    return f"It says: {line}{said[:200]}"


# The world a template sees, as Hugging Face's transformers made it: templates are written for that one.


class _Missing(jinja2.Undefined):
    """Something we do not have, such as tools. Adding it to a text, as some templates do unasked, adds nothing."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __add__


class _GenerationTag(Extension):
    """`{% generation %}` marks for training what the assistant says; for us it marks nothing."""

    tags = {"generation"}  # noqa: RUF012 (as Jinja declares it)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _compile(text: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", _GenerationTag],
        undefined=_Missing,
    )
    environment.filters["tojson"] = _to_json
    environment.globals.pop("lipsum")  # text without end, for nobody
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    try:
        return environment.from_string(text)
    except _TEMPLATE_ERRORS as error:
        raise TemplateFailed(_reason(error)) from error


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    # Jinja's own escapes for HTML and writes non-ASCII letters as numbers; a model should see letters.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
