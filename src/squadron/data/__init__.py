"""SQuAD data: sources, validation, splits, the prompt and its truncation, context trees, batches."""
