"""The command line: a file a verb, which parses, calls and prints."""
