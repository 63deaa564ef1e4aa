"""The model card of an export: ``README.md`` with the hub's front matter, made of records, without any path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from squadron.data.prompt import prompt_text
from squadron.experiments.public_name import PublicBase
from squadron.runs.reader import DecodingScores, ScoresFile

_LICENSES = {
    "openai-community/gpt2": "MIT",
    "openai-community/gpt2-medium": "MIT",
    "openai-community/gpt2-large": "MIT",
    "openai-community/gpt2-xl": "MIT",
    "rajpurkar/squad": "CC BY-SA 4.0",
    "rajpurkar/squad_v2": "CC BY-SA 4.0",
    "pocket": "Apache-2.0",
}
"""Licences of known bases and data sets."""
_METRICS = (("exact_match", "Exact match"), ("f1", "F1"))


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of one strategy on one split; ``settings`` are those of decoding."""

    split: str
    decoding: str
    scores: DecodingScores
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card tells. ``parts`` are the formats at hand, the one in the folder itself first: ``adapter``,
    ``model`` (all weights were trained), ``merged``, or ``merged`` and ``adapter``.

    ``name`` is a repository, or the folder's name. ``data`` describes the training questions as a run's record does.
    """

    name: str
    parts: tuple[str, ...]
    base: PublicBase
    base_sha256: str
    license: str | None
    settings: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    scored: tuple[Scored, ...] = ()
    origin: str | None = None

    @property
    def dataset(self) -> str | None:
        """The data set's id on the hub; None if it is not from there."""
        hub = self.data.get("hub")
        return hub["id"] if hub else None


def scored_by(scores: ScoresFile, weights_sha256: str) -> tuple[Scored, ...]:
    """Return the scores of the weights with this SHA-256."""
    found = []
    for split, own in scores.splits.items():
        if own.adapter_sha256 == weights_sha256:
            for decoding, record in own.decodings.items():
                settings = scores.content["splits"][split]["decodings"][decoding].get("settings", {})
                found.append(Scored(split, decoding, record, settings))
    return tuple(found)


def model_card(facts: CardFacts) -> str:
    """Return the text of the card."""
    sections = [_about(facts), _loading(facts), _scores(facts), _training(facts), _limits(facts), _license(facts)]
    return f"---\n{_front_matter(facts)}\n---\n\n# {facts.name}\n\n" + "\n\n".join(sections) + "\n"


def _front_matter(facts: CardFacts) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    is_adapter = facts.parts[0] == "adapter"
    results = [
        EvalResult(
            task_type="question-answering",
            dataset_type=facts.dataset if facts.dataset and _is_own(one.split) else "custom",
            dataset_name=facts.dataset if facts.dataset and _is_own(one.split) else one.split,
            dataset_split=one.split,
            metric_type=metric,
            metric_value=round(getattr(one.scores, metric), 3),
            metric_name=f"{title} ({one.decoding})",
            metric_args=_interval_facts(one, metric),
        )
        for one in facts.scored
        for metric, title in _METRICS
    ]
    known: dict[str, Any] = {
        "license": facts.license,
        "base_model": facts.base.id,
        "base_model_relation": None if facts.base.id is None else "adapter" if is_adapter else "finetune",
        "datasets": [facts.dataset] if facts.dataset else None,
    }
    return ModelCardData(
        library_name="peft" if is_adapter else "transformers",
        pipeline_tag="text-generation",
        tags=["gpt2", "question-answering", "squadron", *(["lora", "peft"] if is_adapter else [])],
        model_name=facts.name if results else None,
        eval_results=results or None,
        **{key: value for key, value in known.items() if value is not None},
    ).to_yaml()


def _is_own(split: str) -> bool:
    """Return True for a split of the data that was trained on; others are called DATA.SPLIT or by their file."""
    return "." not in split


def _interval_facts(one: Scored, metric: str) -> dict[str, Any]:
    ends = getattr(one.scores, f"{metric}_interval")
    interval = {"interval_95": [round(end, 3) for end in ends]} if ends else {}
    facts = {"decoding": one.decoding, "questions": one.scores.questions, "normalize": one.scores.normalize}
    return {**facts, **interval}


def _about(facts: CardFacts) -> str:
    what = {
        ("adapter",): "A LoRA adapter for",
        ("model",): "A fine-tuned",
        ("merged",): "A merged checkpoint (base and LoRA adapter as one) of",
        ("merged", "adapter"): "A merged checkpoint, with its LoRA adapter in `adapter/`, of",
    }[facts.parts]
    origin = f" It was made from the adapter {facts.origin}." if facts.origin else ""
    return (
        f"{what} {facts.base.text}, which answers a question from a paragraph, as in SQuAD.{origin}\n\n"
        f"The base's weights have the sha256 `{facts.base_sha256}`. The prompt is, byte for byte:\n\n"
        f"```text\n{prompt_text('{context}', '{question}')}\n```\n\n"
        f"The answer follows, after a space, and ends with the end-of-text token."
    )


