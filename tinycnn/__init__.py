"""tinycnn: a light CNN framework for the CPU."""
