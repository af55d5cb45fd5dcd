"""The nouns of the project: frozen values that every other room passes on.

Nothing in here decides or does anything, and nothing is imported from another room.
*Desired* is what git says, *live* is what a server says; an *endpoint* is one server and one service.
"""

from reconciler.model.decided import (
    ABSENT,
    Action,
    Authority,
    Cause,
    Change,
    Departure,
    FieldChange,
    Fingerprints,
    Missing,
    Objection,
    Plan,
    Procedure,
    RelationshipPlan,
    ServerPlan,
    Stage,
    Stamp,
    Unmanaged,
)
from reconciler.model.desired import (
    Desired,
    Endpoint,
    Mode,
    OnRemove,
    Peer,
    Pools,
    Position,
    Problem,
    Relationship,
    Role,
    Service,
    Severity,
)
from reconciler.model.json import Json
from reconciler.model.live import HaView, Live, PartnerView, Probe, Snapshot, Unreachable
from reconciler.model.outcomes import RelationshipOutcome, Result, ServerOutcome

__all__ = [
    "ABSENT",
    "Action",
    "Authority",
    "Cause",
    "Change",
    "Departure",
    "Desired",
    "Endpoint",
    "FieldChange",
    "Fingerprints",
    "HaView",
    "Json",
    "Live",
    "Missing",
    "Mode",
    "Objection",
    "OnRemove",
    "PartnerView",
    "Peer",
    "Plan",
    "Pools",
    "Position",
    "Probe",
    "Problem",
    "Procedure",
    "Relationship",
    "RelationshipOutcome",
    "RelationshipPlan",
    "Result",
    "Role",
    "ServerOutcome",
    "ServerPlan",
    "Service",
    "Severity",
    "Snapshot",
    "Stage",
    "Stamp",
    "Unmanaged",
    "Unreachable",
]
