"""EM/F1 as the official evaluation, intervals, paired tests, thresholds; no torch here."""
