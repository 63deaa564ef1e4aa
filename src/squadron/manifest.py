"""The typed contents of ``data.json``, the manifest of the folder that ``prepare`` writes.

They are apart from :mod:`squadron.data.prepared`, so that :mod:`squadron.data` can be imported without pydantic.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from squadron.errors import DataError, SquadronError
from squadron.file_records import Count, HubFacts, RecordPart, VersionedFile


class PreparedSplit(RecordPart):
    """A split's file and its size, as ``data.json`` has them."""

    file: str
    questions: Count
    paragraphs: Count | None = None
    sha256: str
    hub: HubFacts | None = None


class ManifestFile(VersionedFile):
    """``data.json``."""

    what: ClassVar[str] = "the manifest that `squadron prepare` writes"
    next_step: ClassVar[str] = "prepare the data again"
    error: ClassVar[type[SquadronError]] = DataError
    source: str | None = None
    version: str | None = None
    splits: dict[str, PreparedSplit]
    set_aside: list[str] = Field(default_factory=list)
