/* Files: what is opened, for what, in which state, and what becomes of names. */

enum { READS = 1, WRITES = 2 };

/* Files open for writing: their state is written down when the last descriptor is closed, or at the end. */
struct written {
    char *path;              /* in the same mapping, behind this struct */
    size_t mapped;
    long task;
    int descriptors;         /* how many of this process are open on it */
    bool inherited;          /* was open before this image began: noted only if it is written to */
    FILE *stream;
    struct file_state last;  /* the last one written down */
    struct written *next;
};

#define DESCRIPTORS 65536
static struct written **open_files; /* by descriptor; made on first use */
static struct written *all_written;

static long current_task(void);

static void note_state(const char *kind, const char *path, const struct file_state *state, const char *mode,
                       long task, bool rw) {
    struct field fields[5] = {F_TEXT("p", path), F_STATE("s", state)};
    int count = 2;
    if (mode) fields[count++] = F_TEXT("mode", mode);
    if (rw) fields[count++] = F_FLAG("rw");
    if (task) fields[count++] = F_NUMBER("task", task);
    emit(kind, fields, count);
}

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
        const struct field gap[] = {F_TEXT("what", "content from before the run"), F_TEXT("path", path),
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
    const struct field fields[] = {F_TEXT("p", path), F_TEXT("as", to + name), F_STATE("s", before)};
    emit("save", fields, 3);
}

/* ---- descriptors open for writing */

static void track(int fd, const char *path, long task, const struct file_state *state, FILE *stream, bool inherited) {
    size_t length = strlen(path) + 1, size = sizeof(struct written) + length;
    if (fd < 0 || fd >= DESCRIPTORS || !lock()) return;
    if (!open_files) {
        void *table = fresh_pages(DESCRIPTORS * sizeof *open_files);
        if (table != MAP_FAILED) open_files = table;
    }
    if (open_files) {
        static char *arena;
        static size_t arena_left;
        size = (size + 64 + 63) & ~(size_t)63; /* room for a longer name, if it is renamed */
        if (arena_left < size) {
            size_t block = 64 << 10;
            void *memory = fresh_pages(block);
            arena = memory == MAP_FAILED ? NULL : memory;
            arena_left = arena ? block : 0;
        }
        /* Entries that were closed are used again, so that a million files need no more than those open at once. */
        struct written **slot = &all_written, *entry = NULL;
        for (int tries = 0; *slot && tries < 32; slot = &(*slot)->next, tries++)
            if (!(*slot)->descriptors && (*slot)->mapped >= size) {
                entry = *slot;
                break;
            }
        if (!entry && arena_left >= size) {
            entry = (struct written *)(void *)arena;
            arena += size;
            arena_left -= size;
            memset(entry, 0, sizeof *entry);
            entry->mapped = size;
            entry->next = all_written;
            all_written = entry;
        }
        if (entry) {
            entry->path = (char *)(entry + 1);
            memcpy(entry->path, path, length);
            entry->task = task;
            entry->descriptors = 1;
            entry->inherited = inherited;
            entry->stream = stream;
            entry->last = *state;
            open_files[fd] = entry;
        }
    }
    unlock();
}

/* What is still open for writing is closed under its new name. */
static void follow_rename(const char *path, const char *to) {
    size_t n = strlen(to) + 1;
    if (!all_written || !lock()) return;
    for (struct written *w = all_written; w; w = w->next)
        if (w->descriptors && !strcmp(w->path, path) && n <= w->mapped - sizeof *w) memcpy(w->path, to, n);
    unlock();
}

static void note_written(struct written *w, const struct file_state *state) {
    if (!state->known || same_state(state, &w->last)) return;
    if (w->inherited) note_state("write", w->path, &w->last, "inherited", w->task, false);
    w->inherited = false;
    note_state("close", w->path, state, NULL, w->task, false);
    w->last = *state;
}

static bool is_tracked(int fd) { return open_files && fd >= 0 && fd < DESCRIPTORS && open_files[fd]; }

/* Before the real close; a vfork child closes its own copies, not its parent's. */
static void before_close(int fd) {
    if (!is_tracked(fd) || in_vfork_child() || !lock()) return;
    struct written *w = open_files[fd];
    struct file_state state = {0};
    bool last = w && w->descriptors == 1;
    if (w && !last) w->descriptors--;
    open_files[fd] = NULL;
    unlock();
    if (!last) return; /* the entry stays taken until its state is written down */
    bool created = !w->last.known;
    if (state_of(fd, &state)) {
        if (created && !w->inherited) {
            note_state("close", w->path, &state, NULL, w->task, false);
        } else {
            note_written(w, &state);
        }
    }
    if (!lock()) return;
    w->descriptors = 0;
    w->stream = NULL;
    unlock();
}

