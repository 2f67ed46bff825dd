"""The forms of credentials: passwords in addresses, headers, private keys, and the tokens that issuers document.

A form is a reason, marks and a pattern. The pattern's first group that matched is what must not be shown. A text
without any of the marks (in lower case) can't have the form, which is asked first, as almost all texts are harmless.
:mod:`provenance.journal.credentials` applies them; the same forms are known to the shim (``secrets.h``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Pattern, Tuple


class Form(NamedTuple):
    """How one kind of credential looks."""

    reason: str
    marks: Tuple[str, ...]  # lower case; a text without any of them has no such credential; () is asked always
    pattern: str
    shortest: int = 0  # characters of the shortest text that has one
    literal: str = ""  # stands in each text that has one; for a form without marks

    def compiled(self) -> Pattern[str]:
        """Return the pattern, compiled when it is first needed."""
        return _compiled(self.pattern)


@lru_cache(maxsize=None)
def _compiled(pattern: str) -> Pattern[str]:
    return re.compile(pattern, re.S)


# What stands for a value without being one: a variable, a template, a marker of ours.
PLACEHOLDER = r"(?![${<*%\[])"

# Beginnings of tokens, and what follows them. Some are words of ordinary names too: those must have a digit.
_PREFIXED = (
    r"gh[pousr]_\w{16,}|github_pat_\w{20,}"
    r"|gl(?:pat|oas|rt|dt|cbt|ptt|ft|imt|agent|soat|sa|c)[-_](?=[\w-]*\d)[\w-]{15,}|GR1348941[\w-]{15,}"
    r"|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|hf_(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}|hf_[A-Za-z]{34}|sk-(?=[A-Za-z_-]*\d)[\w-]{20,}|gsk_\w{20,}"
    r"|[rs]k_(?:live|test)_\w{16,}|whsec_\w{20,}|npm_\w{30,}|pypi-Ag[\w-]{28,}|AIza[\w-]{35}|ya29\.[\w-]{20,}"
    r"|GOCSPX-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|sq0[a-z]{3}-[\w\\-]{20,}|dckr_pat_[\w-]{20,}|dop_v1_\w{32,}"
    r"|dapi[0-9a-f]{32}|hv[sb]\.[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{20,}|ATATT3[\w=-]{20,}"
)
_MARKS_OF_PREFIXED = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat", "gloas", "glrt", "gldt", "glcbt", "glptt"),
    *("glft", "glimt", "glagent", "glsoat", "glsa", "glc_", "gr1348941", "xox", "xapp-", "hf_", "sk-", "gsk_"),
    *("k_live_", "k_test_", "whsec_", "npm_", "pypi-ag", "aiza", "ya29.", "gocspx-", "sg.", "sq0", "dckr_pat_"),
    *("dop_v1_", "dapi", "hvs.", "hvb.", "age-secret-key-", "atatt3"),
)
_GIVEN = r"[\"']?\]?\s*(?:=>|:=|::|[=: ])\s*[\"']?"
PRIVATE_KEY = "private key"  # the reason
# Code that speaks of private keys has the first line alone: what follows must look like a key.
_KEY_BEGINS = r"----[- ]BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?[ -]----"
_KEY_ENDS = r"----[- ]END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*[ -]----"
_KEY_BODY = r"(?:[A-Za-z0-9+/]{12,}=*|\\+[nr]|[\s\"'+,=])"
_KEY = r"(?:key|pwd|pw|password|pass|token)"

FORMS: Tuple[Form, ...] = (
    Form(
        PRIVATE_KEY,
        ("private key",),
        rf"({_KEY_BEGINS}(?:(?:[ \t]*[\r\n]|\\+[nr])(?=\s*\w)[^\"'`(){{}};<>]*?(?:{_KEY_ENDS}|\Z)"
        rf"|(?:(?!{_KEY_ENDS}).){{1,300}}?[A-Za-z0-9+/]{{40}}(?:(?:(?!{_KEY_BEGINS}).)*?{_KEY_ENDS}|{_KEY_BODY}*)))",
    ),
    Form(PRIVATE_KEY, ("putty-user-key-file-",), r"(PuTTY-User-Key-File-\d.*?(?:Private-MAC:\s*\w+|\Z))"),
    Form(PRIVATE_KEY, ("private_key_id",), r"\"private_key_id\"\s*:\s*\"([0-9a-f]{16,})\""),
    Form(
        "password in an address",
        ("://",),
        rf"://[^\s/?#:@'\"{{}}$<>]*:{PLACEHOLDER}([^\s/?#'\"<>{{}}$]+)@",
    ),
    # Passwords with a slash in them are not allowed in addresses, and occur.
    Form(
        "password in an address",
        ("://",),
        rf"://[^\s/?#:@'\"{{}}$<>]+:(?!\d+/){PLACEHOLDER}([^\s'\"<>{{}}$@]+)@",
    ),
    Form("token in an address", ("://",), r"https?://([\w-]{20,})@"),
    Form(
        "credential in an address",
        ("token=", "secret=", "password=", "passwd=", "key=", "signature=", "credential="),
        r"(?i)[?&;][\w.-]*(?:token|secret|passw(?:or)?d|passwd|api_?key|access_?key|signature|credential)="
        rf"{PLACEHOLDER}([^&\s#'\"]+)",
    ),
    Form(
        "credential in an address",
        ("?sig=", "&sig=", "?key=", "&key=", "?auth=", "&auth=", "?pwd=", "&pwd="),
        rf"(?i)[?&](?:sig|key|auth|pwd)={PLACEHOLDER}([^&\s#'\"]+)",
    ),
    # Channels of conda: by the name of their host, else by the look of the token, as forums have /t/ in addresses too.
    Form(
        "token in an address",
        ("/t/",),
        r"(?i)https?://[^\s/\"'<>]*conda[^\s/\"'<>]*(?:/[\w.-]+)*?/t/(?!\[removed)([\w-]{8,})",
    ),
    Form(
        "token in an address",
        ("/t/",),
        r"(?i)https?://[^\s\"'<>]{1,200}?/t/"
        r"([a-z]{2}-[0-9a-f]{8}-[0-9a-f-]{16,}|(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{20,})(?![\w-])",
    ),
    Form(
        "password in an address",
        ("jdbc:oracle",),
        rf"(?i)jdbc:oracle:\w+:[^\s/@:'\"]+/{PLACEHOLDER}([^\s@/'\"]+)@",
    ),
    Form("token in an address", ("hooks.slack.com",), r"(?i)https?://hooks\.slack\.com/services/([\w/]{8,})"),
    Form(
        "token in an address",
        ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
        r"(?i)discord(?:app)?\.com/api/webhooks/\d+/([\w-]{20,})",
    ),
    Form("token in an address", ("api.softlayer.com",), r"(?i)api\.softlayer\.com/soap/v3(?:\.1)?/([a-z0-9]{64})"),
    Form("token", _MARKS_OF_PREFIXED, rf"(?<![A-Za-z0-9])({_PREFIXED})", shortest=15),
    Form("token", ("eyj",), r"(?<![A-Za-z0-9])(eyJ[\w-]{8,}=*\.[\w-]{2,}=*(?:\.[\w+/=-]*)*)", shortest=14),
    # Without a beginning of their own, told by length and punctuation: Discord, Telegram, Twilio, Mailchimp,
    # Artifactory. What a search can look for quickly stands first, what must stand before it behind.
    Form(
        "token",
        (),
        r"\.(?:(?<=[MNO][\w-]{23}\.)|(?<=[MNO][\w-]{24}\.)|(?<=[MNO][\w-]{25}\.))"
        r"([\w-]{6}\.(?=[A-Za-z_-]*\d)[\w-]{27,})",
        shortest=59,
        literal=".",
    ),
    Form("token", (), r":(?<=\d{8}:)(?=[\d_-]*[A-Za-z])([0-9A-Za-z_-]{35})(?![\w-])", shortest=44, literal=":"),
    Form("token", (), r"(AC(?<![\w.-]AC)(?=[a-z]*\d)[a-z0-9]{32})(?!\w)", shortest=34, literal="AC"),
    Form("token", (), r"(SK(?<![\w.-]SK)(?=[a-z]*\d)[a-z0-9]{32})(?!\w)", shortest=34, literal="SK"),
    Form("token", ("-us",), r"(?<![0-9A-Za-z])([0-9a-z]{32}-us\d{1,2})(?!\w)", shortest=36),
    Form("token", ("akc",), r"(AKC(?<![\w.-]AKC)(?=[A-Za-z]*\d)[A-Za-z0-9]{10,})(?![\w.-])", shortest=13),
    Form(
        "access key",
        ("akia", "asia", "abia", "acca", "a3t"),
        r"(?<![A-Za-z0-9])((?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16})(?![A-Za-z0-9])",
        shortest=20,
    ),
    Form(
        "access key",
        ("aws",),
        rf"(?i)aws[^\n]{{0,20}}?{_KEY}[^\n]{{0,20}}?[\"'=:]\s*[\"']?([0-9a-z/+]{{40}})(?![0-9a-z/+=])",
        shortest=47,
    ),
    Form(
        "access key", ("accountkey=", "accesskey="), r"(?i)(?:Account|SharedAccess)Key=([a-z0-9+/=]{40,})", shortest=50
    ),
    # IBM Cloud; the prefix before the name is optional there, so the value must look random.
    Form(
        "access key",
        ("key", "pwd", "pw", "pass", "token"),
        rf"(?i:{_KEY}){_GIVEN}"
        r"(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])([A-Za-z0-9_-]{44})(?![\w-])",
        shortest=47,
    ),
    Form(
        "access key",
        ("secret",),
        rf"(?i)secret[-_]?(?:access)?[-_]?key{_GIVEN}([a-f0-9]{{48}})(?![a-f0-9])",
        shortest=58,
    ),
    Form(
        "access key",
        (
            *("cloudant", "clou_", "clou-", "clouapi", "cloukey", "cl_", "cl-", "clapi", "clkey", "clpass", "clpw"),
            *("cltoken", "softlayer", "sl_", "sl-", "slapi", "slkey", "slpass", "slpw", "sltoken"),
        ),
        rf"(?i)(?<![a-z0-9])(?:cloudant|clou|cl|softlayer|sl)[_-]?(?:api)?[_-]?{_KEY}{_GIVEN}"
        r"([a-z0-9]{64}|[a-z]{24})(?![a-z0-9])",
        shortest=30,
    ),
    Form("token", (":_auth", ":_password"), rf"(?i)//\S+?/:_(?:authToken|auth|password)\s*=\s*{PLACEHOLDER}(\S+)"),
    Form("token", ("bearer",), r"(?i)\bbearer\s+(?=[^\s'\"]*\d)([\w.~+/=-]{8,})"),
    Form(
        "credential in a header",
        ("authorization",),
        rf"(?i)authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token|digest|apikey|negotiate)\s+{PLACEHOLDER}"
        r"([\w.~+/=:-]{4,})",
    ),
    Form(
        "credential in a header",
        ("-token", "-key", "-secret", "cookie", "-auth"),
        r"(?i)\b(?:(?:x|private|job|deploy|api|proxy|set)-[\w-]{0,40}?(?:token|key|secret|authorization|cookie)|cookie)"
        rf"[\"']?:\s*[\"']?{PLACEHOLDER}(?=[^\s\"']*\d)([^\s\"']{{6,}})",
    ),
    Form("password", ("machine",), r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?!\[removed:)(\S+)"),  # .netrc
)
