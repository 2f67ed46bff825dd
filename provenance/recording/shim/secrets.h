/* Credentials in what is written down: where they stand in the words of a command line, and in paths. The same rule as
 * provenance/journal/credentials.py, read from left to right; where the two differ, this one hides more.
 *
 * No memory is allocated, little stack is used and each look ahead is bounded: a command line may have megabytes, and a
 * vfork child is in its parent's memory. */

struct secret {
    const char *from, *to; /* what must not be written */
    const char *why;
};

#define BY_NAME "name looks like a credential"
#define FAR 512       /* bytes: the furthest look ahead */
#define LONGEST_NAME 64

enum { DIGIT = 1, LOWER = 2, UPPER = 4, ALNUM = 7, UNDERSCORE = 8, DASH = 16, DOT = 32, BLANK = 64, QUOTE = 128 };

static const uint8_t kinds_of_characters[256] = {
    ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGIT, ['_'] = UNDERSCORE, ['-'] = DASH, ['.'] = DOT,
    ['"'] = QUOTE,         ['\''] = QUOTE,        [' '] = BLANK,         ['\t' ... '\r'] = BLANK,
};

static int kind_of(char c) { return kinds_of_characters[(unsigned char)c]; }

#define WORD_CHARS (ALNUM | UNDERSCORE)
#define TOKEN_CHARS (WORD_CHARS | DASH)
#define NAME_CHARS (TOKEN_CHARS | DOT)

/* Length of the run of such characters, and which kinds are in it. */
static size_t run_of(const char *p, int kinds, int *seen) {
    size_t n = 0;
    int found = 0, kind;
    while ((kind = kind_of(p[n]) & kinds)) found |= kind, n++;
    if (seen) *seen = found;
    return n;
}

/* The same, not further than `most`: where a run is looked at from each of its characters. */
static size_t short_run_of(const char *p, int kinds, size_t most) {
    size_t n = 0;
    while (n < most && (kind_of(p[n]) & kinds)) n++;
    return n;
}

static bool is_one_of(char c, const char *set) { return c && strchr(set, c); }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool begins_with(const char *p, const char *head, bool any_case) {
    for (; *head; p++, head++)
        if ((any_case ? lower(*p) : *p) != *head) return false;
    return true;
}

/* ---- names of credentials */

static bool ends_in(const char *part, size_t n, const char *tail) {
    size_t length = strlen(tail);
    return n >= length && !memcmp(part + n - length, tail, length);
}

/* `list` holds words between blanks. */
static bool is_listed(const char *part, size_t n, const char *list) {
    for (const char *word = list; *word; word += *word == ' ') {
        size_t length = strcspn(word, " ");
        if (length == n && !memcmp(word, part, n)) return true;
        word += length;
    }
    return false;
}

static bool ends_in_one_of(const char *part, size_t n, const char *list) {
    for (const char *word = list; *word; word += *word == ' ') {
        size_t length = strcspn(word, " ");
        if (length <= n && !memcmp(word, part + n - length, length)) return true;
        word += length;
    }
    return false;
}

#define SAYS_WHERE \
    "file path dir folder stdin env var count limit length len size type name url uri ttl column columns col index " \
    "idx format mode policy method sock expiry expires embedding embeddings mask pattern regex prefix suffix label field"
#define OF_MODELS "pad eos bos unk sep cls mask special max min num n next stop start end first last per"
#define OWNED "db database user usr my mysql pg sql redis mongo smtp imap mail ftp http https proxy login admin root auth ssh"
#define KEYS_OF \
    "api access auth private secret ssh account encryption signing license deploy master storage service"
#define OTHER_KEYS "sort primary foreign public group join merge cache by"

/* Almost no name has one of these: asked first. */
static bool may_be_secret_name(const char *name, size_t length) {
    for (size_t i = 0; i + 3 <= length; i++) {
        char b = lower(name[i + 1]), c = lower(name[i + 2]);
        switch (lower(name[i])) {
        case 'p': if ((b == 'a' && c == 's') || (b == 'w' && c == 'd')) return true; break;
        case 's': if (b == 'e' && c == 'c') return true; break;
        case 't': if (b == 'o' && c == 'k') return true; break;
        case 'k': if (b == 'e' && c == 'y') return true; break;
        case 'c': if ((b == 'r' && c == 'e') || (b == 'o' && c == 'o')) return true; break;
        case 'a': if (b == 'u' && c == 't') return true; break;
        case 'j': if (b == 'w' && c == 't') return true; break;
        case 'b': if (b == 'e' && c == 'a') return true; break;
        default: break;
        }
    }
    return false;
}

