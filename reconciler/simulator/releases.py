"""The releases of Kea that a simulated server can be."""

from __future__ import annotations

from enum import StrEnum


class Release(StrEnum):
    """A release, by the version that it reports; later ones compare as greater."""

    KEA_2_2 = "2.2.0"
    KEA_2_6 = "2.6.3"
    KEA_3_0 = "3.0.3"
