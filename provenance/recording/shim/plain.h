/* What the C library has too, for short texts. Each function of it that starts up a program costs a symbol look-up of
 * 1 us, in every program of a run; these cost none. The empty statements keep the compiler from finding the library's
 * function in a loop and calling it after all. */

static inline size_t plain_strlen(const char *text) {
    const char *end = text;
    for (; *end; end++) __asm__("");
    return (size_t)(end - text);
}

static inline char *plain_strchr(const char *text, int c) {
    for (; *text != (char)c; text++)
        if (!*text) return NULL;
    return (char *)text;
}

static inline char *plain_strrchr(const char *text, int c) {
    const char *found = NULL;
    do
        if (*text == (char)c) found = text;
    while (*text++);
    return (char *)found;
}

static inline int plain_strncmp(const char *a, const char *b, size_t n) {
    for (; n; n--, a++, b++) {
        if (*a != *b) return (unsigned char)*a - (unsigned char)*b;
        if (!*a) break;
    }
    return 0;
}

static inline int plain_strcmp(const char *a, const char *b) { return plain_strncmp(a, b, SIZE_MAX); }

static inline size_t plain_strcspn(const char *text, const char *set) {
    size_t n = 0;
    while (text[n] && !plain_strchr(set, text[n])) n++;
    return n;
}

static inline size_t plain_strspn(const char *text, const char *set) {
    size_t n = 0;
    while (text[n] && plain_strchr(set, text[n])) n++;
    return n;
}

static inline char *plain_strstr(const char *text, const char *word) {
    size_t n = plain_strlen(word);
    for (;; text++) {
        if (!plain_strncmp(text, word, n)) return (char *)text;
        if (!*text) return NULL;
    }
}

static inline int plain_memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++) {
        if (*x != *y) return *x - *y;
        __asm__("");
    }
    return 0;
}

static inline void *plain_memchr(const void *bytes, int c, size_t n) {
    for (const char *at = bytes; n; n--, at++)
        if (*at == (char)c) return (void *)at;
    return NULL;
}

static inline void *plain_memcpy(void *to, const void *from, size_t n) {
    char *at = to;
    const char *source = from;
#if defined(__x86_64__)
    if (n > 128) { /* below, its start costs more than it saves */
        __asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(n)::"memory");
        return to;
    }
#endif
    for (; n >= 8; n -= 8, at += 8, source += 8) __builtin_memcpy(at, source, 8);
    for (; n; n--) {
        *at++ = *source++;
        __asm__("");
    }
    return to;
}

static inline char *plain_strcpy(char *to, const char *from) { return plain_memcpy(to, from, plain_strlen(from) + 1); }

#define strlen plain_strlen
#define strchr plain_strchr
#define strrchr plain_strrchr
#define strncmp plain_strncmp
#define strcmp plain_strcmp
#define strcspn plain_strcspn
#define strspn plain_strspn
#define strstr plain_strstr
#define memcmp plain_memcmp
#define memchr plain_memchr
#define memcpy plain_memcpy
#define strcpy plain_strcpy
