"""A report in the words, figures and dates of its language."""
