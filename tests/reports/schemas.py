"""The schemas of our JSON reports, as validators."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "schemas"


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


PLAN, STATUS, OUTCOME = map(validator, ("plan-report", "status", "outcome-report"))
OPERATION, LEASES = map(validator, ("operation-report", "lease-report"))
HISTORY = validator("history-report")
