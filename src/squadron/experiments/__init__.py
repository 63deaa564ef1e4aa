"""Run folders and what fills them: prepare, train, evaluate."""
