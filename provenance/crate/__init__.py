"""Crates: a Run goes in and a Workflow Run RO-Crate comes out, and back; and their validation.

Comes in: a Run, or the path of a crate. Goes out: a crate, a Run, or what the profiles find wrong.
Import the functions from their modules: ``from provenance.crate.write import write``; nothing is
loaded before it is needed.
"""
