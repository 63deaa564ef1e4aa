"""The command line: one module per verb, which parses options, calls the library and prints the result."""
