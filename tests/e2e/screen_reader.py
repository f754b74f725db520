"""Uses Paddock as someone does who hears it: through AT-SPI, by the names and roles of its controls, and by keys.

A program of its own: `test_screen_reader` runs it with the system's Python, which has the bindings of AT-SPI, on a bus
of its own. Its arguments are a model whose replies end, one whose replies never do, a file to export to, and the
command that starts Paddock. It prints what it does and hears, and at the end, as its last line, what was said.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

PATIENCE = 60  # seconds; the machine may be busy
RETURN, ESCAPE = 0xFF0D, 0xFF1B  # as X numbers keys

NAMES = {  # and roles
    "Chat": "check box",
    "Library": "check box",
    "Settings": "check box",
    "Conversations": "list",
    "New conversation": "button",
    "Search conversations": "text",
    "Model": "button",
    "Open model file": "button",
    "Conversation": "list",
    "Message": "text",
    "Send": "button",
    "Context": "panel",
    "Status": "text",
    "System prompt": "text",
    "Context length": "spin button",
    "Threads": "spin button",
    "GPU layers": "spin button",
    "Apply and reload": "button",
    "Memory bill": "panel",
}

Element = Any  # Atspi.Accessible


class ScreenReader:
    """Finds what is on the screen by name and role, reads it and acts on it."""

    def __init__(self) -> None:
        self.heard: list[str] = []  # announcements
        _switch_on_accessibility()
        Atspi.set_timeout(PATIENCE * 1000, PATIENCE * 1000)
        self._desktop = Atspi.get_desktop(0)
        self._desktop.set_cache_mask(Atspi.Cache.NONE)  # what is remembered may be out of date
        self._listener = Atspi.EventListener.new(self._on_announcement)
        self._listener.register("object:announcement")

    def _on_announcement(self, event: Any) -> None:
        print("hears:", event.any_data, flush=True)
        self.heard.append(str(event.any_data))

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition returns once that is true. Fails with all that is on the screen if it never is."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            while GLib.MainContext.default().iteration(False):
                pass  # announcements
            try:
                if found := condition():
                    return found
            except GLib.Error:  # something went away while it was looked at
                pass
            time.sleep(0.02)
        raise SystemExit(f"waited in vain for {what}; there is:\n{self.everything()}")

    # Finding

    def _elements(self, within: Element | None = None) -> Iterator[Element]:
        """All that is to be seen, in reading order."""
        for child in _children(within or self._desktop):
            if within is None or _has_state(child, Atspi.StateType.SHOWING) or _role(child) == "application":
                yield child
                yield from self._elements(child)

    def find_now(self, name: str, role: str, within: Element | None = None) -> Element | None:
        """The first element of that name and role, if it is there."""
        matches = (one for one in self._elements(within) if one.get_name() == name and _role(one) == role)
        return next(matches, None)

    def find(self, name: str, role: str, within: Element | None = None) -> Element:
        """The first element of that name and role, once it is there."""
        return self.wait_for(lambda: self.find_now(name, role, within), f"the {role} {name!r}")

    def everything(self) -> str:
        """All that is on the screen, for a person to read."""
        return "\n".join(f"{_role(one)} {one.get_name()!r} {one.get_description()!r}" for one in self._elements())

    # Reading

    def messages(self) -> list[str]:
        """The conversation as it is read out."""
        return [one.get_name() for one in _children(self.find("Conversation", "list")) if _role(one) == "list item"]

    def message(self, number: int) -> Element:
        """The list item of a message; the first has the number 0, the last -1."""
        return [one for one in _children(self.find("Conversation", "list")) if _role(one) == "list item"][number]

    def items(self, name: str) -> list[str]:
        """The names of the items of a list."""
        return [one.get_name() for one in _children(self.find(name, "list"))]

    def text(self, name: str) -> str:
        """What is in a box."""
        return str(Atspi.Text.get_text(self.find(name, "text"), 0, -1))

    # Acting

    def press(self, name: str, within: Element | None = None, role: str = "button") -> None:
        """Presses a button, or chooses from a menu, as soon as that is possible."""
        print("presses:", name, flush=True)

        def usable() -> Element | None:
            element = self.find_now(name, role, within)
            return element if element and _has_state(element, Atspi.StateType.ENABLED) else None

        element = self.wait_for(usable, f"the {role} {name!r} to be usable")
        assert Atspi.Action.do_action(element, 0), name

    def choose(self, menu: str, item: str) -> None:
        """Opens a menu of the menu bar and chooses from it."""
        self.press(menu, role="menu item")
        self.press(item, role="menu item")

    def write(self, name: str, text: str) -> None:
        """Puts `text` into a box, in place of what is there."""
        print("writes:", f"{name}: {text}", flush=True)
        box = self.find(name, "text")
        assert Atspi.EditableText.set_text_contents(box, text), name
        self.wait_for(lambda: self.text(name) == text, f"{text!r} in {name!r}")

    def press_key(self, key: int, name: str, role: str = "text") -> None:
        """Goes to an element and presses a key there."""
        element = self.find(name, role)
        assert Atspi.Component.grab_focus(element), name
        self.wait_for(lambda: _has_state(element, Atspi.StateType.FOCUSED), f"the focus on {name!r}")
        assert Atspi.generate_keyboard_event(key, None, Atspi.KeySynthType.SYM)

    def give_path(self, button: str, path: Path) -> None:
        """Fills in the dialog that asks for a file."""
        self.write("File name:", str(path))
        self.press(button)
        self.wait_for(lambda: self.find_now("File name:", "text") is None, "the dialog to close")
        self.go_to_window()

    def go_to_window(self) -> None:
        """Gives the window the focus, as a window manager would, if there were one."""
        window = self.find("Paddock", "frame")
        xdotool = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^Paddock$", "windowfocus", "--sync"]
        subprocess.run(xdotool, check=True, timeout=PATIENCE)
        self.wait_for(lambda: _has_state(window, Atspi.StateType.ACTIVE), "the window to be active")


def _switch_on_accessibility() -> None:
    """Tells all programs that someone listens, as a screen reader does when it starts."""
    status = ("org.a11y.Status", "ScreenReaderEnabled", GLib.Variant("b", True))
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    properties = "org.freedesktop.DBus.Properties"
    values = GLib.Variant("(ssv)", status)
    bus.call_sync("org.a11y.Bus", "/org/a11y/bus", properties, "Set", values, None, Gio.DBusCallFlags.NONE, -1, None)


def _children(element: Element) -> Iterator[Element]:
    for index in range(element.get_child_count()):
        child = element.get_child_at_index(index)
        if child is not None:
            yield child


def _role(element: Element) -> str:
    return str(element.get_role_name()).replace("push button", "button")  # as older versions of AT-SPI call it


def _has_state(element: Element, state: Any) -> bool:
    return bool(element.get_state_set().contains(state))


class Person(ScreenReader):
    """What someone wants to do with Paddock."""

    def open_model(self, path: Path, name: str) -> None:
        self.press("Open model file")
        self.give_path("Open", path)
        self.wait_for(
            lambda: all(word in self.find("Model", "button").get_description() for word in (name, "ready")),
            f"{name} to be ready",
        )

    def ask(self, question: str) -> None:
        self.write("Message", question)
        self.press("Send")
        self.wait_for(lambda: self.messages()[-2:-1] == [f"You: {question}"], "the question in the conversation")

    def hear_reply(self) -> str:
        """The reply, once it is complete."""
        sentences = self.hear_until("The reply is finished.")
        self.find("Send", "button")
        reply = self.messages()[-1]
        assert reply.startswith("Assistant: "), reply
        assert len(sentences) > 2 and _words(*sentences) == _words(reply)[1:], f"{sentences} of {reply!r}"
        return reply

    def stop_reply(self, longer_than: str) -> str:
        """What there is of the reply, once there is more than that and it is stopped."""
        self.wait_for(lambda: len(self.messages()[-1]) > len(longer_than) + 10, "more of the reply")
        self.press("Stop")
        sentences = self.hear_until("The reply was stopped.")
        reply = self.messages()[-1]
        assert reply.startswith(longer_than), reply
        assert _words(*sentences) == _words(reply[len(longer_than) :]), f"{sentences} of {reply!r}"
        return reply

    def hear_until(self, ending: str) -> list[str]:
        """What was said before that, from the time this was last asked."""
        self.wait_for(lambda: ending in self.heard, f"somebody to say {ending!r}")
        before = self.heard[: self.heard.index(ending)]
        del self.heard[: len(before) + 1]
        return before

    def go_to_version(self, button: str, number: int, place: str) -> None:
        """Presses a button of a message and hears which of its versions that is."""
        self.press(button, self.message(number))
        self.hear_version(number, place)

    def hear_version(self, number: int, place: str) -> None:
        self.wait_for(lambda: self.find_now(f"Version {place}", "label", self.message(number)), f"version {place}")


def _words(*texts: str) -> list[str]:
    return " ".join(texts).split()


def read_the_names(person: Person) -> None:
    """What product and test agree to call things."""
    for name, role in NAMES.items():
        person.find(name, role)


def talk(person: Person, ends: Path, never_ends: Path) -> list[str]:
    """Asks, asks for another reply, asks differently, goes through the versions, stops, goes on. What is read then."""
    person.open_model(ends, "Brief")
    person.write("System prompt", "Tell stories.")
    person.ask("What does the lighthouse hold?")
    first = person.hear_reply()
    assert "tokens" in person.find("Context", "panel").get_description()

    person.press("Regenerate", person.message(-1))
    second = person.hear_reply()
    person.hear_version(-1, "2 of 2")
    person.go_to_version("Previous version", -1, "1 of 2")
    assert person.messages() == ["You: What does the lighthouse hold?", first]

    person.press("Edit", person.message(0))
    person.write("Edit message", "What does the harbour hold?")
    person.press("Save")
    other = person.hear_reply()
    assert person.messages() == ["You: What does the harbour hold?", other]
    person.hear_version(0, "2 of 2")
    person.go_to_version("Previous version", 0, "1 of 2")
    assert person.messages() == ["You: What does the lighthouse hold?", second]  # the newest of its replies
    person.go_to_version("Next version", 0, "2 of 2")
    assert person.messages() == ["You: What does the harbour hold?", other]
    person.press("Copy", person.message(-1))

    person.open_model(never_ends, "Endless")
    person.ask("And the river?")
    stopped = person.stop_reply("Assistant: ")
    person.press("Continue", person.message(-1))
    person.stop_reply(stopped)
    return person.messages()


def find_again(person: Person, said: list[str]) -> None:
    """Begins another conversation, and comes back by searching."""
    person.press("New conversation")
    person.wait_for(lambda: not person.messages(), "an empty conversation")
    assert len(person.items("Conversations")) == 2
    person.write("Search conversations", "the river")
    (hit,) = person.wait_for(lambda: person.items("Found conversations"), "the message to be found")
    assert "And the river?" in hit, hit
    person.press_key(RETURN, "Search conversations")
    person.wait_for(lambda: person.messages() == said, "the conversation to be shown")
    assert person.text("Find in this conversation") == "the river"
    person.press_key(ESCAPE, "Search conversations")
    person.find("Conversations", "list")


def export(person: Person, path: Path) -> None:
    person.choose("File", "Export conversation…")
    person.give_path("Save", path)
    person.wait_for(lambda: f"Exported to {path}" in person.heard, "word that the file is written")


def main() -> None:
    ends, never_ends, exported = map(Path, sys.argv[1:4])
    person = Person()
    with subprocess.Popen(sys.argv[4:]) as app:
        try:
            person.go_to_window()
            read_the_names(person)
            said = talk(person, ends, never_ends)
            find_again(person, said)
            export(person, exported)
            person.choose("File", "Quit")
            assert app.wait(PATIENCE) == 0
        except AssertionError:
            print(f"there is:\n{person.everything()}", flush=True)
            raise
        finally:
            app.kill()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
