/* Which task a thread is in, and the interface that provenance/recording/tasks.py calls. */

#define ACTIVE_TASKS 512
static long active_tasks[ACTIVE_TASKS];
static int active_count; /* all, also those that found no place in the table */

static bool is_active(long task) {
    for (int i = 0; i < ACTIVE_TASKS; i++)
        if (__atomic_load_n(&active_tasks[i], __ATOMIC_RELAXED) == task) return true;
    return false;
}

/* A thread that a library made, unknown to Python, works for whichever task asked for it. */
static bool is_library_thread(void) {
    static void *(*this_thread_state)(void);
    static bool looked;
    if (!looked) {
        this_thread_state = (void *(*)(void))dlsym(RTLD_DEFAULT, "PyGILState_GetThisThreadState");
        looked = true;
    }
    return this_thread_state && !this_thread_state();
}

/* The local id of the task that this thread works for; 0 when it is in none or that can't be told. */
static long current_task(void) {
    long task = thread_task.id;
    if (task && (!thread_task.inherited || is_active(task))) return task;
    if (__atomic_load_n(&active_count, __ATOMIC_RELAXED) != 1 || (!task && !is_library_thread())) return 0;
    for (int i = 0; i < ACTIVE_TASKS; i++)
        if ((task = __atomic_load_n(&active_tasks[i], __ATOMIC_RELAXED))) return task;
    return 0;
}

/* The global id of a task of this process, or of the one that this process was started in; 0 when in none. */
static size_t task_text(char *to, long task) {
    size_t n = 0;
    if (task) {
        n = put_text(to, self.id);
        to[n++] = ':';
        n += put_number(to + n, task);
    } else {
        n = put_text(to, self.task);
    }
    to[n] = 0;
    return n;
}

static void clear_active_tasks(void) {
    memset(active_tasks, 0, sizeof active_tasks);
    active_count = 0;
    thread_task.id = 0;
    thread_task.inherited = false;
}

EXPORT int wfprov_shim_version(void) { return 1; }

EXPORT const char *wfprov_process_id(void) {
    if (enter()) leave();
    return self.on ? self.id : "";
}

EXPORT long wfprov_next_id(void) {
    if (enter()) leave();
    return __atomic_add_fetch(&self.ids, 1, __ATOMIC_RELAXED);
}

EXPORT void wfprov_emit(const char *line, size_t n) {
    if (!enter()) return;
    if (lock()) {
        append_line(line, n);
        unlock();
    }
    leave();
}

EXPORT long wfprov_task_switch(long task) {
    long previous = thread_task.inherited ? 0 : thread_task.id;
    thread_task.id = task;
    thread_task.inherited = false;
    return previous;
}

