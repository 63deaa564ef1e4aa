"""A study's charts as Vega-Lite specifications, which serve the interactive page, the PDF and the image files."""
