"""Licenses: the SPDX identifier that a name or the text of a license stands for.

In: text as people write it, or the content of a LICENSE file. Out: an SPDX identifier (https://spdx.org/licenses)
where it is known.
"""

from __future__ import annotations

import re

_IDENTIFIERS = [
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSD-4-Clause",
    "BSL-1.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDLA-Permissive-2.0",
    "CECILL-2.1",
    "CECILL-B",
    "CECILL-C",
    "ECL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "LPPL-1.3c",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "MulanPSL-2.0",
    "NCSA",
    "ODbL-1.0",
    "ODC-By-1.0",
    "OFL-1.1",
    "OSL-3.0",
    "PDDL-1.0",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "UPL-1.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "Zlib",
]

# What people write instead, in the form that _plain() gives. "GPL-3.0" alone is the identifier that SPDX has
# deprecated: it does not say whether later versions are allowed, so only what is written is taken.
_OTHER_NAMES = {
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "apachelicense2.0": "Apache-2.0",
    "apachelicenseversion2.0": "Apache-2.0",
    "apachesoftwarelicense": "Apache-2.0",
    "asl2.0": "Apache-2.0",
    "mitlicense": "MIT",
    "themitlicense": "MIT",
    "expat": "MIT",
    "isclicense": "ISC",
    "bsd2": "BSD-2-Clause",
    "bsd2clauselicense": "BSD-2-Clause",
    "simplifiedbsd": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause",
    "bsd3clauselicense": "BSD-3-Clause",
    "newbsd": "BSD-3-Clause",
    "modifiedbsd": "BSD-3-Clause",
    "mpl2": "MPL-2.0",
    "mozillapubliclicense2.0": "MPL-2.0",
    "gplv2": "GPL-2.0-only",
    "gpl2.0": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gpl2.0+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gpl3.0": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "gpl3.0+": "GPL-3.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgpl3.0": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "lgpl3.0+": "LGPL-3.0-or-later",
    "lgpl2.1": "LGPL-2.1-only",
    "lgpl2.1+": "LGPL-2.1-or-later",
    "agplv3": "AGPL-3.0-only",
    "agpl3.0": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "agpl3.0+": "AGPL-3.0-or-later",
    "cc0": "CC0-1.0",
    "ccby": "CC-BY-4.0",
    "ccbysa": "CC-BY-SA-4.0",
    "boostsoftwarelicense1.0": "BSL-1.0",
    "theunlicense": "Unlicense",
}

# The title as it stands in the head of the file, the first that matches counts: the longer names come first,
# since the LGPL and the AGPL name the GPL too.
_TITLES = (
    (r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", "AGPL-3.0-only"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", "LGPL-3.0-only"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1", "LGPL-2.1-only"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 3", "GPL-3.0-only"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 2", "GPL-2.0-only"),
    (r"Apache License,?\s+Version 2\.0", "Apache-2.0"),
    (r"Mozilla Public License,?\s+Version 2\.0", "MPL-2.0"),
    (r"Eclipse Public License\s+-?\s*v\s?2\.0", "EPL-2.0"),
    (r"Eclipse Public License\s+-?\s*v\s?1\.0", "EPL-1.0"),
    (r"European Union Public Licen[cs]e\s+v\. ?1\.2", "EUPL-1.2"),
    (r"CC0 1\.0 Universal", "CC0-1.0"),
    (r"Attribution-NonCommercial-ShareAlike 4\.0 International", "CC-BY-NC-SA-4.0"),
    (r"Attribution-NonCommercial-NoDerivatives 4\.0 International", "CC-BY-NC-ND-4.0"),
    (r"Attribution-NonCommercial 4\.0 International", "CC-BY-NC-4.0"),
    (r"Attribution-ShareAlike 4\.0 International", "CC-BY-SA-4.0"),
    (r"Attribution 4\.0 International", "CC-BY-4.0"),
    (r"Boost Software License - Version 1\.0", "BSL-1.0"),
    (r"Mulan Permissive Software License.{0,12}Version 2", "MulanPSL-2.0"),
)

# Sentences that only that license has; some files bear no title.
_SENTENCES = (
    (r"This is free and unencumbered software released into the public domain", "Unlicense"),
    (
        r"Permission to use, copy, modify, and(?:/or)? distribute this software for any purpose with or "
        r"without fee is hereby granted, provided that the above copyright notice",
        "ISC",
    ),
    (
        r"Permission to use, copy, modify, and/or distribute this software for any purpose with or "
        r"without fee is hereby granted\.",
        "0BSD",
    ),
    (
        r"Permission is hereby granted, free of charge, to any person obtaining a copy of this software "
        r"and associated documentation files.{0,600}The above copyright notice",
        "MIT",
    ),
    (
        r"Redistribution and use in source and binary forms.{0,900}All advertising materials",
        "BSD-4-Clause",
    ),
    (
        r"Redistribution and use in source and binary forms.{0,1200}Neither the name",
        "BSD-3-Clause",
    ),
    (
        r"Redistribution and use in source and binary forms.{0,900}THIS SOFTWARE IS PROVIDED",
        "BSD-2-Clause",
    ),
)
_HEAD = 1500  # characters in which a license bears its title


def _plain(name: str) -> str:
    return re.sub(r"[\s,_()-]+", "", name.lower())


_KNOWN = {**_OTHER_NAMES, **{_plain(identifier): identifier for identifier in _IDENTIFIERS}}


def spdx_identifier(name: str) -> str | None:
    """Return the SPDX identifier that ``name`` stands for ("apache 2.0" -> "Apache-2.0"), None when unknown."""
    return _KNOWN.get(_plain(name))


def recognise(text: str) -> str | None:
    """Return the SPDX identifier of a license by its text, None when it is not one of the common ones.

    Whether later versions of a GNU license are allowed is said where it is applied, not in its text: the
    ``-only`` identifier, which promises less, is returned.
    """
    flat = " ".join(text.split())
    for pattern, identifier in _TITLES:
        if re.search(pattern, flat[:_HEAD], re.I):
            return identifier
    for pattern, identifier in _SENTENCES:
        if re.search(pattern, flat[: 4 * _HEAD], re.I):
            return identifier
    return None
