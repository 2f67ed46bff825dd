"""What must not leave the house: credentials, and the names of people, accounts and machines.

Comes in: text, and the names that are already known. Goes out: what was found in it and where, the text without
credentials, the text with pseudonyms. Knows nothing of crates and runs. Import the functions from their modules.
"""
