"""EM and F1 as in the official evaluation, P(gold), intervals, paired tests and thresholds, without torch."""
