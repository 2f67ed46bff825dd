/* An event as one JSON line: fields are measured first, so that the line is written in place, without a buffer. */

struct file_state {
    bool known;
    int64_t size, mtime_ns;
    uint64_t inode, device;
    mode_t mode;
};

struct field {
    const char *name;
    enum { TEXT, PATH_TEXT, NUMBER, FLAG, SECONDS, STATE, WORDS, NUMBERS, LIST } kind;
    union {
        const char *text;               /* of a LIST: texts one behind the other, then an empty one */
        int64_t number;                 /* NUMBER; SECONDS in microseconds */
        const struct file_state *state; /* unknown ones are written as null */
        char *const *words;
        const int64_t *pair;
    };
};

#define F_TEXT(n, v) ((struct field){.name = n, .kind = TEXT, .text = (v)})
#define F_PATH(n, v) ((struct field){.name = n, .kind = PATH_TEXT, .text = (v)})
#define F_NUMBER(n, v) ((struct field){.name = n, .kind = NUMBER, .number = (v)})
#define F_FLAG(n) ((struct field){.name = n, .kind = FLAG})
#define F_SECONDS(n, v) ((struct field){.name = n, .kind = SECONDS, .number = (v)})
#define F_STATE(n, v) ((struct field){.name = n, .kind = STATE, .state = (v)})
#define F_NUMBERS(n, v) ((struct field){.name = n, .kind = NUMBERS, .pair = (v)})
#define F_LIST(n, v) ((struct field){.name = n, .kind = LIST, .text = (v)})
#define F_WORDS(n, v) ((struct field){.name = n, .kind = WORDS, .words = (v)})

/* Length of the valid UTF-8 sequence at `p`, 0 when there is none. */
static int utf8_length(const unsigned char *p) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    int n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

/* Writes `text` up to `end` at `to`, or only measures when `to` is NULL. Bytes that are not UTF-8 become lone
 * surrogates, as Python's surrogateescape has them. */
static size_t json_part(char *to, const char *text, const char *end) {
    size_t n = 0;
    const unsigned char *last = (const unsigned char *)end;
    for (const unsigned char *p = (const unsigned char *)text; p < last && *p;) {
        const unsigned char *plain = p;
        while (p < last && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') p++;
        if (p != plain) {
            if (to) memcpy(to + n, plain, (size_t)(p - plain));
            n += (size_t)(p - plain);
            continue;
        }
        int length = *p < 0x20 || *p == 0x7f ? 0 : utf8_length(p);
        if (*p == '"' || *p == '\\') {
            if (to) to[n] = '\\', to[n + 1] = (char)*p;
            n += 2, p++;
        } else if (length) {
            if (to) memcpy(to + n, p, (size_t)length);
            n += (size_t)length, p += length;
        } else {
            if (to) {
                memcpy(to + n, *p < 0x80 ? "\\u00" : "\\udc", 4);
                to[n + 4] = "0123456789abcdef"[*p >> 4];
                to[n + 5] = "0123456789abcdef"[*p & 15];
            }
            n += 6, p++;
        }
    }
    return n;
}

static size_t json_text(char *to, const char *text) {
    size_t n = 1 + json_part(to ? to + 1 : NULL, text, text + strlen(text));
    if (to) to[0] = to[n] = '"';
    return n + 1;
}

#define MARKER_BEGINS "[removed: "

static size_t json_marker(char *to, const char *why) {
    size_t head = strlen(MARKER_BEGINS), n = strlen(why);
    if (to) {
        memcpy(to, MARKER_BEGINS, head);
        memcpy(to + head, why, n);
        to[head + n] = ']';
    }
    return head + n + 1;
}

/* A word of a command line, or a path when `words` is NULL, with a marker in the place of each credential. */
static size_t json_shown(char *to, char *const *words, size_t i, const char *text) {
    size_t n = 1;
    const char *at = text;
    struct secret s;
    bool is_harmless = words && to && get_bit(harmless_words, i);
    if (to) to[0] = '"';
    while (*at && !is_harmless && (words ? next_in_word(words, i, at, !to, &s) : next_in_path(text, at, &s))) {
        n += json_part(to ? to + n : NULL, at, s.from);
        n += json_marker(to ? to + n : NULL, s.why);
        at = s.to;
    }
    if (words && !to && i < WORDS_LOOKED_AT) set_bit(harmless_words, i, at == text);
    n += json_part(to ? to + n : NULL, at, at + strlen(at));
    if (to) to[n] = '"';
    return n + 1;
}

static size_t json_state(char *to, const struct file_state *s) {
    if (!s->known) {
        if (to) memcpy(to, "null", 4);
        return 4;
    }
    const int64_t numbers[] = {s->size, s->mtime_ns, (int64_t)s->inode, (int64_t)s->device};
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        if (to) to[n] = i ? ',' : '[';
        n++;
        n += to ? put_number(to + n, numbers[i]) : number_length(numbers[i]);
    }
    if (to) to[n] = ']';
    return n + 1;
}