EXPORT long wfprov_task_begin(long task) {
    if (enter()) leave();
    __atomic_add_fetch(&active_count, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < ACTIVE_TASKS; i++) {
        long none = 0;
        if (__atomic_compare_exchange_n(&active_tasks[i], &none, task, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) break;
    }
    return wfprov_task_switch(task);
}

EXPORT void wfprov_task_end(long task, long previous) {
    if (enter()) {
        if (all_written) note_open_files(task);
        leave();
    }
    for (int i = 0; i < ACTIVE_TASKS; i++) {
        long expected = task;
        if (__atomic_compare_exchange_n(&active_tasks[i], &expected, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            break;
        }
    }
    __atomic_sub_fetch(&active_count, 1, __ATOMIC_RELAXED);
    wfprov_task_switch(previous);
}

/* ---- threads take the task of the thread that makes them */

struct thread_start {
    void *(*routine)(void *);
    void *argument;
    long task;
};

static void *start_thread(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    thread_task.id = start.task;
    thread_task.inherited = true;
    return start.routine(start.argument);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument) {
    REAL(pthread_create);
    struct thread_start *start = NULL;
    long task = self.on ? current_task() : 0;
    if (task && (start = malloc(sizeof *start))) {
        *start = (struct thread_start){routine, argument, task};
        int result = real_pthread_create(thread, attributes, start_thread, start);
        if (result) free(start);
        return result;
    }
    return real_pthread_create(thread, attributes, routine, argument);
}

/* ---- beginning */

/* In a child made by fork: another process, with a journal file of its own, within the task of its parent. */
static void child_after_fork(void) {
    char task[TASK_SIZE];
    unlock();
    abandoned = false;
    for (int i = 0; i < 64; i++) scratch_pool[i].taken = 0;
    task_text(task, thread_task.id);
    strcpy(self.task, task);
    strcpy(self.parent, self.forked && !log_file.begun ? self.parent : self.id);
    self.forked = true;
    self.pid = (pid_t)syscall(SYS_getpid);
    self.lost = 0;
    self.ids = 0;
    syscall(SYS_getrusage, RUSAGE_SELF, &self.before);
    log_file.begun = false;
    log_file.appended = 0;
    if (log_file.own) {
        drop_window();
        log_file.own = false;
        log_file.end = NULL;
    }
    forget_seen();
    clear_active_tasks();
    inherit_open_files();
    inherited_libraries = count_libraries();
    make_id(self.id);
    *alive = MARK_ALIVE;
}

static void forked_without_wipe(void) { *alive = 0; }

static int64_t number_of(const char *text, int64_t otherwise) {
    if (!text || !*text) return otherwise;
    int64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
    return number;
}

static void take_text(char *to, const char *from, size_t size) {
    if (from && strlen(from) < size) strcpy(to, from);
}

static void take_host(void) {
    struct utsname names;
    if (syscall(SYS_uname, &names)) return;
    memcpy(self.host, names.nodename, sizeof self.host - 1);
    for (char *c = self.host; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *c)) *c = '_';
}

/* What the parent found out about this host comes with the environment, "<host>:<boot>": asking costs 6 us. */
static void take_boot(const char *known) {
    size_t n = strlen(self.host);
    if (known && !strncmp(known, self.host, n) && known[n] == ':' && strlen(known + n + 1) == 8) {
        memcpy(self.boot, known + n + 1, 8);
        return;
    }
    memcpy(self.boot, "00000000", 8);
    int fd = quiet_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
    if (fd < 0) return;
    if (syscall(SYS_read, fd, self.boot, 8) != 8) memcpy(self.boot, "00000000", 8);
    quiet_close(fd);
}

/* For programs that the C library starts by itself, as system() does: this image is their parent. The entry is
 * exchanged where it stands; setenv would set up the program's memory allocator. */
static void become_parent(char **envp) {
    static char entry[ID_SIZE + 16];
    put_variable(entry, "WFPROV_PARENT", self.id);
    for (; envp && *envp; envp++)
        if (is_variable(*envp, "WFPROV_PARENT")) *envp = entry;
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **envp) {
    (void)argc, (void)envp;
    const char *folder = getenv("WFPROV_JOURNAL"), *home = getenv("HOME"), *shim = getenv("WFPROV_SHIM");
    int error = errno;
    if (!folder || folder[0] != '/' || strlen(folder) > PATH_MAX - 300 || !shim) return;
    alive = fresh_pages(4096);
    if (alive == MAP_FAILED) return;
    if (syscall(SYS_madvise, alive, 4096, MADV_WIPEONFORK)) pthread_atfork(NULL, NULL, forked_without_wipe);
    *alive = MARK_ALIVE;
    self.folder = keep_text(folder, 0);
    self.shim = keep_text(shim, 0);
    if (!self.folder || !self.shim) return;
    self.folder_length = strlen(folder);
    take_text(self.parent, getenv("WFPROV_PARENT"), sizeof self.parent);
    take_text(self.task, getenv("WFPROV_TASK"), sizeof self.task);
    if (home && home[0] == '/') {
        char *kept = keep_text(home, 2);
        if (kept) strcpy(kept + strlen(kept), "/.");
        self.home_dot = kept;
    }
    self.run_start = number_of(getenv("WFPROV_START"), 0);
    self.save_limit = number_of(getenv("WFPROV_SAVE_LIMIT"), 10 << 20);
    self.pid = (pid_t)syscall(SYS_getpid);
    take_host();
    take_boot(getenv("WFPROV_HOST"));
    make_id(self.id);
    syscall(SYS_getrusage, RUSAGE_SELF, &self.before);
    if (!make_fixed()) return;
#ifdef __GLIBC__
    start_argv = argv;
#else
    (void)argv;
#endif
    self.on = true;
    on_exit(on_exit_handler, NULL);
    GUARDED({
        if (lock()) {
            begin_log();
            unlock();
        }
        take_standard_streams();
    });
    become_parent(environ);
    if (argv && argv[0] && is_container_engine(argv[0])) leave_container_alone(environ);
    errno = error;
}
