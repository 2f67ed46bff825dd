/* Programs: how this one began, which it starts, and how they end. */

extern char **environ;

enum { NO_REASON, IS_STATIC, IS_SETUID, IS_FOREIGN, IS_CONTAINER };
static const char *const why_unwatched[] = {NULL, "static", "setuid", "architecture", "container"};

#if __SIZEOF_POINTER__ == 8
#define OWN_CLASS ELFCLASS64
typedef Elf64_Ehdr elf_head;
typedef Elf64_Phdr elf_part;
#else
#define OWN_CLASS ELFCLASS32
typedef Elf32_Ehdr elf_head;
typedef Elf32_Phdr elf_part;
#endif

/* Why the loader will not load the shim into this program. A script is what its interpreter is. */
static int reason_unwatched(const char *path, int depth) {
    union {
        elf_head elf;
        char text[256];
    } head;
    struct stat s;
    int reason = NO_REASON, fd = quiet_open(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return NO_REASON;
    long n = syscall(SYS_read, fd, &head, sizeof head - 1);
    if (n > 2 && head.text[0] == '#' && head.text[1] == '!' && depth < 4) {
        char *from = head.text + 2, *end = head.text + n;
        while (from < end && (*from == ' ' || *from == '\t')) from++;
        char *to = from;
        while (to < end && *to != ' ' && *to != '\t' && *to != '\n') to++;
        *to = 0;
        quiet_close(fd);
        return reason_unwatched(from, depth + 1);
    }
    if (n >= (long)sizeof(elf_head) && !memcmp(head.elf.e_ident, ELFMAG, SELFMAG)) {
        if (head.elf.e_ident[EI_CLASS] != OWN_CLASS) {
            reason = IS_FOREIGN;
        } else {
            elf_part parts[12]; /* the interpreter stands among the first */
            int count = head.elf.e_phnum < 12 ? head.elf.e_phnum : 12;
            size_t size = (size_t)count * sizeof *parts;
            reason = IS_STATIC;
            if (syscall(SYS_pread64, fd, parts, size, (off_t)head.elf.e_phoff) != (long)size) reason = NO_REASON;
            for (int i = 0; reason && i < count; i++)
                if (parts[i].p_type == PT_INTERP) reason = NO_REASON;
        }
        if (!syscall(SYS_fstat, fd, &s) &&
            (((s.st_mode & S_ISUID) && s.st_uid != geteuid()) || ((s.st_mode & S_ISGID) && s.st_gid != getegid()) ||
             (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)))
            reason = IS_SETUID;
    }
    quiet_close(fd);
    return reason;
}

/* What is started in there has a C library of its own, which may be unable to load the shim and then says so on the
 * program's standard error, or does not start at all. */
static bool is_container_engine(const char *program) {
    static const char *const engines[] = {"apptainer", "singularity", "docker", "podman",  "nerdctl", "bwrap",
                                          "ch-run",    "enroot",      "sarus",  "shifter", "runc",    "crun"};
    const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (!strcmp(name, engines[i])) return true;
    return false;
}

/* This program is one itself, as the command that is recorded. */
static bool is_in_engine;

/* Where `file` leads, by way of the search path as execvp does it if asked for. A program may pass NULL. */
__attribute__((noinline)) static bool find_program(const char *file, bool search, char *to) {
    to[0] = 0;
    if (!file) return false;
    if (!search || strchr(file, '/')) {
        if (strlen(file) >= PATH_MAX) return false;
        strcpy(to, file);
        return true;
    }
    const char *path = getenv("PATH");
    if (!path) path = "/bin:/usr/bin";
    for (size_t name = strlen(file); *path;) {
        size_t n = strcspn(path, ":");
        if (n + name + 2 < PATH_MAX) {
            memcpy(to, path, n);
            if (!n) to[n++] = '.';
            to[n] = '/';
            strcpy(to + n + 1, file);
            if (!access(to, X_OK)) return true;
        }
        path += strcspn(path, ":");
        if (*path) path++;
    }
    return false;
}

static void note_unwatched(pid_t pid, const char *path, char *const argv[], int reason) {
    char *full = room_for_path(PATH_A), *cwd = room_for_path(PATH_B);
    if (!absolute(AT_FDCWD, path, full)) full[0] = 0;
    if (!working_folder(cwd)) cwd[0] = 0;
    char *const none[] = {NULL};
    struct field fields[6] = {F_NUMBER("pid", pid), F_PATH("exe", full), F_WORDS("argv", argv ? argv : none),
                              F_PATH("cwd", cwd), F_TEXT("why", why_unwatched[reason])};
    int count = 5;
    long task = current_task();
    if (task) fields[count++] = F_NUMBER("task", task);
    emit("unwatched", fields, count);
}

/* ---- the environment of what is started: the shim stays in it, whatever the program took out */

static size_t task_text(char *to, long task);

#define KEPT 8
static const char *const kept_names[KEPT] = {"LD_PRELOAD",   "WFPROV_JOURNAL",    "WFPROV_SHIM", "WFPROV_START",
                                             "WFPROV_PARENT", "WFPROV_SAVE_LIMIT", "WFPROV_TASK", "WFPROV_HOST"};

/* Entries that are the same for all children, made once. */
static struct {
    char *preload, *folder, *shim, *start, *limit, *host;
} fixed;

/* Those that differ. */
struct kept {
    char parent[ID_SIZE + 16], task[TASK_SIZE + 16];
};

static bool is_variable(const char *entry, const char *name) {
    size_t n = strlen(name);
    return !strncmp(entry, name, n) && entry[n] == '=';
}

static size_t count_words(char *const *words) {
    size_t n = 0;
    while (words && words[n]) n++;
    return n;
}

static void put_variable(char *to, const char *name, const char *value) {
    size_t n = put_text(to, name);
    to[n++] = '=';
    n += put_text(to + n, value);
    to[n] = 0;
}

static char *keep_variable(const char *name, const char *value) {
    char *kept = keep_text(name, strlen(value) + 1);
    if (kept) put_variable(kept, name, value);
    return kept;
}

static bool make_fixed(void) {
    char number[24], host[96];
    size_t n = put_text(host, self.host);
    host[n++] = ':';
    strcpy(host + n, self.boot);
    fixed.preload = keep_variable("LD_PRELOAD", self.shim);
    fixed.folder = keep_variable("WFPROV_JOURNAL", self.folder);
    fixed.shim = keep_variable("WFPROV_SHIM", self.shim);
    number[put_number(number, self.run_start)] = 0;
    fixed.start = keep_variable("WFPROV_START", number);
    number[put_number(number, self.save_limit)] = 0;
    fixed.limit = keep_variable("WFPROV_SAVE_LIMIT", number);
    fixed.host = keep_variable("WFPROV_HOST", host);
    return fixed.preload && fixed.folder && fixed.shim && fixed.start && fixed.limit && fixed.host;
}

/* Before the engine looks at its environment: one that starts programs without the C library takes that as it finds it
 * at its start. What the user has put there stays. */
static void leave_container_alone(char **envp) {
    is_in_engine = true;
    char **to = envp;
    for (; envp && *envp; envp++) {
        const char *own = is_variable(*envp, "LD_PRELOAD") ? *envp + 11 : NULL;
        size_t n = strlen(self.shim);
        if (!own || strncmp(own, self.shim, n)) *to++ = *envp;
        else if (own[n] == ':' && (*to = keep_variable("LD_PRELOAD", own + n + 1))) to++;
    }
    if (to) *to = NULL;
}

/* The entry LD_PRELOAD=... of a program's own choosing, if there is one that needs the shim put in front. */
static const char *foreign_preload(char *const *from) {
    for (; from && *from; from++)
        if (is_variable(*from, "LD_PRELOAD")) return (*from)[11] && !strstr(*from, self.shim) ? *from : NULL;
    return NULL;
}

/* Room for the joined LD_PRELOAD; 0 when none has to be made. */
static size_t room_for_preload(char *const *from) {
    const char *own = foreign_preload(from);
    return own ? strlen(own) + strlen(self.shim) + 2 : 0;
}

/* Fills `to` (room for all of `from` and KEPT + 1 more) with `from` and our variables. Programs whose loader can't
 * load the shim get no LD_PRELOAD of ours. */
static void carry_on(char **to, char *const *from, struct kept *kept, char *joined, bool without_shim) {
    const char *own = foreign_preload(from);
    char *preload = without_shim ? NULL : fixed.preload;
    size_t n = 0;
    if (own && without_shim) {
        preload = (char *)own;
    } else if (own) {
        size_t length = put_text(joined, fixed.preload);
        joined[length++] = ':';
        strcpy(joined + length, own + 11);
        preload = joined;
    }
    for (char *const *entry = from; entry && *entry; entry++) {
        bool ours = false;
        for (int i = 0; i < KEPT && !ours; i++) ours = is_variable(*entry, kept_names[i]);
        if (!ours) to[n++] = *entry;
        /* The program's own list, the shim in it, stays as it is. */
        else if (!own && !without_shim && is_variable(*entry, "LD_PRELOAD") && (*entry)[11]) preload = *entry;
    }
    if (preload) to[n++] = preload;
    put_variable(kept->parent, "WFPROV_PARENT", self.forked && !log_file.begun ? self.parent : self.id);
    char *const same[] = {fixed.folder, fixed.shim, fixed.start, fixed.limit, fixed.host, kept->parent};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) to[n++] = same[i];
    char task[TASK_SIZE];
    if (task_text(task, current_task())) {
        put_variable(kept->task, "WFPROV_TASK", task);
        to[n++] = kept->task;
    }
    to[n] = NULL;
}