/* Whether a value of this name may be a password, token or key; only the end of a very long name is looked at. */
static bool is_secret_name(const char *name, size_t length) {
    char plain[2 * LONGEST_NAME + 2];
    size_t n = 0;
    bool found = false;
    if (!may_be_secret_name(name, length)) return false;
    if (length > LONGEST_NAME) name += length - LONGEST_NAME, length = LONGEST_NAME;
    if ((length == 3 && !memcmp(name, "PWD", 3)) || (length == 6 && !memcmp(name, "OLDPWD", 6))) return false;
    for (size_t i = 0; i < length; i++) {
        if (i && kind_of(name[i]) == UPPER && (kind_of(name[i - 1]) & (LOWER | DIGIT))) plain[n++] = '_';
        plain[n++] = name[i] == '-' || name[i] == '.' ? '_' : lower(name[i]);
    }
    plain[n] = 0;
    if (strstr(plain, "password") || strstr(plain, "passwd") || strstr(plain, "passphrase") ||
        strstr(plain, "passcode") || strstr(plain, "credential") || strstr(plain, "authorization"))
        found = true;
    if (begins_with(plain, "no_", false) || begins_with(plain, "without_", false) || begins_with(plain, "skip_", false)) return false;
    const char *before = "", *part = plain;
    size_t before_length = 0;
    for (;;) {
        size_t size = strcspn(part, "_");
        bool last = !part[size];
        if (last && is_listed(part, size, SAYS_WHERE)) return false;
        if (is_listed(part, size, "cookie cookies bearer pwd") || ends_in(part, size, "secret") ||
            ends_in(part, size, "secrets"))
            found = true;
        if (ends_in(part, size, "token") && !(size == 5 && is_listed(before, before_length, OF_MODELS))) found = true;
        if (is_listed(part, size, "key keys") && ends_in_one_of(before, before_length, KEYS_OF)) found = true;
        if (ends_in(part, size, "key") && ends_in_one_of(part, size - 3, KEYS_OF)) found = true;
        if (ends_in(part, size, "keys") && ends_in_one_of(part, size - 4, KEYS_OF)) found = true;
        if (last && is_listed(part, size, "auth jwt")) found = true;
        if (last && size == 3 && !memcmp(part, "key", 3) && !is_listed(before, before_length, OTHER_KEYS)) found = true;
        if (last && ends_in(part, size, "pass")) {
            if (size == 4 && (!before_length || is_listed(before, before_length, OWNED))) found = true;
            if (size > 4 && is_listed(part, size - 4, OWNED)) found = true;
        }
        if (last) return found;
        before = part, before_length = size;
        part += size + 1;
    }
}

/* A variable, a template or a marker stands for a value without being one. */
static bool is_placeholder(const char *value) {
    return is_one_of(*value, "${<*%[") || begins_with(value, "[removed:", false);
}

/* ---- tokens that are known by how they look */

