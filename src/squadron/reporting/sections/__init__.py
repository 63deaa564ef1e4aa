"""The report's sections, in order. Each adds its blocks to a draft; what is said depends on what was found."""
