"""What lies on the disk: the layout of run and sweep folders, their records, and the reader of them."""
