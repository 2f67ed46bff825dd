/* Files: what is opened, for what, in which state. */

enum { READS = 1, WRITES = 2 };

static long current_task(void);

/* A name that now stands for something else is told again when it is written again. */
static void forget_writing(const char *path, long task) {
    if (!lock()) return;
    forget_mark(access_mark(path, task, WRITES));
    if (task) forget_mark(access_mark(path, 0, WRITES));
    unlock();
}

/* ---- content from before the run */

static bool is_worth_saving(const char *path, const struct file_state *s) {
    return s->known && S_ISREG(s->mode) && s->size > 0 && s->size <= self.save_limit &&
           s->mtime_ns < self.run_start && !starts_with(path, "/usr/") && !starts_with(path, "/etc/") &&
           !starts_with(path, "/var/") && !(self.home_dot && starts_with(path, self.home_dot)) &&
           !strstr(path, "/.git/") && !strstr(path, "/__pycache__/");
}

static bool copy_content(const char *from, const char *to) {
    int in = quiet_open(from, O_RDONLY | O_NONBLOCK, 0);
    if (in < 0) return false;
    int out = quiet_open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    bool done = false;
    if (out >= 0) {
        struct file_state s;
        bool fits = state_of(in, &s) && fits_limit(s.size);
        done = fits && !ioctl(out, FICLONE, in);
        if (fits && !done) {
            int64_t left = s.size;
            while (left > 0) {
                long n = sendfile(out, in, NULL, (size_t)left);
                if (n <= 0) break;
                left -= n;
            }
            done = left <= 0;
        }
        quiet_close(out);
        if (!done) syscall(SYS_unlinkat, AT_FDCWD, to, 0);
    }
    quiet_close(in);
    return done;
}

/* One program may overwrite a hundred thousand results of an earlier run: there is an end to what is kept of them. */
#define MOST_SAVED 64 /* times the limit for one file */

/* Before the content from before the run is overwritten: keep it in saved/, once a run (the name is the path's mark). */
static void save_before(const char *path, const struct file_state *before) {
    static int64_t saved;
    if (!is_worth_saving(path, before) || saved < 0) return;
    if (saved + before->size > MOST_SAVED * self.save_limit) {
        const struct field gap[] = {F_TEXT("what", "content from before the run"), F_PATH("path", path),
                                    F_TEXT("why", "this program overwrites too much: it and what follows is not kept")};
        emit("gap", gap, 3);
        saved = -1;
        return;
    }
    saved += before->size;
    char to[PATH_MAX + 64];
    size_t n = put_text(to, self.folder), name = n + 1;
    n += put_text(to + n, "/saved");
    to[n] = 0;
    syscall(SYS_mkdirat, AT_FDCWD, to, 0700);
    to[n++] = '/';
    n += put_hex(to + n, access_mark(path, 0, 0));
    to[n] = 0;
    if (!copy_content(path, to)) return;
    const struct field fields[] = {F_PATH("p", path), F_TEXT("as", to + name), F_STATE("s", before)};
    emit("save", fields, 3);
}

/* ---- opening */

/* What is known of an opening between before and after the real call; the path is worked out anew, so that no stack is
 * taken for it. */
struct opening {
    bool watched;
    bool writes, rw, truncates, appends;
    bool is_first;           /* no event yet for this file, kind and task */
    long task;
    struct file_state before;
};

static void before_open(struct opening *o, int at, const char *path, int flags) {
    int access = flags & O_ACCMODE;
    o->watched = false;
    o->writes = access != O_RDONLY || (flags & O_TRUNC);
    o->task = 0;
    if ((flags & O_PATH) || (flags & O_DIRECTORY) || access == 3) return;
    if (!o->writes) { /* all that is to be known of it can be asked afterwards */
        o->watched = self.on;
        return;
    }
    if (!enter()) return;
    char *full = room_for_path(PATH_A);
    if (absolute(at, path, full) && !is_no_data(full)) {
        o->watched = true;
        o->rw = access == O_RDWR;
        o->truncates = flags & O_TRUNC;
        o->appends = flags & O_APPEND;
        o->task = current_task();
        o->is_first = first_time(full, o->task, WRITES, NULL);
        bool will_fail = state_at(full, true, &o->before) && (flags & O_CREAT) && (flags & O_EXCL);
        if (o->is_first && !will_fail) save_before(full, &o->before);
    }
    leave();
}

static void after_open(struct opening *o, int at, const char *path, int fd, FILE *stream) {
    if (!o->watched || (fd < 0 && !o->writes)) return;
    int error = errno;
    if (enter()) {
        struct file_state state;
        char *full = room_for_path(PATH_A);
        bool is_file = fd >= 0 && state_of(fd, &state) && S_ISREG(state.mode);
        if ((fd >= 0 && !is_file) || !absolute(at, path, full)) {
            /* a folder, a pipe, a device: no data */
        } else if (fd < 0) { /* it was not written: the next try is the first */
            if (o->is_first) forget_writing(full, o->task);
        } else if (!o->writes) {
            o->task = current_task();
            if (!is_no_data(full) && first_time(full, o->task, READS, &state))
                note_state("read", full, &state, NULL, o->task, false);
        } else {
            if (o->is_first) {
                const char *mode = !o->before.known ? "create"
                                   : o->truncates   ? "truncate"
                                   : o->appends     ? "append"
                                                    : "update";
                note_state("write", full, &o->before, mode, o->task, o->rw);
            }
            if (o->truncates) o->before.known = false; /* empty now: whatever comes is another state */
            track(fd, full, o->task, &o->before, stream, false);
        }
        leave();
    }
    errno = error;
}