static void copy_descriptor(int from, int to) {
    if (from == to || to < 0 || to >= DESCRIPTORS || in_vfork_child()) return;
    if ((!is_tracked(from) && !is_tracked(to)) || !lock()) return;
    struct written *w = open_files && from >= 0 && from < DESCRIPTORS ? open_files[from] : NULL;
    if (open_files) {
        open_files[to] = w;
        if (w) w->descriptors++;
    }
    unlock();
}

/* The state of all that is still open for writing; of one task only when `task` is not 0. */
static void note_open_files(long task) {
    for (struct written *w = all_written; w; w = w->next) {
        if (!w->descriptors || (task && w->task != task)) continue;
        if (w->stream && !ftrylockfile(w->stream)) {
            fflush(w->stream);
            funlockfile(w->stream);
        }
        struct file_state state;
        if (state_at(w->path, true, &state) && (!w->last.known || state.inode == w->last.inode)) {
            if (!w->last.known && !w->inherited) {
                note_state("close", w->path, &state, NULL, w->task, false);
                w->last = state;
            } else {
                note_written(w, &state);
            }
        }
    }
}

/* ---- opening */

struct opening {
    bool watched;
    bool writes, rw, truncates, appends;
    bool is_first;           /* no event yet for this file, kind and task */
    long task;
    struct file_state before;
    char path[PATH_MAX];
};

static void before_open(struct opening *o, int at, const char *path, int flags) {
    int access = flags & O_ACCMODE;
    o->watched = false;
    if ((flags & O_PATH) || (flags & O_DIRECTORY) || access == 3 || !enter()) return;
    if (absolute(at, path, o->path) && !is_no_data(o->path)) {
        o->watched = true;
        o->writes = access != O_RDONLY || (flags & O_TRUNC);
        o->rw = access == O_RDWR;
        o->truncates = flags & O_TRUNC;
        o->appends = flags & O_APPEND;
        o->task = current_task();
        if (o->writes) {
            o->is_first = first_time(o->path, o->task, WRITES, NULL);
            bool will_fail = state_at(o->path, true, &o->before) && (flags & O_CREAT) && (flags & O_EXCL);
            if (o->is_first && !will_fail) save_before(o->path, &o->before);
        }
    }
    leave();
}

static void after_open(struct opening *o, int fd, FILE *stream) {
    if (!o->watched || (fd < 0 && !o->writes)) return;
    int saved = errno;
    if (enter()) {
        struct file_state state;
        if (fd < 0) { /* it was not written: the next try is the first */
            if (o->is_first) forget_writing(o->path, o->task);
        } else if (!o->writes) {
            if (state_of(fd, &state) && S_ISREG(state.mode) && first_time(o->path, o->task, READS, &state))
                note_state("read", o->path, &state, NULL, o->task, false);
        } else if (state_of(fd, &state) && S_ISREG(state.mode)) {
            if (o->is_first) {
                const char *mode = !o->before.known ? "create"
                                   : o->truncates   ? "truncate"
                                   : o->appends     ? "append"
                                                    : "update";
                note_state("write", o->path, &o->before, mode, o->task, o->rw);
            }
            if (o->truncates) o->before.known = false; /* empty now: whatever comes is another state */
            track(fd, o->path, o->task, &o->before, stream, false);
        }
        leave();
    }
    errno = saved;
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
        after_open(&o, fd, NULL); \
        return fd; \
    }
#define OPENAT(name) \
    EXPORT int name(int at, const char *path, int flags, ...) { \
        REAL(name); \
        MODE_ARGUMENT(flags) \
        OPENING(at, path, flags); \
        int fd = real_##name(at, path, flags, mode); \
        after_open(&o, fd, NULL); \
        return fd; \
    }
#define OPEN_2(name) \
    extern int name(const char *, int); \
    EXPORT int name(const char *path, int flags) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, flags); \
        int fd = real_##name(path, flags); \
        after_open(&o, fd, NULL); \
        return fd; \
    }
#define OPENAT_2(name) \
    extern int name(int, const char *, int); \
    EXPORT int name(int at, const char *path, int flags) { \
        REAL(name); \
        OPENING(at, path, flags); \
        int fd = real_##name(at, path, flags); \
        after_open(&o, fd, NULL); \
        return fd; \
    }
#define CREAT(name) \
    EXPORT int name(const char *path, mode_t mode) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC); \
        int fd = real_##name(path, mode); \
        after_open(&o, fd, NULL); \
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
        after_open(&o, stream ? fileno(stream) : -1, stream); \
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
        after_open(&o, stream ? fileno(stream) : -1, stream); \
        return stream; \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