static const struct known_token {
    char head[29];    /* in place: a pointer would have to be set at the start of each program */
    uint8_t least;    /* characters behind the head */
    uint8_t kinds;
    bool needs_digit; /* as the head is that of ordinary words too */
    bool keeps_head;
} known_tokens[] = {
    {"ghp_", 16, WORD_CHARS, false, false}, {"gho_", 16, WORD_CHARS, false, false},
    {"ghu_", 16, WORD_CHARS, false, false}, {"ghs_", 16, WORD_CHARS, false, false},
    {"ghr_", 16, WORD_CHARS, false, false}, {"github_pat_", 20, WORD_CHARS, false, false},
    {"glpat-", 15, TOKEN_CHARS, true, false}, {"gloas-", 15, TOKEN_CHARS, true, false},
    {"glrt-", 15, TOKEN_CHARS, true, false}, {"gldt-", 15, TOKEN_CHARS, true, false},
    {"glcbt-", 15, TOKEN_CHARS, true, false}, {"glptt-", 15, TOKEN_CHARS, true, false},
    {"glft-", 15, TOKEN_CHARS, true, false}, {"glimt-", 15, TOKEN_CHARS, true, false},
    {"glagent-", 15, TOKEN_CHARS, true, false}, {"glsoat-", 15, TOKEN_CHARS, true, false},
    {"glsa_", 15, TOKEN_CHARS, true, false}, {"glc_", 15, TOKEN_CHARS, true, false},
    {"GR1348941", 15, TOKEN_CHARS, false, false}, {"xapp-", 10, TOKEN_CHARS, false, false},
    {"hf_", 20, ALNUM, true, false}, {"sk-", 20, TOKEN_CHARS, true, false}, {"gsk_", 20, WORD_CHARS, false, false},
    {"sk_live_", 16, WORD_CHARS, false, false}, {"rk_live_", 16, WORD_CHARS, false, false},
    {"sk_test_", 16, WORD_CHARS, false, false}, {"rk_test_", 16, WORD_CHARS, false, false},
    {"whsec_", 20, WORD_CHARS, false, false}, {"npm_", 30, WORD_CHARS, false, false},
    {"pypi-Ag", 28, TOKEN_CHARS, false, false}, {"AIza", 35, TOKEN_CHARS, false, false},
    {"ya29.", 20, TOKEN_CHARS, false, false}, {"GOCSPX-", 20, TOKEN_CHARS, false, false},
    {"SG.", 33, TOKEN_CHARS | DOT, true, false}, {"sq0csp-", 20, TOKEN_CHARS, false, false},
    {"sq0atp-", 20, TOKEN_CHARS, false, false}, {"dckr_pat_", 20, TOKEN_CHARS, false, false},
    {"dop_v1_", 32, WORD_CHARS, false, false}, {"dapi", 32, ALNUM, true, false},
    {"hvs.", 20, TOKEN_CHARS, false, false}, {"hvb.", 20, TOKEN_CHARS, false, false},
    {"AGE-SECRET-KEY-1", 20, ALNUM, false, false}, {"ATATT3", 20, TOKEN_CHARS, false, false},
    {"AKIA", 16, DIGIT | UPPER, false, false}, {"ASIA", 16, DIGIT | UPPER, false, false},
    {"ABIA", 16, DIGIT | UPPER, false, false}, {"ACCA", 16, DIGIT | UPPER, false, false},
    {"A3T", 17, DIGIT | UPPER, false, false}, {"AKC", 10, ALNUM, true, false},
    {"hooks.slack.com/services/", 1, 0, false, true}, {"api.softlayer.com/soap/v3/", 1, 0, false, true},
    {"api.softlayer.com/soap/v3.1/", 1, 0, false, true}, {"discord.com/api/webhooks/", 1, 0, false, true},
    {"conda.anaconda.org/t/", 1, 0, false, true},
};
#define HEADS_BEGIN "acdghnprswxyAGS"

static bool is_known_token(const char *p, struct secret *s) {
    int seen;
    if (begins_with(p, "xox", false) && kind_of(p[3]) == LOWER && p[4] == '-') {
        size_t n = run_of(p + 5, TOKEN_CHARS, &seen);
        if (n >= 10 && (seen & DIGIT)) return *s = (struct secret){p, p + 5 + n, "token"}, true;
    }
    for (size_t i = 0; i < sizeof known_tokens / sizeof *known_tokens; i++) {
        const struct known_token *known = &known_tokens[i];
        if (*p != *known->head || !begins_with(p, known->head, false)) continue;
        const char *rest = p + strlen(known->head);
        /* of an address all that follows */
        size_t n = known->keeps_head ? strcspn(rest, " \t\n\r\"'") : short_run_of(rest, known->kinds, FAR);
        bool has_digit = !known->needs_digit;
        for (size_t k = 0; k < n && !has_digit; k++) has_digit = kind_of(rest[k]) == DIGIT;
        if (n < known->least || !has_digit) continue;
        if (n == FAR) n = run_of(rest, known->kinds, NULL);
        *s = (struct secret){known->keeps_head ? rest : p, rest + n,
                             known->keeps_head ? "token in an address" : "token"};
        return true;
    }
    return false;
}

