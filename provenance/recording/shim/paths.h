/* Absolute paths at the moment of the call, and which paths are no data at all. */

static char cached_cwd[PATH_MAX];
static volatile bool cwd_is_known;

/* A vfork child has gone to a folder of its own: until its parent runs again, the cache is not to be used. */
static volatile bool cwd_is_childs;

/* The working folder; cached, as programs ask for the same one over and over. */
static bool working_folder(char *to) {
    if (cwd_is_childs) {
        if (in_vfork_child()) return syscall(SYS_getcwd, to, PATH_MAX) > 0 && to[0] == '/';
        cwd_is_childs = false;
    }
    bool found = false;
    if (!lock()) return false;
    if (!cwd_is_known) cwd_is_known = syscall(SYS_getcwd, cached_cwd, PATH_MAX) > 0 && cached_cwd[0] == '/';
    if (cwd_is_known) {
        strcpy(to, cached_cwd);
        found = true;
    }
    unlock();
    return found;
}

/* What an open descriptor is called, by the kernel. */
static bool path_of_descriptor(int fd, char *to) {
    char link[40] = "/proc/self/fd/";
    link[14 + put_number(link + 14, fd)] = 0;
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, to, PATH_MAX - 1);
    to[n > 0 ? n : 0] = 0;
    return n > 0 && to[0] == '/';
}

/* Takes "//" and "/./" out. ".." is resolved by the kernel's own rules, as it may follow a symbolic link. */
static bool normalise(char *path) {
    char *to = path;
    for (char *from = path; *from;) {
        if (from[0] == '/' && from[1] == '/') {
            from++;
        } else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || !from[2])) {
            from += 2;
        } else if (from[0] == '/' && from[1] == '.' && from[2] == '.' && (from[3] == '/' || !from[3])) {
            char *parent = room_for_path(PATH_INNER), *rest = room_for_path(PATH_REST);
            strcpy(rest, from + 3);
            memmove(to, from, 3);
            to[3] = 0;
            int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
            if (fd < 0) return false;
            bool found = path_of_descriptor(fd, parent);
            quiet_close(fd);
            if (!found || strlen(parent) + strlen(rest) >= PATH_MAX) return false;
            to = path + put_text(path, strcmp(parent, "/") ? parent : "");
            strcpy(to, rest);
            from = to;
        } else {
            *to++ = *from++;
        }
    }
    if (to > path + 1 && to[-1] == '/') to--;
    if (to == path) *to++ = '/';
    *to = 0;
    return true;
}

/* `path` relative to descriptor `at` as an absolute path in `to` (PATH_MAX bytes); false when it can't be told. */
static bool absolute(int at, const char *path, char *to) {
    if (!path || !*path) return false;
    size_t length = strnlen(path, PATH_MAX), n = 0;
    if (length >= PATH_MAX) return false;
    if (path[0] != '/') {
        if (!(at == AT_FDCWD ? working_folder(to) : path_of_descriptor(at, to))) return false;
        n = strlen(to);
        if (n + length + 2 > PATH_MAX) return false;
        to[n++] = '/';
    }
    memcpy(to + n, path, length + 1);
    return normalise(to);
}

static bool starts_with(const char *path, const char *prefix) { return !strncmp(path, prefix, strlen(prefix)); }

/* Kernel interfaces, devices and our own journal. */
static bool is_no_data(const char *path) {
    return starts_with(path, "/proc/") || starts_with(path, "/sys/") ||
           (starts_with(path, "/dev/") && !starts_with(path, "/dev/shm/")) ||
           (!strncmp(path, self.folder, self.folder_length) && path[self.folder_length] == '/');
}

