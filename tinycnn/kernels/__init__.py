"""The kernels: ndarrays in, ndarrays out. `spec.KernelSet` is the interface, `select` chooses the backend."""
