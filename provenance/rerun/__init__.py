"""Fetch a crate, verify it, rebuild its environment, run it again, and say whether it reproduced."""