static void take_state(const struct stat *s, struct file_state *to) {
    to->known = true;
    to->size = s->st_size;
    to->mtime_ns = (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
    to->inode = s->st_ino;
    to->device = s->st_dev;
    to->mode = s->st_mode;
}

static bool state_at(const char *path, bool follow, struct file_state *to) {
    struct stat s;
    to->known = false;
    if (syscall(SYS_newfstatat, AT_FDCWD, path, &s, follow ? 0 : AT_SYMLINK_NOFOLLOW)) return false;
    take_state(&s, to);
    return true;
}

static bool state_of(int fd, struct file_state *to) {
    struct stat s;
    to->known = false;
    if (syscall(SYS_fstat, fd, &s)) return false;
    take_state(&s, to);
    return true;
}

static bool same_state(const struct file_state *a, const struct file_state *b) {
    return a->known == b->known && a->size == b->size && a->mtime_ns == b->mtime_ns && a->inode == b->inode;
}

/* A 64-bit mark of an access: the same file, kind and task again needs no second event. */
static uint64_t access_mark(const char *path, long task, unsigned kind) {
    uint64_t h = 0x9e3779b97f4a7c15u ^ ((uint64_t)task << 8) ^ kind;
    size_t n = strlen(path);
    for (; n >= 8; n -= 8, path += 8) {
        uint64_t word;
        memcpy(&word, path, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; n; n--, path++) h = (h ^ (unsigned char)*path) * 0x100000001b3u;
    h ^= h >> 29;
    return h ? h : 1;
}

static struct {
    uint64_t *marks;
    size_t size, used;
} seen;

static void forget_seen(void) {
    if (seen.marks) unmap_pages(seen.marks, seen.size * 8);
    memset(&seen, 0, sizeof seen);
}

static bool put_mark(uint64_t *marks, size_t size, uint64_t mark) {
    size_t i = mark & (size - 1);
    while (marks[i]) {
        if (marks[i] == mark) return false;
        i = (i + 1) & (size - 1);
    }
    marks[i] = mark;
    return true;
}

/* True when this access is new; with the lock held. When no memory is left, all accesses are new. */
static bool is_new(uint64_t mark) {
    if (seen.used * 2 >= seen.size) {
        size_t size = seen.size ? seen.size * 4 : 512;
        uint64_t *marks = fresh_pages(size * 8);
        if (marks == MAP_FAILED) return true;
        for (size_t i = 0; i < seen.size; i++)
            if (seen.marks[i]) put_mark(marks, size, seen.marks[i]);
        size_t used = seen.used;
        forget_seen();
        seen.marks = marks;
        seen.size = size;
        seen.used = used;
    }
    if (!put_mark(seen.marks, seen.size, mark)) return false;
    seen.used++;
    return true;
}

/* Takes a mark out again; what stands behind it in its run of places moves up. */
static void forget_mark(uint64_t mark) {
    if (!seen.size) return;
    size_t last = seen.size - 1, i = mark & last;
    while (seen.marks[i] != mark)
        if (!seen.marks[i]) return;
        else i = (i + 1) & last;
    seen.used--;
    for (size_t next = (i + 1) & last; seen.marks[next]; next = (next + 1) & last) {
        size_t home = seen.marks[next] & last;
        if (((next - home) & last) >= ((next - i) & last)) {
            seen.marks[i] = seen.marks[next];
            i = next;
        }
    }
    seen.marks[i] = 0;
}

/* `state`: another one is another content, whose access counts anew; NULL to count all states as the same. */
static uint64_t state_mark(const char *path, long task, unsigned kind, const struct file_state *state) {
    uint64_t mark = access_mark(path, task, kind);
    if (state)
        mark ^= ((uint64_t)state->mtime_ns ^ (uint64_t)state->size << 40 ^ state->inode << 20) * 0x9e3779b97f4a7c15u;
    return mark ? mark : 1;
}

static bool was_seen(uint64_t mark) {
    if (!seen.size || !lock()) return false;
    size_t last = seen.size - 1, i = mark & last;
    while (seen.marks[i] && seen.marks[i] != mark) i = (i + 1) & last;
    bool result = seen.marks[i] == mark;
    unlock();
    return result;
}

static bool first_time(const char *path, long task, unsigned kind, const struct file_state *state) {
    uint64_t mark = state_mark(path, task, kind, state);
    if (!lock()) return false;
    bool result = is_new(mark);
    unlock();
    return result;
}