/* Without a head of their own: Discord, Telegram, Twilio, Mailchimp; and signed web tokens. */
static bool is_shaped_token(const char *p, struct secret *s) {
    int seen = 0;
    size_t n = short_run_of(p, TOKEN_CHARS, 64);
    if (begins_with(p, "eyJ", false) && n >= 11) {
        n = run_of(p, TOKEN_CHARS, NULL);
        while (p[n] == '=') n++;
        if (p[n] == '.' && short_run_of(p + n + 1, TOKEN_CHARS, 2) == 2) {
            while ((kind_of(p[n]) & NAME_CHARS) || is_one_of(p[n], "+/=")) n++;
            return *s = (struct secret){p, p + n, "token"}, true;
        }
    }
    if ((*p == 'M' || *p == 'N' || *p == 'O') && n >= 24 && n <= 26 && p[n] == '.' &&
        short_run_of(p + n + 1, TOKEN_CHARS, 7) == 6 && p[n + 7] == '.') {
        size_t tail = run_of(p + n + 8, TOKEN_CHARS, &seen);
        if (tail >= 27 && (seen & DIGIT)) return *s = (struct secret){p, p + n + 8 + tail, "token"}, true;
    }
    if (n >= 8 && n <= 10 && p[n] == ':' && short_run_of(p, DIGIT, 11) == n &&
        run_of(p + n + 1, TOKEN_CHARS, &seen) == 35 && (seen & (LOWER | UPPER)))
        return *s = (struct secret){p, p + n + 36, "token"}, true;
    if (n == 34 && (begins_with(p, "AC", false) || begins_with(p, "SK", false)) &&
        run_of(p + 2, LOWER | DIGIT, &seen) == 32 && (seen & DIGIT))
        return *s = (struct secret){p, p + 34, "token"}, true;
    if (n >= 36 && n <= 37 && short_run_of(p, LOWER | DIGIT, 33) == 32 && begins_with(p + 32, "-us", false) &&
        kind_of(p[35]) == DIGIT)
        return *s = (struct secret){p, p + n, "token"}, true;
    return false;
}

static bool is_private_key(const char *p, struct secret *s) {
    if (begins_with(p, "PuTTY-User-Key-File-", false))
        return *s = (struct secret){p, p + strlen(p), "private key"}, true;
    const char *from = p;
    for (; *p == '-' || *p == ' '; p++)
        if (p - from > 6) return false;
    if (p - from < 4 || !begins_with(p, "BEGIN ", false)) return false;
    size_t n = short_run_of(p, ALNUM | BLANK, 64);
    bool found = false;
    if (p[n] != '-') return false;
    for (size_t i = 0; i + 11 <= n && !found; i++) found = begins_with(p + i, "PRIVATE KEY", false);
    if (!found) return false;
    const char *end = strstr(p, "-END "), *text_end = p + strlen(p);
    if (!(end = end ? end : strstr(p, "- END "))) {
        end = text_end;
    } else {
        for (end += 5; *end && *end != '-'; end++) {}
        while (*end == '-') end++;
    }
    return *s = (struct secret){from, end, "private key"}, true;
}

/* ---- addresses; `p` stands behind "://" (in a path the kernel has made one slash of the two) */

static bool is_login(const char *p, struct secret *s) {
    size_t n = 0;
    while (n < FAR && p[n] && !is_one_of(p[n], "/?#:@'\"{}$<> \t\n\r")) n++;
    if (p[n] == '@') {
        if (n >= 20 && short_run_of(p, TOKEN_CHARS, FAR) == n)
            return *s = (struct secret){p, p + n, "token in an address"}, true;
        return false;
    }
    if (p[n] != ':') return false;
    const char *from = p + n + 1, *end = NULL;
    if (is_placeholder(from)) return false;
    for (const char *at = from; at < from + FAR && *at && !is_one_of(*at, "/?#'\"{}$<> \t\n\r"); at++)
        if (*at == '@') end = at;
    if (!end && n) {
        size_t port = short_run_of(from, DIGIT, 6);
        if (port && from[port] == '/') return false;
        for (const char *at = from; at < from + FAR && *at && !end && !is_one_of(*at, "'\"{}$<> \t\n\r"); at++)
            if (*at == '@') end = at;
    }
    if (!end || end == from) return false;
    return *s = (struct secret){from, end, "password in an address"}, true;
}

