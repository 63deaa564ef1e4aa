"""Reports, tables and charts of a study, made from its run folders."""
