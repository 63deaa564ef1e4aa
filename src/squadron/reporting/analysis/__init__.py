"""What a study's numbers support, and no more: typed findings from which sentences, tables and charts are chosen."""
