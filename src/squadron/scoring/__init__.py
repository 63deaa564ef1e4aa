"""EM and F1 as in the official evaluation, intervals, paired tests and thresholds, without torch."""
