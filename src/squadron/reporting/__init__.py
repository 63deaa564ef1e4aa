"""What a person reads, made from run folders and nothing else."""
