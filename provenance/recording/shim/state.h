/* What is known about this process: its ids, the lock, and whether it is a copy made by fork. */

#define MARK_ALIVE 0x77667072u
#define ID_SIZE 160
#define TASK_SIZE (ID_SIZE + 24)

static struct {
    bool on;                    /* recording at all */
    pid_t pid;
    const char *folder;         /* the run folder */
    size_t folder_length;
    const char *shim;           /* our own path, for children */
    const char *home_dot;       /* "$HOME/." */
    char host[65];
    char boot[9];               /* of this host: keeps hosts of the same name apart */
    char id[ID_SIZE];           /* of this process image */
    char parent[ID_SIZE];       /* of the image that forked or executed this one */
    char task[TASK_SIZE];       /* global id of the task within which this process was started */
    int64_t run_start;          /* ns since the epoch; older files existed before the run */
    int64_t save_limit;         /* bytes */
    bool forked;                /* this image began by fork, not by exec */
    struct rusage before;       /* used before this image began: an exec keeps the counts */
    long ids;                   /* last id given out */
    unsigned long lost;         /* events that could not be written */
} self;

/* A page that the kernel wipes in a forked child (not in a vfork one): how fork is noticed without a system call. */
static volatile unsigned *alive;

static bool abandoned; /* the lock's owner never came back: nothing more is recorded */

/* The descriptor table, the journal and all above are guarded by one lock; `busy` keeps a signal handler that
 * interrupts us, and our own calls, out. */
static __thread bool busy;
static __thread char *busy_frame; /* where on the stack we were when we became busy */

/* The thread that has the lock, by the place of its `busy`: told in the step that takes the lock, so that a handler that
 * jumps away can come neither before nor behind it. */
static bool *lock_owner;

/* Room for paths: a program's threads and signal handlers may have a few KiB of stack, so ours is not taken from it.
 * Each caller that is busy has one, by turns. */
enum { PATH_A, PATH_B, PATH_C, PATH_INNER, PATH_REST, PATH_OWN, SCRATCH_PATHS };
struct scratch {
    int taken;
    char *pages;
};
static char first_scratch[SCRATCH_PATHS * PATH_MAX]; /* most programs need no more: no mapping to be made */
static struct scratch scratch_pool[64] = {{0, first_scratch}};
static __thread struct scratch *scratch;
static __thread unsigned scratch_hint;

struct thread_task {
    long id;         /* local id of the task that this thread is in; 0 when in none */
    bool inherited;  /* from the thread that created this one; holds while that task is active */
};
static __thread struct thread_task thread_task;

static void child_after_fork(void);

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* System calls straight: each further function of the C library that starts up a program costs a symbol look-up. */
static void *map_pages(size_t size, int protection, int flags, int fd, int64_t offset) {
    return (void *)syscall(SYS_mmap, NULL, size, protection, flags, fd, (off_t)offset);
}

