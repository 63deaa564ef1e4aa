"""Sections of the report. Each adds its blocks to a draft; the sentences depend on the findings."""
