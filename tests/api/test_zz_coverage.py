"""Runs after everything else of this directory: was all that the document declares really seen?"""
from support.client import CONTRACT


def test_every_operation_and_every_declared_status_was_seen():
    unseen = CONTRACT.unseen()
    assert not unseen, "never seen in this session: " + ", ".join(unseen)
