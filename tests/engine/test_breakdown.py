"""Maps of C++, made by hand, and what is no such map."""

from __future__ import annotations

import ctypes

import pytest

from app.engine import breakdown

LAYOUT, WORD, NODE_WORDS, MAP_WORDS = breakdown._LAYOUT, 8, 8, 6


class Tree:
    """A map of two values: the root and a right branch."""

    def __init__(self) -> None:
        self.map = (ctypes.c_size_t * MAP_WORDS)()
        self.root = (ctypes.c_size_t * NODE_WORDS)(*[0] * 4, 1, 2, 3, 4)
        self.right = (ctypes.c_size_t * NODE_WORDS)(*[0] * 4, 5, 6, 7, 8)
        self.map[LAYOUT.root // WORD] = ctypes.addressof(self.root)
        self.map[LAYOUT.size // WORD] = 2
        self.root[LAYOUT.right // WORD] = ctypes.addressof(self.right)
        self.right[LAYOUT.parent // WORD] = ctypes.addressof(self.root)

    def read(self) -> tuple[breakdown.Part, ...]:
        return breakdown._read(ctypes.addressof(self.map))


def test_a_map_is_read_in_order():
    assert Tree().read() == (breakdown.Part(1, 2, 3, 4), breakdown.Part(5, 6, 7, 8))


def test_an_empty_map_has_no_parts():
    tree = Tree()
    tree.map[LAYOUT.root // WORD] = tree.map[LAYOUT.size // WORD] = 0
    assert tree.read() == ()


@pytest.mark.parametrize("size", [0, 1, 3, 2**40])
def test_a_size_that_is_another_is_not_believed(size):
    tree = Tree()
    tree.map[LAYOUT.size // WORD] = size
    assert tree.read() == ()


@pytest.mark.parametrize("pointer", [1, 4096, 2**47 + 1])
def test_what_cannot_be_a_pointer_is_not_followed(pointer):
    tree = Tree()
    tree.root[LAYOUT.left // WORD] = pointer
    assert tree.read() == ()


def test_a_branch_that_does_not_know_its_parent_is_none():
    tree = Tree()
    tree.right[LAYOUT.parent // WORD] = 0
    assert tree.read() == ()


def test_a_tree_that_bites_its_tail_ends():
    tree = Tree()
    tree.right[LAYOUT.right // WORD] = ctypes.addressof(tree.root)
    tree.root[LAYOUT.parent // WORD] = ctypes.addressof(tree.right)
    assert tree.read() == ()