/* `p` stands at "?", "&" or ";". */
static bool is_query(const char *p, struct secret *s) {
    size_t n = short_run_of(p + 1, NAME_CHARS, LONGEST_NAME);
    const char *value = p + 1 + n + 1;
    char name[LONGEST_NAME + 1];
    if (!n || p[1 + n] != '=') return false;
    for (size_t i = 0; i < n; i++) name[i] = lower(p[1 + i]);
    if (!is_listed(name, n, "sig key auth pwd") &&
        !ends_in_one_of(name, n, "token secret password passwd api_key apikey access_key accesskey signature credential"))
        return false;
    size_t length = strcspn(value, "& \t\n\r#'\"");
    if (!length || is_placeholder(value)) return false;
    return *s = (struct secret){value, value + length, "credential in an address"}, true;
}

/* ---- values given to names */

static bool exists(const char *path) { return !syscall(SYS_faccessat, AT_FDCWD, path, F_OK); }

/* What sort(1) takes for a key: "2", "2,2n", "1.3". */
static bool is_sort_key(const char *value) {
    size_t n = 0;
    while (n < 24 && (kind_of(value[n]) == DIGIT || is_one_of(value[n], ".,bdfgiMhnRrV"))) n++;
    return n && !value[n] && kind_of(*value) == DIGIT;
}

static bool is_key_alone(const char *name, size_t n) { return n == 3 && begins_with(name, "key", true); }

/* A name begins at `p`: is a value given to it that must be hidden? With `whole` the value goes on to the end of the
 * word, as that of an option or of a variable does. */
static bool is_given(const char *p, bool whole, struct secret *s) {
    const char *name = p;
    while (*name == '-' && name < p + 2) name++;
    size_t n = run_of(name, NAME_CHARS, NULL);
    if (!n || !(kind_of(*name) & (LOWER | UPPER | UNDERSCORE))) return false;
    const char *at = name + n;
    if (!*at || !(is_one_of(*at, "=:\"']") || kind_of(*at) == BLANK)) return false;
    int seen;
    if (n == 6 && begins_with(name, "bearer", true)) {
        const char *value = at + strspn(at, " \t");
        size_t length = strcspn(value, " \t\n\r\"'");
        if (value > at && length >= 8 && (run_of(value, NAME_CHARS, &seen), seen & DIGIT))
            return *s = (struct secret){value, value + length, "token"}, true;
    }
    bool secret = is_secret_name(name, n);
    bool is_keyed = secret || (n >= 2 && (lower(name[n - 1]) == 'y' || ends_in(name, n, "pw") || ends_in(name, n, "pass")));
    if (!is_keyed) return false;
    if (secret && whole && *at == '=') {
        if (!at[1] || is_placeholder(at + 1)) return false;
        if (is_key_alone(name, n) && is_sort_key(at + 1)) return false;
        return *s = (struct secret){at + 1, at + strlen(at), BY_NAME}, true;
    }
    if (secret && *at == ':' && kind_of(at[1]) == BLANK && (whole || memchr(name, '-', n) || n == 13)) { /* a header */
        const char *value = at + strspn(at, ": \t");
        size_t length = whole ? strlen(value) : strcspn(value, "\"'\n\r");
        if (!length || is_placeholder(value)) return false;
        return *s = (struct secret){value, value + length, BY_NAME}, true;
    }
    const char *value = at + strspn(at, "\"']");
    bool tight = value == at && *at == '=';
    value += strspn(value, " \t");
    bool follows = kind_of(*at) == BLANK && name == p + 2 && *value != '='; /* --name value */
    if (!follows) {
        if (!is_one_of(*value, "=:")) {
            if (value == at) return false;
        } else {
            value += strspn(value, "=:>");
        }
        value += strspn(value, " \t");
    }
    bool quoted = kind_of(*value) == QUOTE;
    char ends[2] = {*value, 0};
    value += quoted;
    size_t length = quoted ? strcspn(value, ends) : strcspn(value, " \t\n\r\"';&|),}");
    if (!length || is_placeholder(value) || (*value == '-' && !tight)) return false;
    /* Keys that have no head, by their lengths: AWS, Azure, IBM, Cloudant, SoftLayer. */
    size_t random = run_of(value, TOKEN_CHARS, &seen);
    while (is_one_of(value[random], "+/=") || (kind_of(value[random]) & TOKEN_CHARS)) seen |= kind_of(value[random++]);
    bool all = (seen & ALNUM) == ALNUM;
    bool of_ibm = (lower(*name) == 'c' && lower(name[1]) == 'l') || (lower(*name) == 's' && lower(name[1]) == 'l') ||
                  begins_with(name, "softlayer", true);
    if (is_keyed && ((all && (random == 40 || random == 44 || random >= 80)) || (of_ibm && (random == 64 || random == 24))))
        return *s = (struct secret){value, value + random, "access key"}, true;
    if (!secret || is_key_alone(name, n)) return false;
    if (!(tight || follows || (quoted && length >= 4))) return false;
    return *s = (struct secret){value, value + length, BY_NAME}, true;
}

