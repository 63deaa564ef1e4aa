"""The sentences, number formats and dates of each language."""
