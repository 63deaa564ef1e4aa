"""``python -m squadron``."""

from squadron.cli.main import main

main()
