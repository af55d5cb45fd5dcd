"""How the leases of a relationship's servers differ, as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.kea.leases import ANY_TYPE, Lease
from reconciler.planning.leases import Kind, LeaseComparison, LeaseDifference
from reconciler.redaction import visible
from reconciler.reports.colours import Style, paint
from reconciler.reports.numbers import count
from reconciler.reports.tables import table
from reconciler.reports.values import shown_name

SHOWN: Final = 20  # differences that are written out; JSON has all
_STYLES: Final = {Kind.TWO_CLIENTS: Style.BAD, Kind.MISSING: Style.WARNING, Kind.DIFFERS: Style.CHANGED}
_SAID: Final = {
    Kind.TWO_CLIENTS: "leased to two different clients",
    Kind.MISSING: "not on every server",
    Kind.DIFFERS: "not the same everywhere",
}


def text_leases(comparison: LeaseComparison, *, colour: bool = False) -> str:
    """Return a comparison of leases as text, the worst differences first, without a line end at its end."""
    lines = [*_head_lines(comparison, colour=colour)]
    for each in comparison.differences[:SHOWN]:
        lines += _difference_lines(each, colour=colour)
    more = len(comparison.differences) - SHOWN
    if more > 0:
        lines.append(f"  and {more} more, which --format json has")
    return "\n".join([*lines, "", paint(_summary(comparison), Style.HEADING, colour=colour)])


def _head_lines(comparison: LeaseComparison, *, colour: bool) -> Iterator[str]:
    head = f"{shown_name(comparison.name)}: {comparison.service}, {comparison.mode}: leases"
    yield paint(head, Style.HEADING, colour=colour)
    rows = [
        (
            shown_name(each.server),
            each.role,
            shown_name(each.ha_state or "-"),
            "unknown" if each.leases is None else str(each.leases),
        )
        for each in comparison.sources
    ]
    yield from (f"  {line}" for line in table([("server", "role", "state", "leases"), *rows]))
    for each in comparison.sources:
        if each.reason:
            yield paint(f"  {shown_name(each.server)}: {visible(each.reason)}", Style.BAD, colour=colour)
    yield from (f"  note: {visible(note)}" for note in comparison.notes)


def _difference_lines(difference: LeaseDifference, *, colour: bool) -> Iterator[str]:
    type_ = "" if difference.type == ANY_TYPE else f" ({shown_name(difference.type)})"
    fields = f": {', '.join(difference.fields)}" if difference.fields else ""
    text = f"{shown_name(difference.address)}{type_} {_SAID[difference.kind]}{fields}"
    yield paint(f"  {text}", _STYLES[difference.kind], colour=colour)
    rows = [(f"{shown_name(name)}:", _lease(lease)) for name, lease in difference.leases.items()]
    yield from (f"    {line}" for line in table(rows, gap=" "))


def _lease(lease: Lease | None) -> str:
    if lease is None:
        return "no lease"
    kind, client = lease.client
    parts = [f"{kind} {visible(client) or '-'}"]
    parts += [f"hw-address {visible(lease.hw_address)}"] if kind != "hw-address" and lease.hw_address else []
    parts += [f"iaid {lease.iaid}"] if lease.iaid is not None else []
    parts += [f"subnet-id {lease.subnet_id}", f"valid-lft {lease.valid_lft}", f"cltt {lease.cltt}"]
    parts += [f"state {lease.state}"] if lease.state else []
    return ", ".join(parts)


def _summary(comparison: LeaseComparison) -> str:
    if comparison.not_compared is not None:
        return f"Not compared: {visible(comparison.not_compared)}."
    if not comparison.is_complete:
        return "Not compared: not every server's leases could be read."
    passing = f"; {count(comparison.passing, 'difference')} was on its way" if comparison.passing == 1 else ""
    if comparison.passing > 1:
        passing = f"; {comparison.passing} differences were on their way"
    if not comparison.differences:
        return f"The leases are the same{passing}."
    parts = [f"{comparison.count(kind)} {_SAID[kind]}" for kind in Kind if comparison.count(kind)]
    return f"{count(len(comparison.differences), 'difference')}: {', '.join(parts)}{passing}."
