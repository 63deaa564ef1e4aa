"""The playground: a page on this machine to ask a base and adapters, and to look around in runs."""
