"""The model: GPT-2, its LoRA adapters, checkpoints and tokenizer."""