/* The names that mkstemp and its kin make are known only afterwards. */
static int after_mkstemp(int fd, const char *path) {
    struct opening o = {0};
    int saved = errno;
    if (fd >= 0 && enter()) {
        o.watched = absolute(AT_FDCWD, path, o.path) && !is_no_data(o.path);
        o.writes = true;
        o.rw = true;
        o.task = current_task();
        o.is_first = o.watched && first_time(o.path, o.task, WRITES, NULL);
        leave();
        after_open(&o, fd, NULL);
    }
    errno = saved;
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

/* ---- closing and copying descriptors */

#define GUARDED(...) \
    do { \
        int saved_errno = errno; \
        if (enter()) { \
            __VA_ARGS__; \
            leave(); \
        } \
        errno = saved_errno; \
    } while (0)

/* Standard input that another process opened: read if its place has moved. */
static off_t start_of_input = -1;
static void note_standard_input(void);

EXPORT int close(int fd) {
    REAL(close);
    if (fd == 0 && start_of_input >= 0) GUARDED(note_standard_input());
    if (is_tracked(fd)) GUARDED(before_close(fd));
    return real_close(fd);
}

EXPORT int fclose(FILE *stream) {
    REAL(fclose);
    int fd = stream ? fileno(stream) : -1;
    if (fd == 0 && start_of_input >= 0) GUARDED(note_standard_input());
    if (is_tracked(fd)) GUARDED(fflush(stream); before_close(fd));
    return real_fclose(stream);
}

EXPORT int dup(int fd) {
    REAL(dup);
    int copy = real_dup(fd);
    if (is_tracked(fd)) GUARDED(copy_descriptor(fd, copy));
    return copy;
}

EXPORT int dup2(int fd, int to) {
    REAL(dup2);
    if (fd != to && is_tracked(to)) GUARDED(before_close(to));
    int copy = real_dup2(fd, to);
    if (copy >= 0 && (is_tracked(fd) || is_tracked(to))) GUARDED(copy_descriptor(fd, to));
    return copy;
}

EXPORT int dup3(int fd, int to, int flags) {
    REAL(dup3);
    if (fd != to && is_tracked(to)) GUARDED(before_close(to));
    int copy = real_dup3(fd, to, flags);
    if (copy >= 0 && (is_tracked(fd) || is_tracked(to))) GUARDED(copy_descriptor(fd, to));
    return copy;
}

/* ---- names */

struct moving {
    bool watched;
    struct file_state from, over;
    char path[PATH_MAX], to[PATH_MAX];
};

static void before_move(struct moving *m, int at, const char *path, int at_to, const char *to) {
    m->watched = false;
    m->from.known = m->over.known = false;
    if (!enter()) return;
    if (absolute(at, path, m->path) && (!to || absolute(at_to, to, m->to)) && !is_no_data(m->path)) {
        m->watched = state_at(m->path, false, &m->from);
        /* An input that its own reader deletes, as gzip does. */
        if (!to && m->watched && was_seen(state_mark(m->path, current_task(), READS, &m->from)))
            save_before(m->path, &m->from);
        if (to && state_at(m->to, false, &m->over)) save_before(m->to, &m->over);
    }
    leave();
}

static void after_rename(struct moving *m, int result, bool exchange) {
    if (result || !m->watched) return;
    GUARDED({
        struct field fields[6] = {F_TEXT("p", m->path), F_TEXT("to", m->to), F_STATE("s", &m->from)};
        int count = 3;
        long task = current_task();
        if (m->over.known) fields[count++] = F_STATE("over", &m->over);
        if (S_ISDIR(m->from.mode)) fields[count++] = F_FLAG(exchange ? "exchange" : "dir");
        if (task) fields[count++] = F_NUMBER("task", task);
        emit("rename", fields, count);
        follow_rename(m->path, m->to);
        forget_writing(m->path, task);
        forget_writing(m->to, task);
    });
}

#define MOVING(at, path, at_to, to) \
    struct moving m; \
    int error = errno; \
    before_move(&m, at, path, at_to, to); \
    errno = error

EXPORT int rename(const char *path, const char *to) {
    REAL(rename);
    MOVING(AT_FDCWD, path, AT_FDCWD, to);
    int result = real_rename(path, to);
    after_rename(&m, result, false);
    return result;
}

EXPORT int renameat(int at, const char *path, int at_to, const char *to) {
    REAL(renameat);
    MOVING(at, path, at_to, to);
    int result = real_renameat(at, path, at_to, to);
    after_rename(&m, result, false);
    return result;
}

EXPORT int renameat2(int at, const char *path, int at_to, const char *to, unsigned flags) {
    REAL(renameat2);
    MOVING(at, path, at_to, to);
    int result = real_renameat2 ? real_renameat2(at, path, at_to, to, flags)
                                : (int)syscall(SYS_renameat2, at, path, at_to, to, flags);
    after_rename(&m, result, flags & RENAME_EXCHANGE);
    return result;
}

static void after_delete(struct moving *m, int result) {
    if (result || !m->watched || S_ISDIR(m->from.mode)) return;
    GUARDED({
        struct field fields[3] = {F_TEXT("p", m->path), F_STATE("s", &m->from)};
        int count = 2;
        long task = current_task();
        if (task) fields[count++] = F_NUMBER("task", task);
        emit("delete", fields, count);
        forget_writing(m->path, task);
    });
}

EXPORT int unlink(const char *path) {
    REAL(unlink);
    MOVING(AT_FDCWD, path, AT_FDCWD, NULL);
    int result = real_unlink(path);
    after_delete(&m, result);
    return result;
}

EXPORT int unlinkat(int at, const char *path, int flags) {
    REAL(unlinkat);
    MOVING(at, path, AT_FDCWD, NULL);
    int result = real_unlinkat(at, path, flags);
    after_delete(&m, result);
    return result;
}

EXPORT int remove(const char *path) {
    REAL(remove);
    MOVING(AT_FDCWD, path, AT_FDCWD, NULL);
    int result = real_remove(path);
    after_delete(&m, result);
    return result;
}

static void note_link(int result, int at, const char *path, int at_to, const char *to, bool soft) {
    if (result) return;
    GUARDED({
        char absolute_path[PATH_MAX], absolute_to[PATH_MAX];
        struct file_state state = {0};
        bool known = absolute(at_to, to, absolute_to) && !is_no_data(absolute_to);
        if (known && soft && path[0] != '/') { /* the text of a symbolic link counts from the link's folder */
            size_t folder = (size_t)(strrchr(absolute_to, '/') - absolute_to) + 1;
            known = folder + strlen(path) < PATH_MAX;
            if (known) {
                memcpy(absolute_path, absolute_to, folder);
                strcpy(absolute_path + folder, path);
                char kept[PATH_MAX];
                strcpy(kept, absolute_path);
                if (!normalise(absolute_path)) strcpy(absolute_path, kept);
            }
        } else if (known) {
            known = absolute(at, path, absolute_path);
        }
        if (known) {
            if (!soft) state_at(absolute_to, false, &state);
            if (!soft && starts_with(absolute_path, "/proc/")) { /* a file that was made without a name gets one */
                static const struct file_state none;
                note_state("write", absolute_to, &none, "create", current_task(), false);
                note_state("close", absolute_to, &state, NULL, current_task(), false);
                known = false;
            }
        }
        if (known) {
            struct field fields[5] = {F_TEXT("p", absolute_path), F_TEXT("to", absolute_to), F_STATE("s", &state)};
            int count = 3;
            long task = current_task();
            if (soft) fields[count++] = F_FLAG("soft");
            if (task) fields[count++] = F_NUMBER("task", task);
            emit("link", fields, count);
        }
    });
}

EXPORT int link(const char *path, const char *to) {
    REAL(link);
    int result = real_link(path, to);
    note_link(result, AT_FDCWD, path, AT_FDCWD, to, false);
    return result;
}

EXPORT int linkat(int at, const char *path, int at_to, const char *to, int flags) {
    REAL(linkat);
    int result = real_linkat(at, path, at_to, to, flags);
    if (*path) note_link(result, at, path, at_to, to, false);
    return result;
}

EXPORT int symlink(const char *path, const char *to) {
    REAL(symlink);
    int result = real_symlink(path, to);
    note_link(result, AT_FDCWD, path, AT_FDCWD, to, true);
    return result;
}

EXPORT int symlinkat(const char *path, int at_to, const char *to) {
    REAL(symlinkat);
    int result = real_symlinkat(path, at_to, to);
    note_link(result, AT_FDCWD, path, at_to, to, true);
    return result;
}

#define TRUNCATE(name, offset) \
    EXPORT int name(const char *path, offset length) { \
        REAL(name); \
        OPENING(AT_FDCWD, path, O_WRONLY); \
        int result = real_##name(path, length); \
        if (!result && o.watched) { \
            GUARDED({ \
                struct file_state state; \
                if (o.is_first) note_state("write", o.path, &o.before, "update", o.task, false); \
                if (state_at(o.path, true, &state)) note_state("close", o.path, &state, NULL, o.task, false); \
            }); \
        } \
        return result; \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)

static void forget_cwd(void) {
    if (!self.on) return;
    if (in_vfork_child()) cwd_is_childs = true;
    else cwd_is_known = false;
}

EXPORT int chdir(const char *path) {
    REAL(chdir);
    int result = real_chdir(path);
    forget_cwd();
    return result;
}

EXPORT int fchdir(int fd) {
    REAL(fchdir);
    int result = real_fchdir(fd);
    forget_cwd();
    return result;
}