/* ---- a text from left to right */

enum { PROGRAM, WORD, PATH };
#define SHORTEST_IN_PATH 30 /* what is shorter is rather the name of a file than a token */

/* `p` is behind the first "=" of an option: --env=NAME=value. */
static bool is_first_value(const char *text, const char *p) {
    return text[0] == '-' && p > text + 1 && p[-1] == '=' && !memchr(text, '=', (size_t)(p - 1 - text));
}

/* The first credential of `text` at `at` or behind it. */
static bool next_secret(const char *text, const char *at, int kind, struct secret *s) {
    int is, before = at == text ? 0 : kind_of(at[-1]);
    for (const char *p = at; *p; p++, before = is) {
        char c = *p;
        is = kind_of(c);
        if ((is & ALNUM) && (before & ALNUM)) continue; /* within a word */
        bool begins = !(before & ALNUM);
        if (c == ':' && p[1] == '/' && (p[2] == '/' || kind == PATH) && is_login(p + 2 + (p[2] == '/'), s)) return true;
        if (kind != PATH && (c == '?' || c == '&' || c == ';') && is_query(p, s)) return true;
        if (!begins) continue;
        if (is_one_of(c, HEADS_BEGIN) && is_known_token(p, s) && (kind != PATH || s->to - s->from >= SHORTEST_IN_PATH)) return true;
        if (kind == PATH) continue;
        if (c == '[' && begins_with(p, "[removed: ", false)) {
            const char *end = strchr(p, ']');
            if (!end) return false;
            p = end, is = 0;
            continue;
        }
        bool apart = !(before & NAME_CHARS);
        if (apart && (is & ALNUM) && is_shaped_token(p, s)) return true;
        if ((c == '-' || c == 'P') && (p == text || p[-1] != '-') && is_private_key(p, s)) return true;
        if (apart && (is & (LOWER | UPPER | UNDERSCORE | DASH)) && is_given(p, kind == WORD && (p == text || is_first_value(text, p)), s)) return true;
    }
    return false;
}

static bool next_in_path(const char *path, const char *at, struct secret *s) {
    if (at == path && !strchr(path, ':')) { /* almost all paths are settled here */
        size_t n = 0;
        for (const char *part = path; n < SHORTEST_IN_PATH && *part; part += n + (part[n] != 0)) n = strcspn(part, "/");
        if (n < SHORTEST_IN_PATH) return false;
    }
    return next_secret(path, at, PATH, s);
}

/* ---- the words of a command line */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* NAME=value, as docker run -e takes it: no program for an interpreter that has -e too. */
static bool is_assignment(const char *word) {
    size_t n = run_of(word, UPPER | UNDERSCORE | DIGIT, NULL);
    return n && kind_of(*word) != DIGIT && word[n] == '=' && !word[strcspn(word, " \t\n\r\v\f")];
}

static bool is_name_of(const char *word, const char *list) {
    const char *name = base_name(word);
    return is_listed(name, strlen(name), list);
}

/* One of the first three words is the name of such a program. */
static bool is_command_of(char *const *words, const char *list) {
    for (int i = 0; i < 3 && words[i]; i++)
        if (is_name_of(words[i], list)) return true;
    return false;
}

static bool is_option(const char *word) { return word[0] == '-' && word[1] && kind_of(word[1]) != DIGIT; }

/* sh -c, perl -e, sbatch --wrap */
static bool takes_program(const char *word) {
    if (!strcmp(word, "--eval") || !strcmp(word, "--command") || !strcmp(word, "--wrap")) return true;
    size_t n = word[0] == '-' ? run_of(word + 1, LOWER, NULL) : 0;
    return n && !word[n + 1] && (word[n] == 'c' || word[n] == 'e');
}

