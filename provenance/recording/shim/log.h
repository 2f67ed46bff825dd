/* The journal files. All processes of a host share two, as a file for each costs 0.2 to 0.6 ms to create and makes
 * metadata servers suffer:
 *   <host>-<boot>.jsonl         the first few events of a process are appended to it, 3 us each; most programs need
 *                               no more
 *   <host>-<boot>.mapped.jsonl  what a talkative process has to tell goes to a place of its own there that an atomic
 *                               counter gives it. File and counter are mapped (0.1 ms, once): an event costs no
 *                               system call, and is the kernel's to keep once it stands there
 * No descriptor is kept. Where room can't be reserved in a shared file, the process maps a file of its own. What a
 * killed process reserved and did not write stays NUL; readers pass over it. */

static struct {
    bool begun;                /* the first event of this image is written */
    int appended;              /* how many were appended to the shared file */
    char *shared;              /* its path */
    bool own;                  /* a file of this process alone */
    char *path;
    char *window;              /* mapped part of the file */
    int64_t from, to;          /* its place in the file */
    volatile int64_t *end;     /* the counter: where the next event goes; shared by all processes of this host */
    int64_t own_end;
    unsigned skip;             /* events still to be dropped before the disk is tried again */
} log_file;

#define WINDOW (256 << 10)
#define OWN_WINDOW (64 << 10)
#define RETRY_AFTER 1000
#define MOST_APPENDED 16

static int quiet_open(const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static void quiet_close(int fd) { syscall(SYS_close, fd); }

/* Going past it would send SIGXFSZ to the program. */
static rlim_t largest_file(void) {
    struct rlimit limit;
    return syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) ? RLIM_INFINITY : limit.rlim_cur;
}

static bool fits_limit(int64_t size) {
    rlim_t largest = largest_file();
    return largest == RLIM_INFINITY || largest >= (rlim_t)size;
}

/* Room on disk up to `end`, so that writing to a mapping can't meet a full disk. Only reserving makes the file grow,
 * so that its size says what is reserved. */
static bool reserve(int fd, int64_t end) {
    static const char zeros[4096];
    struct stat s;
    if (syscall(SYS_fstat, fd, &s)) return false;
    if (s.st_size >= end) return true;
    if (!fits_limit(end)) return false;
    if (!syscall(SYS_fallocate, fd, 0, (off_t)s.st_size, (off_t)(end - s.st_size))) return true;
    if (!log_file.own) return false;
    for (int64_t at = s.st_size; at < end; at += (int64_t)sizeof zeros)
        if (syscall(SYS_pwrite64, fd, zeros, sizeof zeros, (off_t)at) != (long)sizeof zeros) return false;
    return true;
}

static void drop_window(void) {
    if (log_file.window) unmap_pages(log_file.window, (size_t)(log_file.to - log_file.from));
    log_file.window = NULL;
}

/* Maps the file from the page of `at` on (pages have up to 64 KiB), for `need` bytes and more. */
static bool move_window(int64_t at, size_t need) {
    int64_t from = at & ~(int64_t)65535, step = log_file.own ? OWN_WINDOW : WINDOW;
    int64_t to = ((at + (int64_t)need) / step + 1) * step; /* the same for all, so that few have to reserve */
    /* One that filled a window will fill the next: its pages are made ready in one go. */
    int flags = MAP_SHARED | (log_file.window ? MAP_POPULATE : 0);
    drop_window();
    int fd = log_file.path ? quiet_open(log_file.path, O_RDWR | O_CREAT, 0600) : -1;
    if (fd < 0) return false;
    void *window = MAP_FAILED;
    if (reserve(fd, to)) window = map_pages((size_t)(to - from), PROT_READ | PROT_WRITE, flags, fd, from);
    quiet_close(fd);
    if (window == MAP_FAILED) return false;
    log_file.window = window;
    log_file.from = from;
    log_file.to = to;
    return true;
}

