"""The modes in which two servers have each other for a partner."""

from __future__ import annotations

from reconciler.model import Mode

PAIR_MODES = (Mode.LOAD_BALANCING, Mode.HOT_STANDBY)