/* Another recording begins inside of ours: its environment is its own. */
static bool is_of_another_recording(char *const *environment) {
    for (; self.on && environment && *environment; environment++)
        if (is_variable(*environment, "WFPROV_JOURNAL")) return strcmp(*environment + 15, self.folder) != 0;
    return false;
}

/* An environment this large is rare and is passed on as it is, rather than taking that much stack. */
#define MAX_VARIABLES 2048

#define STARTING(file, argv, envp, search) \
    int reason = NO_REASON, error_before = errno; \
    struct kept kept; \
    size_t variables = count_words(envp); \
    bool watched = variables < MAX_VARIABLES && !is_of_another_recording(envp) && enter(); \
    char *carried[watched ? variables + KEPT + 1 : 1]; \
    char joined[watched ? room_for_preload(envp) + 1 : 1]; \
    char *const *environment = envp; \
    char *program = NULL; \
    if (watched) { \
        program = room_for_path(PATH_C); \
        if (find_program(file, search, program)) \
            reason = is_container_engine(program) ? IS_CONTAINER : reason_unwatched(program, 0); \
        carry_on(carried, envp, &kept, joined, reason == IS_FOREIGN || reason == IS_CONTAINER || is_in_engine); \
        environment = carried; \
    } \
    errno = error_before

