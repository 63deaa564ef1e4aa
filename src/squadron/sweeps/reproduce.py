"""Run the whole study: questions, baseline, sweep, decoding comparison, failure analysis, reports.

Its folder is that of a sweep with reports in it. The same command again resumes the study.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from squadron.errors import InterruptedRunError, RunError, option
from squadron.options.core import DemoOptions
from squadron.options.particulars import Particulars, given_particulars
from squadron.options.sweep import ReproduceOptions, SweepOptions
from squadron.pocket.base import NAME as POCKET
from squadron.reporting.report import write_reports
from squadron.runs.layout import SCORES
from squadron.runs.reader import ScoresFile
from squadron.sweeps.grid import read_sweep
from squadron.sweeps.sweep import sweep
from squadron.tracking.events import Listener
from squadron.tracking.progress import Reporter


def reproduce(
    options: ReproduceOptions,
    *,
    replace: bool = False,
    reporter: Reporter | None = None,
    listeners: Sequence[Listener] = (),
) -> dict[str, Any]:
    """Run a preset's study and write its reports; return baseline and best scores, all runs, and the reports' paths.

    An existing study in ``options.out`` is resumed, unless ``replace`` is set. Raises a
    :class:`squadron.errors.SquadronError` for any problem that a user can cause; runs that fail or diverge are listed
    with the reason in the result and in the reports.
    """
    began = time.monotonic()
    reporter = reporter or Reporter()
    particulars = given_particulars(options)
    settings = options.model_dump(exclude={"preset", "languages", "formats", *Particulars.model_fields})
    try:
        swept = sweep(
            SweepOptions(config=options.preset, **settings),
            resume=not replace,
            replace=replace,
            reporter=reporter,
            listeners=listeners,
            particulars=particulars,
        )
    except InterruptedRunError:
        raise InterruptedRunError(
            f"{options.out}: the study was stopped; "
            f"nothing is lost: run the same command again, without {option('replace')}"
        ) from None
    out = Path(options.out)
    if swept["best"] is None:
        raise RunError(
            f"{out}: no run of the study finished with scores, so there is nothing to report; "
            f"see: squadron runs {shlex.quote(str(out))}"
        )
    paths = write_reports(
        out,
        options.languages,
        options.formats,
        particulars=particulars,
        starting=lambda language, form: reporter.note(f"writing the report: {language}, {form}"),
    )
    reports = [{"lang": language, "format": form, "path": str(path)} for (language, form), path in paths.items()]
    final = read_sweep(options.preset).config.best
    assert final is not None, options.preset  # a test checks that every preset has it
    return {
        "out": str(out),
        "preset": options.preset,
        "status": swept["status"],
        "split": final.split,
        "normalize": swept["normalize"],
        "baseline": _decodings(out / "baseline", final.split),
        "best": swept["best"],
        "tuned": _decodings(out / "runs" / swept["best"], final.split),
        "winner": swept["winner"],
        "runs": swept["runs"],
        "leaderboard": swept["leaderboard"],
        "reports": reports,
        "seconds": time.monotonic() - began,
    }


def demo(
    options: DemoOptions, *, reporter: Reporter | None = None, listeners: Sequence[Listener] = ()
) -> dict[str, Any]:
    """Run the quick study on the embedded base and questions: :func:`reproduce` with fixed choices."""
    settings = options.model_dump(exclude={"replace"})
    whole = ReproduceOptions(preset="quick", base=POCKET, dataset=POCKET, **settings)
    return reproduce(whole, replace=options.replace, reporter=reporter, listeners=listeners)


def _decodings(folder: Path, split: str) -> dict[str, Any]:
    """Return the scores of every decoding strategy on a split."""
    found: dict[str, Any] = ScoresFile.read(folder / SCORES).content["splits"][split]["decodings"]
    return found
