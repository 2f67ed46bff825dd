"""Registries: from a crate to a published workflow, with nothing left to surprise anyone."""
