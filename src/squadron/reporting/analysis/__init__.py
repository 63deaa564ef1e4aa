"""Analysis of a study: typed findings, from which sentences, tables and charts are made."""
