"""The options in which the runs of a sweep may differ."""

from __future__ import annotations

from collections.abc import Mapping

from squadron.options.core import ROLES
from squadron.options.roles import Role

_AXES: list[tuple[str, str, Role]] = sorted(
    ((role.axis_name or field, field, role) for field, role in ROLES.items() if role.axis is not None),
    key=lambda one: one[2].place,
)
AXES: Mapping[str, str] = {axis: field for axis, field, _ in _AXES}
"""Every axis with the option of ``train`` that it sets, in their order in run names."""

NAME_PARTS: Mapping[str, str] = {axis: role.axis or "" for axis, _, role in _AXES}
"""The prefix of each axis's value in run names."""

ADAPTER_AXES: Mapping[str, str] = {axis: field for axis, field, role in _AXES if role.adapter}
"""The axes of adapters, which do not apply if all weights are trained."""

RENAMED: Mapping[str, str] = {axis: field for axis, field in AXES.items() if axis != field}
"""The axes whose name differs from that of the option that they set."""
