"""Every kind of token that detect-secrets knows by its form is hidden, and nothing ordinary is."""

from __future__ import annotations

import base64
import itertools
import json
import random
import string
from pathlib import Path

import pytest

from provenance.journal.credential_forms import FORMS
from provenance.journal.credential_texts import IN_MARKS
from provenance.journal.credentials import hide, holds_credential, spans

_ROOT = Path(__file__).parents[2]
_RANDOM = random.Random(20)
_LETTERS = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def _some(length: int, alphabet: str = _LETTERS) -> str:
    return "a1B2"[: length if alphabet == _LETTERS else 0] + "".join(
        _RANDOM.choice(alphabet) for _ in range(length - (4 if alphabet == _LETTERS else 0))
    )


def _lower(length: int) -> str:
    return "b7" + _some(length - 2, _LOWER)


def _hex(length: int) -> str:
    return "c3" + _some(length - 2, "0123456789abcdef")


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# Plugin -> texts in which it finds something; what it finds stands between « and ».
_SAMPLES: dict[str, list[str]] = {
    "ArtifactoryDetector": [f"key=«AKC{_some(20)}»"],
    "AWSKeyDetector": [f"id «AKIA{_some(16, string.ascii_uppercase)}»", f'aws_secret_key = "«{_some(40)}»"'],
    "AzureStorageKeyDetector": [f"DefaultEndpointsProtocol=https;AccountKey=«{_some(86)}==»;"],
    "BasicAuthDetector": ["https://ada:«pw4census»@example.org/a.csv"],
    "CloudantDetector": [f"cloudant_password = {'«' + _hex(64) + '»'}", f"https://lab:«{_hex(64)}»@lab.cloudant.com"],
    "DiscordBotTokenDetector": [f"bot M{_some(23)}.«{_some(6)}.{_some(27)}»"],
    "GitHubTokenDetector": [f"«{kind}_{_some(36)}»" for kind in ("ghp", "gho", "ghu", "ghs", "ghr")],
    "GitLabTokenDetector": [
        *(f"«{kind}-{_some(20)}»" for kind in ("glpat", "gldt", "glft", "glsoat", "glrt", "glcbt")),
        *(f"«GR1348941{_some(20)}»", f"«glimt-{_some(25)}»", f"«glptt-{_some(40)}»", f"«glagent-{_some(50)}»"),
        f"«gloas-{_some(64)}»",
    ],
    "IbmCloudIamDetector": [f"ibm_cloud_iam_api_key: «{_some(44)}»", f'"apikey": "«{_some(44)}»"'],
    "IbmCosHmacDetector": [f"cos_hmac_secret_access_key = «{_hex(48)}»"],
    "JwtTokenDetector": [f"«{_part({'alg': 'HS256'})}.{_part({'sub': 'ada', 'n': 1})}.{_some(43)}»"],
    "MailchimpDetector": [f"«{_lower(32)}-us7»"],
    "NpmDetector": [f"//registry.example.org/:_authToken=«npm_{_some(36)}»"],
    "OpenAIDetector": [f"«sk-{_some(20)}T3BlbkFJ{_some(20)}»", f"«sk-proj-{_some(20)}T3BlbkFJ{_some(20)}»"],
    "PrivateKeyDetector": [
        *(
            f"«-----BEGIN {kind}-----\n{_some(64)}\n-----END {kind}-----»"
            for kind in (
                *("DSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "PRIVATE KEY"),
                "RSA PRIVATE KEY",
            )
        ),
        f"«---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{_some(64)}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----»",
        f"«PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\n{_some(64)}\nPrivate-MAC: {_hex(40)}»",
    ],
    "PypiTokenDetector": [f"«pypi-AgEIcHlwaS5vcmc{_some(80)}»", f"«pypi-AgENdGVzdC5weXBpLm9yZw{_some(80)}»"],
    "SendGridDetector": [f"«SG.{_some(22)}.{_some(43)}»"],
    "SlackDetector": [
        f"«xoxb-123456789012-{_lower(24)}»",
        f"https://hooks.slack.com/services/«T{_some(8)}/B{_some(8)}/{_some(24)}»",
    ],
    "SoftlayerDetector": [
        f"softlayer_api_key = «{_lower(64)}»",
        f"https://api.softlayer.com/soap/v3/«{_lower(64)}»",
    ],
    "SquareOAuthDetector": [f"«sq0csp-{_some(43)}»"],
    "StripeDetector": [f"«sk_live_{_some(24)}»", f"«rk_live_{_some(24)}»"],
    "TelegramBotTokenDetector": [f"bot 1234567890:«AA{_some(33)}»"],
    "TwilioKeyDetector": [f"account «AC{_lower(32)}»", f"«SK{_lower(32)}»"],
}
# Those that look at nothing but entropy, at names or at addresses have no form.
_NO_FORM = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}

