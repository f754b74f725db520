from __future__ import annotations

import os

import pytest

from app.core import hardware


@pytest.fixture
def machine(tmp_path):
    """Builds the two file trees in which Linux tells a process its control groups and their memory."""

    def machine(group: str, **memory: dict[str, str]):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(f"1:name=systemd:/x\n0::{group}\n")
        for folder, files in memory.items():
            place = tmp_path / "sys/fs/cgroup" / folder.replace("_", "/")
            place.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (place / f"memory.{name}").write_text(text)
        return tmp_path

    return machine


def test_there_is_at_least_one_core_and_none_that_may_not_be_used():
    assert 1 <= hardware.physical_cores() <= (os.cpu_count() or 1)


def test_memory_is_some_and_what_is_free_is_part_of_it():
    assert 0 < hardware.memory_available() <= hardware.memory_total()


def test_the_limits_of_all_groups_around_the_process_count(machine):
    root = machine(
        "/apps/paddock",
        apps_paddock={"max": "3000\n", "current": "1000\n", "stat": "anon 600\nactive_file 100\ninactive_file 300\n"},
        apps={"max": "2000\n", "current": "1500\n", "stat": "anon 1500\n"},
    )
    assert list(hardware.cgroup_memory(root)) == [(3000, 2400), (2000, 500)]


def test_a_group_over_its_limit_has_nothing_free(machine):
    root = machine("/", **{"": {"max": "10", "current": "20", "stat": "anon 20"}})
    assert list(hardware.cgroup_memory(root)) == [(10, 0)]


def test_a_group_without_limit_or_a_system_without_groups_sets_none(machine, tmp_path):
    assert list(hardware.cgroup_memory(tmp_path)) == []
    root = machine("/apps", apps={"max": "max\n", "current": "5\n", "stat": "anon 5\n"})
    assert list(hardware.cgroup_memory(root)) == []
