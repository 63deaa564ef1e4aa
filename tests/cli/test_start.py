"""The command line starts without loading modules that a help text does not need."""

from __future__ import annotations

import subprocess
import sys


def test_help_loads_no_torch() -> None:
    code = (
        "import sys, squadron.cli.main as m; m.build(); print([n for n in ('torch', 'datasets') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
