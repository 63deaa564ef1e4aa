"""Run and sweep folders on the disk: their layout, their records, and the reader of these."""
