"""The particulars of a report: what stands on its cover, on the command line or in a sweep's configuration."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_LONGEST = 300


def _as_text(value: Any) -> Any:
    """Return a number as text: a student id or a year is one in YAML."""
    return str(value) if type(value) is int else value


_Line = Annotated[str, BeforeValidator(_as_text), Field(max_length=_LONGEST)]


class Particulars(BaseModel):
    """What a report says of itself; what is absent is left out, and an empty text removes what the sweep has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: _Line | None = Field(None, description="Title of the report. Default: one made from the study.")
    author: _Line | None = Field(None, description="Author of the report.")
    student_id: _Line | None = Field(None, description="The author's student ID.")
    supervisor: _Line | None = Field(None, description="Supervisor of the work.")
    university: _Line | None = Field(None, description="University, with the department if wanted.")
    course: _Line | None = Field(None, description="Course for which the report is written.")
    term: _Line | None = Field(None, description="Term, such as Fall 2026.")
    date: _Line | None = Field(
        None, description="Date of the report: YYYY-MM-DD, or any text. Default: when the study began."
    )


def given_particulars(options: Particulars) -> dict[str, str]:
    """Return the particulars that were given, by name, without the other options of ``options``."""
    return options.model_dump(include=set(Particulars.model_fields), exclude_none=True)
