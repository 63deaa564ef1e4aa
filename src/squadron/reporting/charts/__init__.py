"""A study's charts as Vega-Lite specifications: one serves the interactive page, the PDF and the picture files."""