_OTHERS = [
    f"«AIza{_some(35)}»",
    f'"private_key_id": "«{_hex(40)}»"',
    '{"private_key": "«-----BEGIN PRIVATE KEY-----\\nMIIE1\\n-----END PRIVATE KEY-----\\n»"}',
    f"«hf_{_some(34)}»",
    f"Authorization: Bearer «{_some(60)}»",
    f"curl -H 'Authorization: Bearer «{_some(60)}»'",
    f"https://zenodo.example/api/files/a?access_token=«{_some(60)}»",
    f"machine api.example.org login ada password «{_some(12)}»",
    f"«dckr_pat_{_some(27)}»",
]


def _plugin(name: str) -> object:
    detect_secrets = pytest.importorskip("detect_secrets")
    return detect_secrets.core.plugins.initialize.from_plugin_classname(name)


def test_each_detector_that_knows_a_form_has_a_sample() -> None:
    util = pytest.importorskip("detect_secrets.core.plugins.util")
    known = {plugin.__name__ for plugin in util.get_mapping_from_secret_type_to_class().values()}
    assert known - _NO_FORM == set(_SAMPLES)


@pytest.mark.parametrize(("name", "sample"), [(name, each) for name, texts in _SAMPLES.items() for each in texts])
def test_what_a_detector_finds_is_hidden(name: str, sample: str) -> None:
    plugin = _plugin(name)
    text, secret = sample.replace("«", "").replace("»", ""), sample[sample.index("«") + 1 : sample.index("»")]
    assert any(plugin.analyze_line("a.txt", line) for line in text.split("\n"))  # type: ignore[attr-defined]
    shown = hide(text)
    assert secret not in shown and shown.startswith(sample[: sample.index("«")])
    assert shown == f"{sample[: sample.index('«')]}{shown[sample.index('«') : len(shown)]}" and "[removed: " in shown
    assert not any(plugin.analyze_line("a.txt", line) for line in shown.split("\n"))  # type: ignore[attr-defined]
    assert holds_credential(f"some text, {text}") and hide(shown) == shown


@pytest.mark.parametrize("sample", _OTHERS)
def test_other_known_forms_are_hidden(sample: str) -> None:
    text, secret = sample.replace("«", "").replace("»", ""), sample[sample.index("«") + 1 : sample.index("»")]
    shown = hide(text)
    assert secret.split("\\n")[0] not in shown and "[removed: " in shown


@pytest.mark.parametrize(
    "given",
    [
        *("password: «hunter2»", 'password = "«hunter2»"', "export API_TOKEN=«abc123def»", '"apiKey": "«abc123def»",'),
        *("DB_PASSWORD=«1234»", "  secret_key: '«a-b-c-1-2»'  ", "+token = «abc123def»", "password: «corr-ect-horse»"),
        *("smtp.password=«p4ssw0rd!»", "<password>«hunter2»</password>", "auth_token: «abc123def» # of the lab"),
        *("<name>fs.s3a.secret.key</name>\n  <value>«wJalrXUt1»</value>", "connect(db, password='«hunter2»')"),
        *("config['password'] = '«hunter2»'", "{api_key: «abc123def», region: x}", "retry with password=«hunter2»"),
    ],
)
def test_values_of_settings_are_found(given: str) -> None:
    text, start = given.replace("«", "").replace("»", ""), given.index("«")
    assert [(span[0], span[1]) for span in spans(text, settings=True)] == [(start, given.index("»") - 1)]


@pytest.mark.parametrize(
    "text",
    [
        *("password: str", "token = tokens[1]", "password = getpass()", "password = ${DB_PASSWORD}", "token: <yours>"),
        *("secret = self.secret2", "key: sample1", "token_count = 4096", "auth: oauth2", "password: null", "key=len"),
        *("token: {{ token }}", "password = os.environ['PASSWORD1']", "ssh_key: ~/.ssh/id_ed25519", "API_TOKEN="),
        *('"password": {"type": "string"}', "secret: /run/secrets/db1", "token = None", "The key: it is random"),
    ],
)
def test_what_holds_no_value_is_left(text: str) -> None:
    assert spans(text, settings=True) == []


def test_spans_are_in_order_and_apart() -> None:
    text = f"b https://u:pw1@h/ token=hf_{_some(30)} and ghp_{_some(36)}\npassword: hunter2\n"
    found = spans(text, settings=True)
    assert len(found) == 4
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(found))
    assert all(0 <= start < end <= len(text) for start, end, _ in found)


def test_what_the_project_ships_gives_no_alarm() -> None:
    places = [*(_ROOT / "examples").rglob("*"), *(_ROOT / "docs").rglob("*"), *(_ROOT / "provenance").rglob("*")]
    alarms = [
        (str(path.relative_to(_ROOT)), text[start:end], reason)
        for path in places
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix in (".py", ".md", ".yaml", ".yml", ".toml", ".csv", ".json", ".sh", ".h", ".c", ".txt")
        for text in [path.read_text("utf-8", "replace")]
        for start, end, reason in spans(text, settings=True)
        if ">>> " not in text[text.rfind("\n", 0, start) : end]  # what an example of a docstring hides
    ]
    assert alarms == []


def test_no_form_is_passed_over_by_what_is_asked_first() -> None:
    marks = {mark for form in FORMS for mark in form.marks}
    assert [mark for mark in marks if not any(part in mark for part in IN_MARKS)] == []
    assert all(form.literal in form.pattern.replace("\\", "") for form in FORMS)
