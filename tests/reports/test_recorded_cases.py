"""Recorded cases in every form, compared whole."""

from __future__ import annotations

import pytest

from tests.reports.recorded import FOLDER, FORMS, NAMES, planned


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_a_recorded_case_is_this_text(name: str, form: str) -> None:
    assert FORMS[form](planned(name)) + "\n" == (FOLDER / name / form).read_text(encoding="utf-8")


def test_every_recorded_file_is_looked_at() -> None:
    found = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert found == {f"{name}/{form}" for name in NAMES for form in FORMS}
