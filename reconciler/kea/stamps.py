"""What we leave in a server's user-context, so that any management host can carry on from it.

Kea keeps a `user-context` at the top level through config-set, config-get and config-write (seen on 2.2.0, 2.6.3 and
3.0.3). Only our own key in it is ever touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.kea.locality import STAMP_KEY
from reconciler.model import Fingerprints, Stamp


def read_stamps(config: Mapping[str, Any]) -> list[Stamp]:
    """Return the stamps in a configuration, one for each relationship; damaged ones are left out.

    Release 0.1.0 wrote a single stamp, not in a list.
    """
    context = config.get("user-context")
    raw = context.get(STAMP_KEY) if isinstance(context, Mapping) else None
    return [stamp for each in (raw if isinstance(raw, list) else [raw]) if (stamp := _stamp(each)) is not None]


def _stamp(raw: Any) -> Stamp | None:
    if not isinstance(raw, Mapping):
        return None
    sections, local = raw.get("sections"), raw.get("local")
    if not isinstance(sections, Mapping) or not isinstance(local, list):
        return None
    texts = [raw.get(key) for key in ("relationship", "revision", "desired", "fingerprint")]
    if not all(isinstance(text, str) for text in [*texts, *sections.values(), *local]):
        return None
    relationship, revision, desired, whole = map(str, texts)
    version = raw.get("version", "")
    marks = Fingerprints(whole, dict(sections))
    return Stamp(relationship, revision, desired, tuple(local), marks, version if isinstance(version, str) else "")


def with_stamp(config: Mapping[str, Any], stamp: Stamp, *, kept: Sequence[Stamp] = ()) -> dict[str, Any]:
    """Return the configuration with the stamp in its user-context, and with those `kept` of other relationships;
    everything else there stays.
    """
    marks = [_mark(each) for each in sorted([*kept, stamp], key=lambda each: each.relationship)]
    return {**config, "user-context": {**(config.get("user-context") or {}), STAMP_KEY: marks}}


def _mark(stamp: Stamp) -> dict[str, Any]:
    return {
        "relationship": stamp.relationship,
        "revision": stamp.revision,
        "desired": stamp.desired,
        "local": list(stamp.local),
        "fingerprint": stamp.fingerprints.whole,
        "sections": dict(stamp.fingerprints.sections),
        **({"version": stamp.version} if stamp.version else {}),
    }