/* "ada:password" behind -u or --user. */
static bool is_pair(const char *value, struct secret *s) {
    size_t n = strcspn(value, " \t\n\r:/@=");
    const char *from = value + n + 1;
    if (!n || value[n] != ':' || !*from || *from == ':' || begins_with(from, "//", false) || is_placeholder(from))
        return false;
    size_t length = strlen(from);
    if (run_of(value, DIGIT, NULL) == n && run_of(from, DIGIT, NULL) == length) return false; /* of a user and a group */
    return *s = (struct secret){from, from + length, "password"}, true;
}

#define TAKES_LOGIN "-u -U --user --proxy-user"
#define OTHER_USERS "rsync cp mv scp sort docker podman git tar zip chown sudo"
#define HAS_PASSWORD_OPTION "sshpass mysql mysqldump mysqladmin mariadb mariadb-dump"

/* A word that is a credential because of the word or the program before it. */
static bool is_value_of_option(char *const *words, size_t i, struct secret *s) {
    const char *word = words[i], *before = i ? words[i - 1] : "";
    if (before[0] == '-') {
        const char *name = before + 1 + (before[1] == '-');
        size_t n = run_of(name, NAME_CHARS, NULL);
        if (n && !name[n] && is_secret_name(name, n) && *word && !is_option(word) && !is_placeholder(word) &&
            !(is_key_alone(name, n) && is_sort_key(word)))
            return *s = (struct secret){word, word + strlen(word), BY_NAME}, true;
        if (is_listed(before, strlen(before), TAKES_LOGIN) && !is_command_of(words, OTHER_USERS)) return is_pair(word, s);
        if (!strcmp(before, "-p") && is_command_of(words, "sshpass") && *word && !is_placeholder(word))
            return *s = (struct secret){word, word + strlen(word), "password"}, true;
    }
    if (word[0] != '-') return false;
    if (word[1] == 'p' && word[2] && is_command_of(words, HAS_PASSWORD_OPTION) && !is_placeholder(word + 2) &&
        !begins_with(word, "-pass", false))
        return *s = (struct secret){word + 2, word + strlen(word), "password"}, true;
    size_t head = begins_with(word, "--user=", false)         ? 7
                  : begins_with(word, "--proxy-user=", false) ? 13
                  : word[1] == 'u' || word[1] == 'U'          ? 2 + (word[2] == '=')
                                                              : 0;
    return head && !is_command_of(words, OTHER_USERS) && is_pair(word + head, s);
}

/* Which words name files and which hold nothing to hide: found out when a line is measured, and not again when it is
 * written, as the first may change in between and the second takes its time. Guarded by the lock. */
#define WORDS_LOOKED_AT 4096
static uint64_t files_named[WORDS_LOOKED_AT / 64], harmless_words[WORDS_LOOKED_AT / 64];

static void set_bit(uint64_t *bits, size_t i, bool value) {
    uint64_t bit = (uint64_t)1 << (i % 64);
    bits[i / 64] = value ? bits[i / 64] | bit : bits[i / 64] & ~bit;
}

static bool get_bit(const uint64_t *bits, size_t i) { return i < WORDS_LOOKED_AT && (bits[i / 64] >> (i % 64) & 1); }

static bool names_file(size_t word, const char *path, bool measuring) {
    if (measuring && word < WORDS_LOOKED_AT) set_bit(files_named, word, exists(path));
    return get_bit(files_named, word);
}

/* The first credential of word `i` at `at` or behind it. The name of a file is none unless it looks like one. */
static bool next_in_word(char *const *words, size_t i, const char *at, bool measuring, struct secret *s) {
    const char *word = words[i];
    int kind = i && takes_program(words[i - 1]) && !is_assignment(word) ? PROGRAM : WORD;
    if (at == word && is_value_of_option(words, i, s) && !(s->why && !strcmp(s->why, BY_NAME) && names_file(i, s->from, measuring)))
        return true;
    if (!next_secret(word, at, kind, s)) return false;
    if (!*s->to && !strcmp(s->why, BY_NAME) && s->from[-1] == '=' && kind == WORD && names_file(i, s->from, measuring))
        return next_secret(s->from, s->from, WORD, s);
    return true;
}
