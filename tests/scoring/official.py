"""The official SQuAD v1.1 and v2.0 evaluations, written again from their definitions, in plain loops.

An oracle: it shares nothing with the package, and prefers being evident to being fast. Scores are 0 to 1 for one
answer and points, 0 to 100, for a set. ``golds`` maps a question's id to its answers; no answers means unanswerable.
"""

from __future__ import annotations

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def normalize(text: str) -> str:
    kept = ""
    for character in text.lower():
        if character not in PUNCTUATION:
            kept += character
    # A word, to a regular expression, is a longest run of letters and digits; an article is a whole such run.
    without_articles, run = "", ""
    for character in [*kept, " "]:
        if character.isalnum():
            run += character
            continue
        without_articles += " " if run in ("a", "an", "the") else run
        without_articles += character
        run = ""
    return " ".join(without_articles.split())


def exact(prediction: str, gold: str) -> int:
    return 1 if normalize(prediction) == normalize(gold) else 0


def shared_words(prediction: list[str], gold: list[str]) -> int:
    left, shared = list(gold), 0
    for word in prediction:
        if word in left:
            left.remove(word)
            shared += 1
    return shared


def f1_v1(prediction: str, gold: str) -> float:
    words, gold_words = normalize(prediction).split(), normalize(gold).split()
    shared = shared_words(words, gold_words)
    if shared == 0:
        return 0.0
    precision, recall = shared / len(words), shared / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def f1_v2(prediction: str, gold: str) -> float:
    words, gold_words = normalize(prediction).split(), normalize(gold).split()
    if not words or not gold_words:
        return 1.0 if words == gold_words else 0.0
    return f1_v1(prediction, gold)


def answer_v1(prediction: str, golds: list[str]) -> tuple[int, float]:
    return max(exact(prediction, gold) for gold in golds), max(f1_v1(prediction, gold) for gold in golds)


def answer_v2(prediction: str, golds: list[str]) -> tuple[int, float]:
    candidates = [gold for gold in golds if normalize(gold) != ""]
    if not candidates:
        candidates = [""]
    return max(exact(prediction, gold) for gold in candidates), max(f1_v2(prediction, gold) for gold in candidates)


def evaluate_v1(predictions: dict[str, str], golds: dict[str, list[str]]) -> dict[str, float]:
    total_exact = total_f1 = 0.0
    for question, answers in golds.items():
        if question in predictions:
            exact_match, f1 = answer_v1(predictions[question], answers)
            total_exact += exact_match
            total_f1 += f1
    return {"exact_match": 100.0 * total_exact / len(golds), "f1": 100.0 * total_f1 / len(golds)}


def evaluate_v2(
    predictions: dict[str, str], golds: dict[str, list[str]], doubts: dict[str, float], threshold: float
) -> dict[str, float]:
    """Evaluate; every question must have a prediction, as in the official script, whose names the result uses."""
    raw = {question: answer_v2(predictions[question], answers) for question, answers in golds.items()}
    final = {}
    for question, pair in raw.items():
        if doubts[question] > threshold:
            pair = (0, 0.0) if golds[question] else (1, 1.0)
        final[question] = pair
    result = {}
    for prefix, chosen in (
        ("", list(golds)),
        ("HasAns_", [question for question in golds if golds[question]]),
        ("NoAns_", [question for question in golds if not golds[question]]),
    ):
        if chosen:
            result[prefix + "exact"] = 100.0 * sum(final[question][0] for question in chosen) / len(chosen)
            result[prefix + "f1"] = 100.0 * sum(final[question][1] for question in chosen) / len(chosen)
            result[prefix + "total"] = len(chosen)
    for place, name in enumerate(("exact", "f1")):
        current = best = float(sum(1 for answers in golds.values() if not answers))
        best_at = 0.0
        for question in sorted(doubts, key=lambda question: doubts[question]):
            if question not in raw:
                continue
            if golds[question]:
                current += raw[question][place]
            elif predictions[question]:
                current -= 1
            if current > best:
                best, best_at = current, doubts[question]
        result["best_" + name] = 100.0 * best / len(raw)
        result["best_" + name + "_thresh"] = best_at
    return result
