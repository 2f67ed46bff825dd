"""What must never be written down: passwords, tokens and keys, told by their names, their form and their files.

In: names, texts, command lines, names of files. Out: whether they hold a credential, or the same text with a marker
in the place of each; the marker says why. Forms of tokens are those that their issuers document. What looks like a
credential and is none costs a word in a record; the other way round costs a password.

This module is what others import; names, forms, texts and command lines have a module each.
"""

from provenance.journal.credential_commands import REMOVED, hide_in_command
from provenance.journal.credential_forms import PRIVATE_KEY
from provenance.journal.credential_names import holds_private_key, is_private_name, looks_like_credential
from provenance.journal.credential_texts import BY_NAME, Span, hide, holds_credential, holds_setting, spans

__all__ = [
    "BY_NAME",
    "PRIVATE_KEY",
    "REMOVED",
    "Span",
    "hide",
    "hide_in_command",
    "holds_credential",
    "holds_private_key",
    "holds_setting",
    "is_private_name",
    "looks_like_credential",
    "spans",
]
