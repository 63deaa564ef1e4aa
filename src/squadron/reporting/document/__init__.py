"""The report as a document: blocks of text, tables and figures, independent of any output format."""
