"""Training: loss, optimizer, learning rate, precision, and the steps of a fleet with checkpoints."""
