"""Python: interpreters, the distributions in their environments, and the lock that rebuilds them."""
