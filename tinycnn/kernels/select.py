"""Which backend computes: `use_backend`, and the thread count they all share."""
