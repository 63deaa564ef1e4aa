"""The quick study on the embedded base and questions: baseline, one adapter, decoding strategies, mistakes, a page."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from squadron.errors import InterruptedRunError, RunError
from squadron.experiments.evaluate import evaluate
from squadron.experiments.options import DemoOptions, EvaluateOptions, PrepareOptions, TrainOptions, checked
from squadron.experiments.prepare import prepare
from squadron.experiments.progress import Reporter
from squadron.experiments.train import train
from squadron.files import write_json
from squadron.pocket.base import NAME
from squadron.reporting.page import write_page
from squadron.training.precision import resolve_device, resolve_precision

MARK = "demo.json"
STRATEGIES = ("greedy", "span", "top-k", "nucleus", "temperature")


def demo(options: DemoOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Run the quick study; return baseline and tuned scores, and where the page lies."""
    reporter = reporter or Reporter()
    resolve_precision(options.precision, resolve_device(options.device))  # says what cannot be before anything goes
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not options.replace:
            raise RunError(f"--out {out}: exists already; add --replace, or choose another folder")
        if not (out / MARK).is_file():
            raise RunError(f"--out {out}: not a folder that `demo` made ({MARK} is missing); choose another")
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    began = time.monotonic()
    write_json(out / MARK, options.model_dump(mode="json"))
    data, run, page = out / "data", out / "runs" / "r4-attention", out / "report" / "index.html"
    common = {"seed": options.seed, "device": options.device, "precision": options.precision}
    tested = {"split": "test", **common}
    sizes = {"train_size": options.train_size, "test_size": options.test_size, "seed": options.seed}
    prepare(checked(PrepareOptions, {"dataset": NAME, "out": str(data), **sizes}))
    reporter.note("the untouched base:")
    base_only = {"base": NAME, "data": str(data), "out": str(out / "baseline"), **tested}
    baseline = evaluate(checked(EvaluateOptions, base_only), reporter=reporter)
    reporter.note("one adapter, rank 4, attention:")
    training = {"base": NAME, "data": str(data), "out": str(run), "epochs": options.epochs, **common}
    try:
        trained = train(checked(TrainOptions, training), reporter=reporter)
    except InterruptedRunError:
        raise InterruptedRunError(f"{out}: the demo was stopped; run it again with --replace") from None
    adapted = {"run": str(run), "decoding": STRATEGIES, **tested}
    tuned = evaluate(checked(EvaluateOptions, adapted), reporter=reporter)
    write_page(out, page, baseline="baseline", runs=[str(run.relative_to(out))])
    return {
        "baseline": baseline["decodings"]["greedy"],
        "tuned": tuned["decodings"],
        "run": trained["run"],
        "report": str(page),
        "seconds": time.monotonic() - began,
    }
