"""A report as a document: blocks of text, tables and figures, before any format."""
