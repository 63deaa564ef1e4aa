"""The engine's parts for accelerators: what a batch determines, and fused operators with their Triton kernels."""