static void *fresh_pages(size_t size) {
    return map_pages(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void unmap_pages(void *pages, size_t size) { syscall(SYS_munmap, pages, size); }

static void unlock(void) { __atomic_store_n(&lock_owner, NULL, __ATOMIC_RELEASE); }

static void leave(void) {
    struct scratch *ours = scratch;
    scratch = NULL;
    if (ours) __atomic_store_n(&ours->taken, 0, __ATOMIC_RELEASE);
    busy = false;
}

/* A handler that interrupted us may have jumped away (siglongjmp): then the stack we were on is no more. A call from a
 * handler that is still running comes from further down, by a signal frame at least. */
#define LESS_THAN_A_SIGNAL_FRAME 512
static bool jumped_away(const char *here) {
    stack_t stack;
    return here + LESS_THAN_A_SIGNAL_FRAME > busy_frame && !syscall(SYS_sigaltstack, NULL, &stack) &&
           !(stack.ss_flags & SS_ONSTACK);
}

static bool take_scratch(void) {
    for (unsigned tries = 0; tries < 64; tries++, scratch_hint++) {
        struct scratch *s = &scratch_pool[scratch_hint % 64];
        if (__atomic_exchange_n(&s->taken, 1, __ATOMIC_ACQUIRE)) continue;
        if (!s->pages) {
            void *pages = fresh_pages(SCRATCH_PATHS * PATH_MAX);
            if (pages == MAP_FAILED) return false;
            s->pages = pages;
        }
        scratch = s;
        return true;
    }
    return false;
}

/* Enter the recorder; false when this call must pass through unrecorded. */
__attribute__((noinline)) static bool enter(void) {
    char *here = __builtin_frame_address(0);
    if (!self.on || abandoned) return false;
    if (busy) {
        if (!jumped_away(here)) return false;
        if (__atomic_load_n(&lock_owner, __ATOMIC_RELAXED) == &busy) unlock();
        leave();
    }
    busy = true;
    busy_frame = here;
    if (*alive != MARK_ALIVE) child_after_fork();
    if (take_scratch()) return true;
    __atomic_add_fetch(&self.lost, 1, __ATOMIC_RELAXED);
    busy = false;
    return false;
}

static char *room_for_path(int which) { return scratch->pages + which * PATH_MAX; }

/* Waits a bounded time: a program must not hang because one of its threads was stopped, or jumped away, here. */
static bool lock(void) {
    for (int64_t tries = 0, until = 0; !abandoned; tries++) {
        bool *nobody = NULL;
        if (__atomic_compare_exchange_n(&lock_owner, &nobody, &busy, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return true;
        if (tries < 100) continue;
        if (!until) until = now() + 1000000000;
        if (now() > until) abandoned = true;
        sched_yield();
    }
    __atomic_add_fetch(&self.lost, 1, __ATOMIC_RELAXED);
    return false;
}

/* A vfork child runs in its parent's memory: what it changes there is its parent's. A process that never calls vfork
 * need not ask the kernel each time. */
#if defined(__x86_64__)
static bool vfork_was_called;
__attribute__((visibility("hidden"), used)) void *wfprov_real_vfork(void) {
    vfork_was_called = true;
    return dlsym(RTLD_NEXT, "vfork");
}
__asm__(".text\n.globl vfork\n.type vfork,@function\nvfork:\n"
        "endbr64\nsub $8, %rsp\ncall wfprov_real_vfork\nadd $8, %rsp\n"
        "jmp *%rax\n" /* a call would leave a frame that the child's return destroys */
        ".size vfork, .-vfork\n");
static bool in_vfork_child(void) { return vfork_was_called && syscall(SYS_getpid) != self.pid; }
#else
static bool in_vfork_child(void) { return syscall(SYS_getpid) != self.pid; }
#endif

/* Texts that last: packed together, as every page that is touched at the start of a program costs 2 us. */
static char texts[4 * PATH_MAX];
static size_t texts_used;

static char *keep_text(const char *text, size_t room) {
    size_t n = strlen(text) + 1;
    if (texts_used + n + room > sizeof texts) return NULL;
    char *kept = texts + texts_used;
    memcpy(kept, text, n);
    texts_used += n + room;
    return kept;
}

static size_t put_text(char *to, const char *from) {
    size_t n = strlen(from);
    memcpy(to, from, n);
    return n;
}

static size_t put_hex(char *to, uint64_t value) {
    char digits[16];
    size_t n = 0;
    do digits[n++] = "0123456789abcdef"[value & 15]; while (value >>= 4);
    for (size_t i = 0; i < n; i++) to[i] = digits[n - 1 - i];
    return n;
}

static size_t put_number(char *to, int64_t value) {
    char digits[20];
    size_t n = 0, sign = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0) to[0] = '-', sign = 1;
    do digits[n++] = '0' + rest % 10; while (rest /= 10);
    for (size_t i = 0; i < n; i++) to[sign + i] = digits[n - 1 - i];
    return sign + n;
}

static size_t number_length(int64_t value) {
    char to[24];
    return put_number(to, value);
}

/* "<host>-<pid>-<start>", unique on all hosts and safe as a file name. */
static void make_id(char *to) {
    size_t n = put_text(to, self.host);
    to[n++] = '-';
    n += put_number(to + n, self.pid);
    to[n++] = '-';
    n += put_hex(to + n, (uint64_t)now());
    to[n] = 0;
}