/* Before an exec: what this image has open for writing is written down, as its descriptors may end with it. */
static void before_exec(const char *program, char *const argv[], int reason) {
    if (reason) note_unwatched((pid_t)syscall(SYS_getpid), program, argv, reason);
    if (in_vfork_child()) return; /* what is open there is its parent's */
    note_open_files(0);
    if (log_file.begun) note_libraries();
    if (lock()) {
        trim_log();
        unlock();
    }
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[]) {
    REAL(execve);
    STARTING(path, argv, envp, false);
    if (watched) before_exec(program, argv, reason), leave();
    errno = error_before;
    return real_execve(path, argv, environment);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[]) {
    REAL(execvpe);
    STARTING(file, argv, envp, true);
    if (watched) before_exec(program, argv, reason), leave();
    errno = error_before;
    return real_execvpe(file, argv, environment);
}

EXPORT int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

EXPORT int execvp(const char *file, char *const argv[]) { return execvpe(file, argv, environ); }

EXPORT int fexecve(int fd, char *const argv[], char *const envp[]) {
    char path[40] = "/proc/self/fd/";
    REAL(fexecve);
    path[14 + put_number(path + 14, fd)] = 0;
    STARTING(path, argv, envp, false);
    if (watched) before_exec(program, argv, reason), leave();
    errno = error_before;
    return real_fexecve(fd, argv, environment);
}

/* The list forms become a vector, as in the C library. */
#define LIST_TO_VECTOR(first) \
    va_list rest; \
    size_t count = 1; \
    va_start(rest, first); \
    while (va_arg(rest, char *)) count++; \
    va_end(rest); \
    char *argv[count + 1]; \
    argv[0] = (char *)first; \
    va_start(rest, first); \
    for (size_t i = 1; i <= count; i++) argv[i] = va_arg(rest, char *)

EXPORT int execl(const char *path, const char *first, ...) {
    LIST_TO_VECTOR(first);
    va_end(rest);
    return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...) {
    LIST_TO_VECTOR(first);
    va_end(rest);
    return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...) {
    LIST_TO_VECTOR(first);
    char **envp = va_arg(rest, char **);
    va_end(rest);
    return execve(path, argv, envp);
}

#define SPAWN(name, search) \
    EXPORT int name(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, \
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) { \
        REAL(name); \
        STARTING(file, argv, envp, search); \
        pid_t child = 0; \
        int result = real_##name(&child, file, actions, attributes, argv, environment); \
        if (pid && !result) *pid = child; \
        if (watched) { \
            if (!result && reason) note_unwatched(child, program, argv, reason); \
            leave(); \
        } \
        errno = error_before; \
        return result; \
    }
SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)

