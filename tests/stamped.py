"""Configurations held against each other where only their history differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.kea.stamps import read_stamps, with_stamp


def uncounted(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what its stamps say of earlier replications, and of whose data they tell: a run that was
    cut is one more of them, and another server may have been the authority in it.
    """
    stamps = [replace(each, generation=0, earlier=(), former=(), source="") for each in read_stamps(config)]
    bare = {key: value for key, value in config.items() if key != "user-context"}
    return with_stamp(bare, stamps[0], kept=stamps[1:]) if stamps else bare