#define OPENING(at, path, flags) \
    struct opening o; \
    int error = errno; \
    before_open(&o, at, path, flags); \
    errno = error

#define MODE_ARGUMENT(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    EXPORT int name(const char *path, int flags, ...) { \
        REAL(name); \
        MODE_ARGUMENT(flags) \
        OPENING(AT_FDCWD, path, flags); \
        int fd = real_##name(path, flags, mode); \
        after_open(&o, AT_FDCWD, path, fd, NULL); \
        return fd; \
    }
#define OPENAT(name) \
    EXPORT int name(int at, const char *path, int flags, ...) { \
        REAL(name); \
        MODE_ARGUMENT(flags) \
        OPENING(at, path, flags); \
        int fd = real_##name(at, path, flags, mode); \
        after_open(&o, at, path, fd, NULL); \
        return fd; \
    }
#define OPEN_2(name) \
    extern int name(const char *, int); \
    EXPORT int name(const char *path, int flags) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, flags); \
        int fd = real_##name(path, flags); \
        after_open(&o, AT_FDCWD, path, fd, NULL); \
        return fd; \
    }
#define OPENAT_2(name) \
    extern int name(int, const char *, int); \
    EXPORT int name(int at, const char *path, int flags) { \
        REAL(name); \
        OPENING(at, path, flags); \
        int fd = real_##name(at, path, flags); \
        after_open(&o, at, path, fd, NULL); \
        return fd; \
    }
#define CREAT(name) \
    EXPORT int name(const char *path, mode_t mode) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC); \
        int fd = real_##name(path, mode); \
        after_open(&o, AT_FDCWD, path, fd, NULL); \
        return fd; \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
CREAT(creat)
CREAT(creat64)

static int flags_of_mode(const char *mode) {
    bool plus = mode && strchr(mode, '+');
    if (!mode || mode[0] == 'r') return plus ? O_RDWR : O_RDONLY;
    return (plus ? O_RDWR : O_WRONLY) | O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
}

#define FOPEN(name) \
    EXPORT FILE *name(const char *path, const char *mode) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, flags_of_mode(mode)); \
        FILE *stream = real_##name(path, mode); \
        after_open(&o, AT_FDCWD, path, stream ? fileno(stream) : -1, stream); \
        return stream; \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define FREOPEN(name) \
    EXPORT FILE *name(const char *path, const char *mode, FILE *old) { \
        REAL(name); \
        if (enter()) { \
            int fd = old ? fileno(old) : -1; \
            if (is_tracked(fd)) fflush(old), before_close(fd); \
            leave(); \
        } \
        OPENING(AT_FDCWD, path, flags_of_mode(mode)); \
        FILE *stream = real_##name(path, mode, old); \
        after_open(&o, AT_FDCWD, path, stream ? fileno(stream) : -1, stream); \
        return stream; \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

/* The names that mkstemp and its kin make are known only afterwards. */
static int after_mkstemp(int fd, const char *path) {
    struct opening o = {.watched = true, .writes = true, .rw = true};
    int error = errno;
    if (fd >= 0 && enter()) {
        char *full = room_for_path(PATH_A);
        o.watched = absolute(AT_FDCWD, path, full) && !is_no_data(full);
        o.task = current_task();
        o.is_first = o.watched && first_time(full, o.task, WRITES, NULL);
        leave();
        after_open(&o, AT_FDCWD, path, fd, NULL);
    }
    errno = error;
    return fd;
}
#define MKSTEMP(name, parameters, arguments) \
    EXPORT int name parameters { \
        REAL(name); \
        return after_mkstemp(real_##name arguments, path); \
    }
MKSTEMP(mkstemp, (char *path), (path))
MKSTEMP(mkstemp64, (char *path), (path))
MKSTEMP(mkostemp, (char *path, int flags), (path, flags))
MKSTEMP(mkostemp64, (char *path, int flags), (path, flags))
MKSTEMP(mkstemps, (char *path, int suffix), (path, suffix))
MKSTEMP(mkstemps64, (char *path, int suffix), (path, suffix))
MKSTEMP(mkostemps, (char *path, int suffix, int flags), (path, suffix, flags))
MKSTEMP(mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags))

#define TRUNCATE(name, offset) \
    EXPORT int name(const char *path, offset length) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, O_WRONLY); \
        int result = real_##name(path, length); \
        if (!result && o.watched) { \
            GUARDED({ \
                struct file_state state; \
                char *full = room_for_path(PATH_A); \
                if (absolute(AT_FDCWD, path, full) && state_at(full, true, &state)) { \
                    if (o.is_first) note_state("write", full, &o.before, "update", o.task, false); \
                    note_state("close", full, &state, NULL, o.task, false); \
                } \
            }); \
        } \
        return result; \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)
