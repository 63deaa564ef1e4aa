"""The libraries of the package's extras: a verb that lacks one says which command installs it."""

from __future__ import annotations

import importlib.util

from squadron.errors import ConfigError


def require_extra(what: str, extra: str, *modules: str) -> None:
    """Raise :class:`ConfigError` with the command that installs ``extra`` if one of its modules is not there.

    ``what`` is the verb or the option that needs them.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        are = "are" if len(missing) > 1 else "is"
        raise ConfigError(
            f"{what}: {' and '.join(missing)} {are} not installed; get it with: pip install 'squadron[{extra}]'"
        )
