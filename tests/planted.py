"""Credentials that are planted where users leave them, to look for them afterwards; made by joining parts.

None of them is real, and none stands in this file as a whole, so that no scanner of repositories trips over it.
"""

from __future__ import annotations

import random
import string


def token(prefix: str, length: int, seed: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Make a token: its prefix, then letters and digits in turn as chance has them, always some of both."""
    chance = random.Random(seed)
    body = "".join(chance.choice(alphabet) for _ in range(length - 2))
    return prefix + body[: length // 2] + "7" + body[length // 2 :] + "a"


def password(seed: int) -> str:
    """Make a password as people choose them."""
    chance = random.Random(seed)
    return "".join(chance.choice(string.ascii_lowercase) for _ in range(7)) + str(chance.randrange(1000, 9999)) + "x"


def private_key(seed: int, kind: str = "RSA") -> str:
    """Make a text that has the form of a private key."""
    lines = "\n".join(token("", 64, seed * 100 + number) for number in range(4))
    dashes = "-" * 5
    return f"{dashes}BEGIN {kind} PRIVATE KEY{dashes}\n{lines}\n{dashes}END {kind} PRIVATE KEY{dashes}\n"


def jwt(seed: int) -> str:
    """Make a text that has the form of a JSON web token."""
    return ".".join(("ey" + "J" + token("", 17, seed), "ey" + "J" + token("", 40, seed + 1), token("", 43, seed + 2)))


def github(seed: int) -> str:
    """Make a text that has the form of a GitHub token."""
    return token("gh" + "p_", 36, seed)


def gitlab(seed: int) -> str:
    """Make a text that has the form of a GitLab token."""
    return token("gl" + "pat-", 20, seed)


def slack(seed: int) -> str:
    """Make a text that has the form of a Slack token."""
    return token("xo" + "xb-", 40, seed)


def hugging_face(seed: int) -> str:
    """Make a text that has the form of a Hugging Face token."""
    return token("h" + "f_", 34, seed)


def access_key(seed: int) -> str:
    """Make a text that has the form of an AWS access key id."""
    return token("AK" + "IA", 16, seed, string.ascii_uppercase + string.digits)[:19].upper() + "Q"