static size_t json_seconds(char *to, int64_t microseconds) {
    size_t n = to ? put_number(to, microseconds / 1000000) : number_length(microseconds / 1000000);
    if (to) {
        to[n] = '.';
        int64_t rest = microseconds % 1000000;
        for (int i = 6; i; i--, rest /= 10) to[n + (size_t)i] = (char)('0' + rest % 10);
    }
    return n + 7;
}

static size_t json_value(char *to, const struct field *f) {
    size_t n = 0;
    switch (f->kind) {
    case TEXT: return json_text(to, f->text);
    case PATH_TEXT: return json_shown(to, NULL, 0, f->text);
    case NUMBER: return to ? put_number(to, f->number) : number_length(f->number);
    case FLAG:
        if (to) memcpy(to, "true", 4);
        return 4;
    case SECONDS: return json_seconds(to, f->number);
    case STATE: return json_state(to, f->state);
    case WORDS:
        if (to) to[0] = '[';
        n = 1;
        for (char *const *word = f->words; *word; word++) {
            if (word != f->words) {
                if (to) to[n] = ',';
                n++;
            }
            n += json_shown(to ? to + n : NULL, f->words, (size_t)(word - f->words), *word);
        }
        if (to) to[n] = ']';
        return n + 1;
    case NUMBERS:
        if (to) to[0] = '[';
        n = 1 + (to ? put_number(to + 1, f->pair[0]) : number_length(f->pair[0]));
        if (to) to[n] = ',';
        n++;
        n += to ? put_number(to + n, f->pair[1]) : number_length(f->pair[1]);
        if (to) to[n] = ']';
        return n + 1;
    case LIST:
        if (to) to[0] = '[';
        n = 1;
        for (const char *text = f->text; *text; text += strlen(text) + 1) {
            if (text != f->text) {
                if (to) to[n] = ',';
                n++;
            }
            n += json_text(to ? to + n : NULL, text);
        }
        if (to) to[n] = ']';
        return n + 1;
    }
    return 0;
}

/* {"i":"host-1-1f","e":"read","t":1,...}\n */
static size_t json_event(char *to, const char *kind, int64_t time, const struct field *fields, int count) {
    size_t n = 0;
    const struct field head[] = {F_TEXT("i", self.id), F_TEXT("e", kind), F_NUMBER("t", time)};
    for (int i = 0; i < count + 3; i++) {
        const struct field *f = i < 3 ? &head[i] : &fields[i - 3];
        size_t name = strlen(f->name);
        if (to) {
            to[n] = i ? ',' : '{';
            to[n + 1] = '"';
            memcpy(to + n + 2, f->name, name);
            memcpy(to + n + 2 + name, "\":", 2);
        }
        n += name + 4;
        n += json_value(to ? to + n : NULL, f);
    }
    if (to) memcpy(to + n, "}\n", 2);
    return n + 2;
}