/* The library starts a shell with `environ` by itself. Where the program has emptied that, ours is put there meanwhile. */
#define SHELL(type, name, parameters, arguments) \
    EXPORT type name parameters { \
        REAL(name); \
        if (!environ || foreign_preload(environ) || !getenv("WFPROV_JOURNAL")) { \
            char **before = environ; \
            size_t variables = count_words(environ); \
            if (variables < MAX_VARIABLES && enter()) { \
                struct kept kept; \
                char *carried[variables + KEPT + 1], joined[room_for_preload(environ) + 1]; \
                carry_on(carried, environ, &kept, joined, is_in_engine); \
                leave(); \
                environ = carried; \
                type result = real_##name arguments; \
                if (environ == carried) environ = before; \
                return result; \
            } \
        } \
        return real_##name arguments; \
    }
SHELL(int, system, (const char *command), (command))
SHELL(FILE *, popen, (const char *command, const char *mode), (command, mode))

/* A file that is opened on behalf of a child: the library opens it by itself. */
EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
                                            const char *restrict path, int flags, mode_t mode) {
    REAL(posix_spawn_file_actions_addopen);
    OPENING(AT_FDCWD, path, flags);
    if (o.watched) {
        GUARDED({
            struct file_state *s = &o.before;
            char *full = room_for_path(PATH_A);
            bool known = absolute(AT_FDCWD, path, full) && !is_no_data(full);
            o.task = current_task();
            if (known && !o.writes && state_at(full, true, s) && S_ISREG(s->mode))
                note_state("read", full, s, NULL, o.task, false);
            if (known && o.writes && o.is_first && (!s->known || S_ISREG(s->mode)))
                note_state("write", full, s, !s->known ? "create" : o.truncates ? "truncate" : "append", o.task, o.rw);
        });
    }
    return real_posix_spawn_file_actions_addopen(actions, fd, path, flags, mode);
}

/* ---- ends */

static int64_t microseconds(const struct timeval *t) { return (int64_t)t->tv_sec * 1000000 + t->tv_usec; }

static void note_wait(pid_t pid, int status, const struct rusage *use) {
    if (!WIFEXITED(status) && !WIFSIGNALED(status)) return;
    const struct field fields[] = {
        F_NUMBER("pid", pid),
        WIFEXITED(status) ? F_NUMBER("status", WEXITSTATUS(status)) : F_NUMBER("signal", WTERMSIG(status)),
        F_SECONDS("utime", use ? microseconds(&use->ru_utime) : 0),
        F_SECONDS("stime", use ? microseconds(&use->ru_stime) : 0),
        F_NUMBER("maxrss", use ? (int64_t)use->ru_maxrss * 1024 : 0),
    };
    emit("wait", fields, use ? 5 : 2);
}

EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) {
    REAL(wait4);
    struct rusage own;
    int own_status = 0;
    pid_t child = real_wait4(pid, &own_status, options, usage ? usage : &own);
    if (child > 0) {
        if (status) *status = own_status;
        GUARDED(note_wait(child, own_status, usage ? usage : &own));
    }
    return child;
}

EXPORT pid_t waitpid(pid_t pid, int *status, int options) { return wait4(pid, status, options, NULL); }
EXPORT pid_t wait3(int *status, int options, struct rusage *usage) { return wait4(-1, status, options, usage); }
EXPORT pid_t wait(int *status) { return wait4(-1, status, 0, NULL); }

EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
    REAL(waitid);
    siginfo_t own = {0};
    if (!info) info = &own;
    int result = real_waitid(type, id, info, options);
    if (!result && info->si_pid && !(options & WNOWAIT) &&
        (info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)) {
        int status = info->si_code == CLD_EXITED ? (info->si_status & 255) << 8 : info->si_status & 127;
        GUARDED(note_wait(info->si_pid, status, NULL));
    }
    return result;
}

/* Peak memory of this image alone: the usage counters also hold what the process was before exec, and the kernel's
 * own count of this image costs 13 us to ask for. */
static int64_t peak_memory(const struct rusage *use) {
    char *text = room_for_path(PATH_INNER), *at;
    if (use->ru_maxrss > self.before.ru_maxrss) return (int64_t)use->ru_maxrss * 1024;
    int fd = quiet_open("/proc/self/status", O_RDONLY, 0);
    if (fd < 0) return (int64_t)use->ru_maxrss * 1024;
    long n = syscall(SYS_read, fd, text, PATH_MAX - 1);
    quiet_close(fd);
    text[n > 0 ? n : 0] = 0;
    if (!(at = strstr(text, "VmHWM:"))) return (int64_t)use->ru_maxrss * 1024;
    int64_t kib = 0;
    for (at += 6; *at && (*at < '0' || *at > '9'); at++) {}
    for (; *at >= '0' && *at <= '9'; at++) kib = kib * 10 + (*at - '0');
    return kib * 1024;
}

