"""Training: loss, optimizer, learning-rate schedules, precision, training steps and checkpoints."""
