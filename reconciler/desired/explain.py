"""What a JSON Schema finds wrong with a document, as problems that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.desired import urls
from reconciler.desired.keys import key_problem
from reconciler.desired.schema import ABOUT, InputSchema, validator
from reconciler.desired.wording import key, kind_of, label, listed, looks_secret, nearest, shown
from reconciler.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.desired.documents import Document, Trail

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping of keys to values",
    "array": "a list",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and the value that nobody should look at further because of it, None where there is no such."""

    problem: Problem
    faulty: Trail | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a schema library says: the keyword of the schema that `value` breaks, and what that keyword wants."""

    trail: Trail
    keyword: str
    value: Any
    wanted: Any
    schema: Mapping[str, Any]
    text: str
    is_about_names: bool


Words = tuple[str, str, str]  # rule, message without the name of the place, advice


def findings(document: Document, schema_name: InputSchema) -> Iterator[Finding]:
    """Yield everything in which a document does not follow the schema of that name."""
    of_wrong_type: set[Trail] = set()  # about those, nothing else that the schema says is of use
    for error in validator(schema_name).iter_errors(document.data):
        fault = _fault(error)
        if document.has_faulty(fault.trail) or fault.trail in of_wrong_type:
            continue
        if fault.keyword == "type":
            of_wrong_type.add(fault.trail)
        yield from _explain(document, fault)


def _fault(error: Any) -> _Fault:
    return _Fault(
        trail=tuple(error.absolute_path),
        keyword=error.validator,
        value=error.instance,
        wanted=error.validator_value,
        schema=error.schema[ABOUT],
        text=error.message,
        is_about_names="propertyNames" in error.absolute_schema_path,
    )


def _explain(document: Document, fault: _Fault) -> Iterator[Finding]:
    trail = fault.trail
    if fault.is_about_names:
        position = document.at_key((*trail, fault.value))
        yield Finding(Problem(position, "wrong-form", f"{key(fault.value)} can't be a name here", _hint(fault)))
    elif fault.keyword == "additionalProperties":
        known = fault.schema["properties"]
        for inner in ((*trail, name) for name in fault.value if name not in known):
            yield Finding(key_problem(document.at_key(inner), inner, known), inner)
    elif fault.keyword == "required":
        yield from _missing(document, fault)
    elif trail != ("peers",) or fault.keyword not in {"minItems", "maxItems"}:  # those the rule mode-roles says better
        rule, message, advice = _EXPLAIN.get(fault.keyword, _other)(fault)
        yield Finding(Problem(document.at(trail), rule, f"{label(trail)} {message}", advice), trail)


def _missing(document: Document, fault: _Fault) -> Iterator[Finding]:
    """Explain a missing key. The schema library reports each in an error of its own, which names it in its text."""
    for name in fault.wanted:
        if name not in fault.value and fault.text.startswith(repr(name)):
            message = f"{label((*fault.trail, name))} is missing"
            advice = f"Add it: {_about(fault.schema['properties'][name])}"
            yield Finding(Problem(document.at(fault.trail), "missing-key", message, advice))


def _about(subschema: Mapping[str, Any]) -> str:
    """Return what a field is, from its schema: its title, and an example or the values that it can have."""
    title = str(subschema.get("title", "see its description in the schema"))
    if "enum" in subschema:
        return f"{title}: {listed(subschema['enum'])}."
    example = subschema.get("examples", [None])[0]
    return f"{title}, for instance {example}." if isinstance(example, str) else f"{title}."


def _hint(fault: _Fault) -> str:
    return str(fault.schema.get("patternErrorMessage", "See its description in the schema."))


def _wrong_type(fault: _Fault) -> Words:
    wanted = _TYPES.get(fault.wanted, str(fault.wanted))
    return "wrong-type", f"must be {wanted}, and is {shown(fault.value, fault.trail)}", _type_advice(fault)


def _type_advice(fault: _Fault) -> str:
    if fault.value is None:
        return "Give it a value, or leave the key out."
    if fault.wanted == "string" and isinstance(fault.value, (bool, int, float)):
        text = "the text" if looks_secret(fault.trail) else shown(fault.value, fault.trail)
        return f'Put it in quotes: "{text}".'
    if fault.wanted == "integer":
        return f"Write a number without quotes, unit or decimal point. {_unit(fault)}".strip()
    if fault.wanted == "boolean":
        return "Write true or false, without quotes."
    if not fault.trail and isinstance(fault.value, list):
        return "Take off the dashes; several relationships in one file are separated by lines of ---."
    if fault.wanted == "array":
        return "Write a list: each item on a line of its own that begins with a dash, or all in [brackets]."
    if fault.wanted == "string":
        return "Write a single value."
    return "Write its keys below it, each on a line of its own as `key: value`, indented by two spaces."


def _unit(fault: _Fault) -> str:
    """Return the sentence of a field's description that says its unit."""
    sentences = str(fault.schema.get("description", "")).split(". ")
    return next((f"{sentence}." for sentence in sentences if sentence.startswith("Unit: ")), "")


def _not_allowed(fault: _Fault) -> Words:
    value, allowed = fault.value, listed(fault.wanted)
    meant = nearest(value, fault.wanted)
    guess = f"Did you mean {meant}? " if meant else ""
    return "value-not-allowed", f"is {shown(value, fault.trail)}, which does not exist", f"{guess}Use {allowed}."


def _wrong_form(fault: _Fault) -> Words:
    last = fault.trail[-1]
    if last in ("control", "url"):
        parsed = urls.parse_control(fault.value) if last == "control" else urls.parse_http(fault.value)
        rule = "credentials-in-url" if "@" in fault.value else "wrong-form"
        reason = parsed if isinstance(parsed, str) else "it has characters that no URL here can have"
        return rule, f"is not a URL that can be used: {reason}", _hint(fault)
    if fault.trail[0] == "peers" and last == "name":
        return "peer-name-trimmed", "begins or ends with a space, which Kea takes off in some places only", _hint(fault)
    return "wrong-form", f"is {shown(fault.value, fault.trail)}, which has the wrong form", _hint(fault)


def _out_of_range(fault: _Fault) -> Words:
    least, most = fault.schema.get("minimum"), fault.schema.get("maximum")
    message = f"is {shown(fault.value, fault.trail)}, which is out of range"
    return "out-of-range", message, f"Use {least} to {most}. {_unit(fault)}".strip()


def _wrong_length(fault: _Fault) -> Words:
    kind = kind_of(fault.value)
    if not fault.value:
        return "wrong-length", "is empty", f"Write {kind} that holds something, or leave the key out."
    what = "characters" if isinstance(fault.value, str) else "items"
    return "wrong-length", f"is {kind} that is too long", f"At most {fault.wanted} {what} are allowed."


def _repeated(_fault: _Fault) -> Words:
    return "repeated-item", "holds the same item twice", "Keep one of them."


def _other(_fault: _Fault) -> Words:
    return "schema", "is not what the schema wants", "See its description: kea-reconciler schema prints it."


_EXPLAIN: dict[str, Callable[[_Fault], Words]] = {
    "type": _wrong_type,
    "enum": _not_allowed,
    "pattern": _wrong_form,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _wrong_length,
    "maxLength": _wrong_length,
    "minItems": _wrong_length,
    "maxItems": _wrong_length,
    "minProperties": _wrong_length,
    "uniqueItems": _repeated,
}