def _loading(facts: CardFacts) -> str:
    ways = []
    name, base = facts.name, facts.base
    if facts.parts[0] != "adapter":
        code = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
            f'model = AutoModelForCausalLM.from_pretrained("{name}")',
        ]
        ways.append(_way("transformers", code, f"--base {name}"))
    if "adapter" in facts.parts:
        revision = f', revision="{base.commit}"' if base.commit else ""
        within = "" if facts.parts[0] == "adapter" else ', subfolder="adapter"'
        code = [
            "from peft import PeftModel; from transformers import AutoModelForCausalLM",
            f'base = AutoModelForCausalLM.from_pretrained("{base.id or base.name}"{revision})',
            f'model = PeftModel.from_pretrained(base, "{name}"{within})',
        ]
        at = f"{base.id}@{base.commit}" if base.id else base.name
        ways.append(_way("peft", code, f"--base {at} --adapter {name}"))
    return "## Use\n\n" + "\n\n".join(ways)


def _way(library: str, code: list[str], model: str) -> str:
    """Return how to load a model with a library, and with Squadron by these options."""
    python = "\n".join(code)
    return (
        f"With `{library}`:\n\n```python\n{python}\n```\n\n"
        f"With Squadron, which makes the prompt and gives the answer's place:\n\n"
        f'```sh\nsquadron ask "Who?" --context text.txt {model}\n```'
    )


def _scores(facts: CardFacts) -> str:
    if not facts.scored:
        return "## Scores\n\nNot evaluated."
    rows = [
        f"| {one.split} | {one.decoding} | {_points(one, 'exact_match')} | {_points(one, 'f1')} | "
        f"{one.scores.questions:,} |"
        for one in facts.scored
    ]
    how = "; ".join(dict.fromkeys(_decoding(one) for one in facts.scored))
    return (
        f"## Scores\n\nExact match and F1 {_definition(facts)}, in points, with 95% intervals over the "
        "questions.\n\n| split | decoding | exact match | F1 | questions |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nDecoding: {how}."
    )


def _definition(facts: CardFacts) -> str:
    """Return by which definition the scores are; in files of scores, each strategy has its own."""
    rules = {one.scores.normalize for one in facts.scored}
    if rules == {"official"}:
        return "by SQuAD's official definitions"
    named = "; ".join(
        dict.fromkeys(f"{one.split} by {one.decoding}: {one.scores.normalize}" for one in facts.scored)
        if len(rules) > 1
        else rules
    )
    return f"by SQuAD's definitions after Squadron's normalization of answers ({named}), not the official one"


def _points(one: Scored, metric: str) -> str:
    ends = getattr(one.scores, f"{metric}_interval")
    shown = f" ({ends[0]:.1f}–{ends[1]:.1f})" if ends else ""
    return f"{getattr(one.scores, metric):.2f}{shown}"


def _decoding(one: Scored) -> str:
    keys = ("top_k", "top_p", "min_p", "temperature", "beams", "max_new_tokens")
    told = [f"{key} {value}" for key in keys if (value := one.settings.get(key)) is not None]
    return f"{one.decoding} ({', '.join(told)})" if told else one.decoding


def _training(facts: CardFacts) -> str:
    lines = ["## Training", ""]
    if facts.data:
        hub = facts.data.get("hub")
        source = f"{hub['id']} at commit `{hub['commit']}`" if hub else "data that is not on the hub"
        count = f"{facts.data['questions']:,} questions" if facts.data.get("questions") else "Questions"
        lines += [f"{count} of {source} (sha256 of the file `{facts.data['sha256']}`).", ""]
    lines += ["| setting | value |", "|---|---|", *_rows(facts.settings)]
    return "\n".join(lines)


def _rows(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"| {key} | {shown.replace('|', '&#124;').replace(chr(10), ' ')} |"


def _limits(facts: CardFacts) -> str:
    few = [one.scores.questions for one in facts.scored if one.scores.questions < 1000]
    noise = f" Some scores are of {min(few):,} questions only: mind their intervals." if few else ""
    return (
        "## Limits\n\nThe model continues text: it can answer wrongly, with words that are not in the paragraph, or "
        "where there is no answer, and its probabilities are not calibrated. Paragraphs must fit the base's context "
        "window. It knows the language and the kind of text that it was trained on, has the biases of its base and its "
        f"data, and is not for decisions about people.{noise}"
    )


def _license(facts: CardFacts) -> str:
    own = (
        f"This {facts.parts[0]}: {facts.license}."
        if facts.license
        else f"No licence was stated for this {facts.parts[0]}."
    )
    terms = [
        f"{name} is under {_LICENSES[name]}."
        for name in (facts.base.id or facts.base.name, facts.dataset)
        if name in _LICENSES
    ]
    return " ".join(["## Licence\n\n" + own, *terms])
