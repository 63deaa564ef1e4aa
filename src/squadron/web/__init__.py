"""The playground: a local web page for asking a base and its adapters, and for viewing runs."""
