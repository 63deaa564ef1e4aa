"""Section ``decode``: answers of many adapters to many questions."""

from __future__ import annotations

import functools
import time

from gpu_sections.laws_decoding import random_adapters
from gpu_sections.setting import Cases, Figures, PeakMemory, Setting
from gpu_sections.texts import contexts
from squadron.decoding.generate import generate
from squadron.decoding.strategies import STRATEGIES, resolve_strategies
from squadron.model.fleet import Fleet

MOST_SECONDS = 25.0
"""A case that takes longer is stopped; its rate is that of the questions answered until then."""


class _Enough(Exception):  # noqa: N818  (it is no error)
    """The time of a case is over."""


def cases(setting: Setting) -> Cases:
    """Yield greedy decoding for every size of fleet, then every strategy for the middle one on fewer questions."""
    sizes = setting.sizes
    fleets = sorted(sizes.fleets, reverse=True)
    for size in fleets:
        yield f"{size}, greedy", functools.partial(decode, setting, size, "greedy", sizes.paragraphs)
    for name in STRATEGIES:
        fewer = max(1, sizes.paragraphs // 10)
        middle = fleets[len(fleets) // 2]
        yield f"{middle}, {name}, fewer", functools.partial(decode, setting, middle, name, fewer)


def decode(setting: Setting, size: int, strategy: str, paragraphs: int) -> Figures:
    """Measure the answers of ``size`` adapters to all questions of ``paragraphs`` paragraphs.

    On random weights EOS is as unlikely as any other token, so nearly every answer has all its tokens. ``answered`` is
    below ``questions`` if time was over.
    """
    sizes = setting.sizes
    model = setting.model()
    memory = PeakMemory(setting)
    fleet = Fleet.from_weights(sizes.base, random_adapters(sizes.base, size), device=setting.device)
    longest = min(900, sizes.base.n_positions - sizes.new_tokens - 50)
    asked = contexts(sizes.base.vocab_size, paragraphs, sizes.questions, longest=longest, scale=sizes.scale)
    how = {
        "strategies": resolve_strategies([strategy]),
        "max_new_tokens": sizes.new_tokens,
        "eos_id": sizes.base.vocab_size - 1,
        "fleet": fleet,
    }
    generate(model, asked[:2], **how)  # type: ignore[arg-type]
    setting.synchronize()
    began, answered, seconds = time.perf_counter(), 0, 0.0

    def note(done: int) -> None:
        nonlocal answered, seconds
        answered, seconds = done, time.perf_counter() - began
        if seconds > MOST_SECONDS:
            raise _Enough

    length = None
    try:
        answers = generate(model, asked, progress=note, **how)  # type: ignore[arg-type]
        setting.synchronize()
        seconds = time.perf_counter() - began
        found = [own for adapter in answers[strategy] for samples in adapter.values() for own in samples]
        length = sum(len(own.tokens) for own in found) / len(found)
    except _Enough:
        pass
    return {
        "adapters": size,
        "questions": paragraphs * sizes.questions,
        "answered": answered,
        "seconds": seconds,
        "answers_per_second": size * answered / seconds,
        "tokens_per_answer": length,
        "peak_bytes": memory.read(),
    }