static bool name_shared(void) {
    if (!(log_file.shared = keep_text(self.folder, sizeof self.host + 32))) return false;
    char *to = log_file.shared + self.folder_length;
    *to++ = '/';
    to += put_text(to, self.host);
    *to++ = '-';
    to += put_text(to, self.boot);
    memcpy(to, ".jsonl", 7);
    return true;
}

static size_t put_log_path(const char *stem, size_t n) {
    if (!log_file.path) log_file.path = keep_text("", PATH_MAX);
    if (!log_file.path) return 0;
    memcpy(log_file.path, stem, n);
    return n;
}

static bool open_shared(void) {
    size_t n = put_log_path(log_file.shared, strlen(log_file.shared) - 6);
    if (!n) return false;
    memcpy(log_file.path + n, ".count", 7);
    int fd = quiet_open(log_file.path, O_RDWR | O_CREAT, 0600);
    if (fd < 0) return false;
    void *counter = MAP_FAILED;
    if (reserve(fd, 4096)) counter = map_pages(4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    quiet_close(fd);
    if (counter == MAP_FAILED) return false;
    log_file.end = counter;
    memcpy(log_file.path + n, ".mapped.jsonl", 14);
    return true;
}

static void open_own(void) {
    drop_window();
    log_file.own = true;
    log_file.own_end = 0;
    log_file.end = &log_file.own_end;
    size_t n = put_log_path(self.folder, self.folder_length);
    if (!n) return;
    log_file.path[n++] = '/';
    n += put_text(log_file.path + n, self.id);
    memcpy(log_file.path + n, ".jsonl", 7);
}

/* Where a line of `n` bytes goes; its line feed is set first, so that what is torn ends there. NULL when lost. */
static char *room(size_t n) {
    if (log_file.skip) {
        log_file.skip--;
        return NULL;
    }
    if (!log_file.end && !open_shared()) open_own();
    for (;;) {
        int64_t at = __atomic_fetch_add(log_file.end, (int64_t)n, __ATOMIC_RELAXED);
        if ((log_file.window && at >= log_file.from && at + (int64_t)n <= log_file.to) || move_window(at, n)) {
            log_file.window[at - log_file.from + (int64_t)n - 1] = '\n';
            return log_file.window + (at - log_file.from);
        }
        if (log_file.own) break;
        open_own();
    }
    log_file.skip = RETRY_AFTER;
    return NULL;
}

/* Appended in one call, so that lines of many writers never mix. */
static bool append(const char *line, size_t n) {
    struct stat s;
    int fd = quiet_open(log_file.shared, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return false;
    rlim_t largest = largest_file();
    bool done = largest == RLIM_INFINITY || (!syscall(SYS_fstat, fd, &s) && largest >= (rlim_t)s.st_size + n);
    if (done) {
        long written = syscall(SYS_write, fd, line, n);
        done = written == (long)n;
        if (written > 0 && !done) done = syscall(SYS_write, fd, "\n", 1) && false; /* a full disk: end what is torn */
    }
    quiet_close(fd);
    return done;
}

static void begin_log(void);

static bool is_talkative(void) { return log_file.appended >= MOST_APPENDED; }

/* A line that stands already, `n` bytes with braces and line feed. Who wrote it is put in front. With the lock held. */
static void append_line(const char *line, size_t n) {
    if (!log_file.begun) begin_log();
    size_t id = strlen(self.id), head = id + 8, length = n + head - 1;
    char *small = room_for_path(PATH_OWN);
    bool mapped = is_talkative() || length > PATH_MAX;
    char *to = mapped ? room(length) : small;
    if (to) {
        memcpy(to, "{\"i\":\"", 6);
        memcpy(to + 6, self.id, id);
        memcpy(to + 6 + id, "\",", 2);
        memcpy(to + head, line + 1, n - 1);
        log_file.appended += mapped ? MOST_APPENDED : 1; /* what follows stands behind it */
    }
    if (!to || (!mapped && !append(small, length))) self.lost++;
}

struct event {
    const char *kind;
    int64_t time;
    const struct field *fields;
    int count;
};

/* With the lock held. */
static void append_event(const char *kind, int64_t time, const struct field *fields, int count) {
    if (!log_file.begun) begin_log();
    size_t n = json_event(NULL, kind, time, fields, count);
    char *small = room_for_path(PATH_OWN);
    bool mapped = is_talkative() || n > PATH_MAX;
    /* Copied as a whole: a handler that jumps away in between leaves a torn line. */
    if (n <= PATH_MAX) json_event(small, kind, time, fields, count);
    char *to = mapped ? room(n) : small;
    if (to) {
        if (n > PATH_MAX) json_event(to, kind, time, fields, count);
        else if (mapped) memcpy(to, small, n);
        log_file.appended += mapped ? MOST_APPENDED : 1; /* what follows stands behind it */
    }
    if (!to || (!mapped && !append(small, n))) self.lost++;
}

/* Two events, in one call where they are appended. With the lock held. */
static void append_both(const struct event *first, const struct event *second) {
    if (!log_file.begun) begin_log();
    size_t n = json_event(NULL, first->kind, first->time, first->fields, first->count);
    size_t all = n + json_event(NULL, second->kind, second->time, second->fields, second->count);
    if (is_talkative() || all > PATH_MAX) {
        append_event(first->kind, first->time, first->fields, first->count);
        append_event(second->kind, second->time, second->fields, second->count);
        return;
    }
    char *small = room_for_path(PATH_OWN);
    json_event(small, first->kind, first->time, first->fields, first->count);
    json_event(small + n, second->kind, second->time, second->fields, second->count);
    log_file.appended += 2;
    if (!append(small, all)) self.lost += 2;
}

#define MOST_FIELDS 8

/* A vfork child writes in its parent's name: such an event says whose it is. */
static void emit(const char *kind, const struct field *fields, int count) {
    int64_t time = now();
    struct field with_pid[MOST_FIELDS + 1];
    if (in_vfork_child() && strcmp(kind, "unwatched")) {
        pid_t pid = (pid_t)syscall(SYS_getpid);
        memcpy(with_pid, fields, (size_t)count * sizeof *fields);
        with_pid[count++] = F_NUMBER("pid", pid);
        fields = with_pid;
    }
    if (!lock()) return;
    append_event(kind, time, fields, count);
    unlock();
}

/* Cuts the room that a file of our own has left over. */
static void trim_log(void) {
    if (!log_file.own || !log_file.window) return;
    drop_window();
    syscall(SYS_truncate, log_file.path, (off_t)log_file.own_end);
}

static char **start_argv;

/* The first event: who writes. It comes with the first thing to tell, so that a fork that goes straight on to exec
 * leaves nothing. */
static void begin_log(void) {
    char *exe = room_for_path(PATH_INNER); /* and the folder right behind it: one page instead of two */
    log_file.begun = true;
    if (!log_file.shared && !name_shared()) {
        self.on = false; /* no room for a path: nothing can be written */
        return;
    }
    long length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe, PATH_MAX - 1);
    exe[length > 0 ? length : 0] = 0;
    char *cwd = exe + (length > 0 ? length : 0) + 1;
    if (syscall(SYS_getcwd, cwd, PATH_MAX) <= 0 || cwd[0] != '/') cwd[0] = 0;
    struct field fields[12] = {
        F_NUMBER("v", 1), F_TEXT("id", self.id), F_TEXT("host", self.host), F_NUMBER("pid", self.pid),
        F_NUMBER("ppid", syscall(SYS_getppid)), F_TEXT("how", self.forked ? "fork" : "exec"), F_PATH("exe", exe),
        F_PATH("cwd", cwd),
    };
    int count = 8;
    if (self.parent[0]) fields[count++] = F_TEXT("parent", self.parent);
    if (self.task[0]) fields[count++] = F_TEXT("task", self.task);
    if (!self.forked && start_argv) fields[count++] = F_WORDS("argv", start_argv);
    append_event("process", now(), fields, count);
}
