"""The switch for new versions in Settings, with what is behind it, against a GitHub on this computer."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton

from app.core.releases import Releases
from app.core.settings import Settings
from app.engine.jobs import JobRunner
from app.ui.ledger_view import LedgerView
from app.ui.network_presenter import NetworkPresenter
from app.ui.network_session import NetworkSession
from app.ui.network_settings import NetworkSettings
from app.ui.release_session import ReleaseSession
from tests.fake_github import HOME, FakeGitHub


class Desk:
    """The part of Settings that is about the network, and somebody before it."""

    def __init__(self, paths, qtbot, github: FakeGitHub, settings: Settings, home: str) -> None:
        self.qtbot = qtbot
        self.settings = settings
        self.jobs = JobRunner()
        offline = settings.offline
        self.network = NetworkSession(paths.database, self.jobs, offline=offline, token_kept=False)
        releases = Releases(paths.releases, github.api, home, "0.1.0")
        self.session = ReleaseSession(releases, self.network, lambda: self.settings)
        self.view, self.ledger = NetworkSettings(), LedgerView()
        for widget in (self.view, self.ledger):
            qtbot.addWidget(widget)
        self.presenter = NetworkPresenter(
            self.network, lambda: self.settings, lambda: paths.models, self.session, self.view, self.ledger
        )
        self.presenter.changed.connect(self._on_changed)
        self.view.show()

    def _on_changed(self, settings: Settings) -> None:
        self.settings = settings
        self.presenter.show_settings()

    @property
    def box(self) -> QCheckBox:
        return self.view.findChild(QCheckBox, "look_for_new_versions")

    @property
    def page(self) -> QPushButton:
        return self.view.findChild(QPushButton, "open_the_release_page")

    def says(self) -> str:
        return self.view.findChild(QLabel, "release").text()

    def switch(self) -> None:
        self.qtbot.keyClick(self.box, Qt.Key.Key_Space)


@pytest.fixture
def github():
    with FakeGitHub("v0.2.0") as github:
        yield github


@pytest.fixture
def desk(paths, qtbot, github):
    opened = []

    def sit_down(home=HOME, **settings):
        opened.append(Desk(paths, qtbot, github, dataclasses.replace(Settings(), **settings), home))
        return opened[-1]

    yield sit_down
    for each in opened:
        each.jobs.close(each.network.close)


def test_nobody_is_asked_until_the_switch_is_on(desk, github, qtbot):
    desk = desk()
    assert not desk.box.isChecked()
    desk.session.look_if_due()
    assert not github.asked
    with qtbot.waitSignal(desk.session.newer_found) as found:
        desk.switch()
    assert found.args == ["0.2.0"]
    assert desk.settings.look_for_releases
    assert desk.says() == "Paddock 0.2.0 is there."
    assert desk.page.isVisible()


def test_a_second_look_on_the_same_day_asks_nobody(desk, github, qtbot):
    desk = desk()
    with qtbot.waitSignal(desk.session.looked):
        desk.switch()
    desk.switch()
    assert (desk.says(), desk.page.isVisible()) == ("", False)
    desk.switch()
    assert desk.says() == "Paddock 0.2.0 is there."
    assert len(github.asked) == 1


def test_offline_waits_for_the_network(desk, github, qtbot):
    desk = desk(offline=True)
    desk.switch()
    assert not github.asked
    with qtbot.waitSignal(desk.session.looked):
        desk.network.set_offline(False)
    assert len(github.asked) == 1


def test_what_went_wrong_is_said_in_place(desk, github, qtbot):
    github.status = 503
    desk = desk()
    with qtbot.waitSignal(desk.session.looked):
        desk.switch()
    assert desk.says() == (
        "New versions could not be looked for: GitHub answered with 503. Paddock tries again tomorrow."
    )
    assert not desk.page.isVisible()


def test_the_button_asks_for_the_page(desk, qtbot):
    desk = desk()
    with qtbot.waitSignal(desk.session.looked):
        desk.switch()
    with qtbot.waitSignal(desk.view.release_page_requested):
        qtbot.mouseClick(desk.page, Qt.MouseButton.LeftButton)


def test_a_copy_without_a_home_says_so(desk):
    desk = desk(home="")
    assert not desk.box.isEnabled()
    assert "does not know where" in desk.says()


def test_the_switch_has_the_words_of_the_app(desk):
    box = desk().box
    assert (box.accessibleName(), box.text()) == ("Look for new versions", "Look for new versions")
    assert box.accessibleDescription()
