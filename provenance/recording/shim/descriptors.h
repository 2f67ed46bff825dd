/* Descriptors open for writing: the state of a file is written down when the last of this process is closed. */

static void note_state(const char *kind, const char *path, const struct file_state *state, const char *mode,
                       long task, bool rw) {
    struct field fields[5] = {F_PATH("p", path), F_STATE("s", state)};
    int count = 2;
    if (mode) fields[count++] = F_TEXT("mode", mode);
    if (rw) fields[count++] = F_FLAG("rw");
    if (task) fields[count++] = F_NUMBER("task", task);
    emit(kind, fields, count);
}


/* Files open for writing: their state is written down when the last descriptor is closed, or at the end. */
struct written {
    char *path;              /* in the same mapping, behind this struct */
    size_t mapped;
    long task;
    int descriptors;         /* how many of this process are open on it */
    FILE *stream;            /* what a normal exit flushes; NULL when opened without one */
    bool inherited;          /* was open before this image began: noted only if it is written to */
    struct file_state last;  /* the last one written down */
    struct written *next;
};

#define DESCRIPTORS 65536
static struct written **open_files; /* by descriptor; made on first use */
static struct written *all_written;

static void track(int fd, const char *path, long task, const struct file_state *state, FILE *stream,
                  bool inherited) {
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
    if (w) w->stream = NULL;
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

/* The next entry after `w` (the first for NULL) that is open and of `task` (0: of any); its path is copied, as another
 * thread may use the entry again. With nothing more, NULL. */
static struct written *next_open(struct written *w, long task, char *path) {
    if (!lock()) return NULL;
    for (w = w ? w->next : all_written; w; w = w->next)
        if (w->descriptors && (!task || w->task == task)) {
            strcpy(path, w->path);
            break;
        }
    unlock();
    return w;
}

/* The state of all that is still open for writing; of one task only when `task` is not 0. */
static void note_open_files(long task) {
    char *path = room_for_path(PATH_C);
    for (struct written *w = NULL; all_written && (w = next_open(w, task, path));) {
        struct file_state state;
        if (!state_at(path, true, &state) || (w->last.known && state.inode != w->last.inode)) continue;
        if (!w->last.known && !w->inherited) {
            note_state("close", path, &state, NULL, w->task, false);
            w->last = state;
        } else {
            note_written(w, &state);
        }
    }
}

/* At a normal exit the C library flushes its streams after us; now, so that the state that is noted is the last one. A
 * stream that another thread holds is left to the library. */
static void flush_streams(void) {
    char *frame = busy_frame;
    busy_frame = (char *)UINTPTR_MAX; /* a stream may call back into the program, and that one into us */
    if (!ftrylockfile(stdout)) fflush(stdout), funlockfile(stdout);
    bool locked = all_written && lock();
    for (struct written *w = locked ? all_written : NULL; w; w = w->next)
        if (w->descriptors && w->stream && !ftrylockfile(w->stream)) fflush(w->stream), funlockfile(w->stream);
    if (locked) unlock();
    busy_frame = frame;
}

/* In a forked child: what is open was written by the parent up to now, and the parent's tasks are not the child's. */
static void inherit_open_files(void) {
    for (struct written *w = all_written; w; w = w->next) {
        if (!w->descriptors) continue;
        w->task = 0;
        w->inherited = true;
        state_at(w->path, true, &w->last);
    }
}

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
    int error = errno, fd = stream ? fileno(stream) : -1;
    errno = error; /* a stream in memory has no descriptor */
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