static int64_t number_behind(const char *text, const char *name) {
    const char *at = strstr(text, name);
    int64_t number = 0;
    if (!at) return 0;
    for (at += strlen(name); *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
    return number;
}

/* Microseconds of a processor: asking what was read and written costs 12 us, too much for what has hardly done
 * anything. The kernel gives the bytes of the ended to those who wait for them, so that no total lacks them. */
#define LITTLE_WORK 500

/* What started all others says it in any case, for the total; after an exec in it, the last image does. */
static bool is_first_or_continued(void) {
    size_t host_and_pid = (size_t)(strrchr(self.id, '-') - self.id) + 1;
    return !self.parent[0] || !strncmp(self.parent, self.id, host_and_pid);
}

/* What this process has read and written, of files, pipes and terminals alike. */
static bool bytes_moved(int64_t bytes[2]) {
    char *text = room_for_path(PATH_INNER);
    int fd = quiet_open("/proc/self/io", O_RDONLY, 0);
    if (fd < 0) return false;
    long n = syscall(SYS_read, fd, text, PATH_MAX - 1);
    quiet_close(fd);
    if (n <= 0) return false;
    text[n] = 0;
    bytes[0] = number_behind(text, "rchar: ");
    bytes[1] = number_behind(text, "wchar: ");
    return true;
}

/* With `flushes`, what the C library still holds of the program's streams is written first, as it does after us. */
static void note_end(int status, bool flushes) {
    static bool done;
    if (in_vfork_child() || done) return;
    int64_t bytes[2];
    struct rusage use;
    syscall(SYS_getrusage, RUSAGE_SELF, &use);
    int64_t utime = microseconds(&use.ru_utime) - microseconds(&self.before.ru_utime);
    int64_t stime = microseconds(&use.ru_stime) - microseconds(&self.before.ru_stime);
    bool tells_bytes = utime + stime >= LITTLE_WORK || is_first_or_continued();
    if (flushes && (all_written || tells_bytes)) flush_streams();
    if (start_of_input >= 0) note_standard_input();
    note_open_files(0);
    if (self.forked && !log_file.begun) return;
    done = true;
    struct field fields[6] = {
        F_NUMBER("status", status & 255), F_SECONDS("utime", utime), F_SECONDS("stime", stime),
        F_NUMBER("maxrss", peak_memory(&use)), F_NUMBER("lost", (int64_t)self.lost),
    };
    int count = 5;
    if (tells_bytes && bytes_moved(bytes)) fields[count++] = F_NUMBERS("io", bytes);
    struct list libraries = loaded_libraries(); /* takes the rooms that were used above */
    const struct field listed[] = {F_LIST("paths", libraries.to)};
    int64_t time = now();
    const struct event loaded = {"libraries", time, listed, 1}, end = {"end", time, fields, count};
    if (lock()) {
        if (libraries.used) append_both(&loaded, &end);
        else append_event(end.kind, end.time, end.fields, end.count);
        trim_log();
        unlock();
    }
    drop_list(&libraries);
}

static void on_exit_handler(int status, void *nothing) {
    (void)nothing;
    GUARDED(note_end(status, true));
}

#define EXIT_AT_ONCE(name) \
    EXPORT void name(int status) { \
        REAL(name); \
        GUARDED(note_end(status, false)); \
        real_##name(status); \
        __builtin_unreachable(); \
    }
EXIT_AT_ONCE(_exit)
EXIT_AT_ONCE(_Exit)

/* ---- standard streams: a shell opens them in the process that then becomes the program */

static void note_standard_input(void) {
    struct file_state state;
    char *path = room_for_path(PATH_A);
    if (in_vfork_child()) return;
    if (lseek(0, 0, SEEK_CUR) != start_of_input && state_of(0, &state) && path_of_descriptor(0, path) &&
        !is_no_data(path))
        note_state("read", path, &state, NULL, 0, false);
    start_of_input = -1;
}

static void take_standard_streams(void) {
    struct file_state state;
    char *path = room_for_path(PATH_A);
    if (state_of(0, &state) && S_ISREG(state.mode)) start_of_input = lseek(0, 0, SEEK_CUR);
    for (int fd = 1; fd <= 2; fd++) {
        if (!state_of(fd, &state) || !S_ISREG(state.mode) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) continue;
        if (path_of_descriptor(fd, path) && !is_no_data(path)) track(fd, path, 0, &state, NULL, true);
    }
}
