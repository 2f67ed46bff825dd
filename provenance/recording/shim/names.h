/* Names: renaming, deleting, linking, and where relative ones count from. */

struct moving {
    bool watched;
    struct file_state from, over;
};

static void before_move(struct moving *m, int at, const char *path, int at_to, const char *to) {
    m->watched = false;
    m->from.known = m->over.known = false;
    if (!enter()) return;
    char *full = room_for_path(PATH_A), *full_to = room_for_path(PATH_B);
    if (absolute(at, path, full) && (!to || absolute(at_to, to, full_to)) && !is_no_data(full)) {
        m->watched = state_at(full, false, &m->from);
        /* An input that its own reader deletes, as gzip does. */
        if (!to && m->watched && was_seen(state_mark(full, current_task(), READS, &m->from)))
            save_before(full, &m->from);
        if (to && state_at(full_to, false, &m->over)) save_before(full_to, &m->over);
    }
    leave();
}

static void after_rename(struct moving *m, int at, const char *path, int at_to, const char *to, bool exchange) {
    if (!m->watched) return;
    GUARDED({
        char *full = room_for_path(PATH_A), *full_to = room_for_path(PATH_B);
        if (S_ISDIR(m->from.mode)) cwd_is_known = false; /* it may lie above us */
        if (absolute(at, path, full) && absolute(at_to, to, full_to)) {
            struct field fields[6] = {F_PATH("p", full), F_PATH("to", full_to), F_STATE("s", &m->from)};
            int count = 3;
            long task = current_task();
            if (m->over.known) fields[count++] = F_STATE("over", &m->over);
            if (exchange) fields[count++] = F_FLAG("exchange");
            else if (S_ISDIR(m->from.mode)) fields[count++] = F_FLAG("dir");
            if (task) fields[count++] = F_NUMBER("task", task);
            emit("rename", fields, count);
            follow_rename(full, full_to);
            forget_writing(full, task);
            forget_writing(full_to, task);
        }
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
    if (!result) after_rename(&m, AT_FDCWD, path, AT_FDCWD, to, false);
    return result;
}

EXPORT int renameat(int at, const char *path, int at_to, const char *to) {
    REAL(renameat);
    MOVING(at, path, at_to, to);
    int result = real_renameat(at, path, at_to, to);
    if (!result) after_rename(&m, at, path, at_to, to, false);
    return result;
}

EXPORT int renameat2(int at, const char *path, int at_to, const char *to, unsigned flags) {
    REAL(renameat2);
    MOVING(at, path, at_to, to);
    int result = real_renameat2 ? real_renameat2(at, path, at_to, to, flags)
                                : (int)syscall(SYS_renameat2, at, path, at_to, to, flags);
    if (!result) after_rename(&m, at, path, at_to, to, flags & RENAME_EXCHANGE);
    return result;
}

static void after_delete(struct moving *m, int at, const char *path) {
    if (!m->watched || S_ISDIR(m->from.mode)) return;
    GUARDED({
        char *full = room_for_path(PATH_A);
        if (absolute(at, path, full)) {
            struct field fields[3] = {F_PATH("p", full), F_STATE("s", &m->from)};
            int count = 2;
            long task = current_task();
            if (task) fields[count++] = F_NUMBER("task", task);
            emit("delete", fields, count);
            forget_writing(full, task);
        }
    });
}

EXPORT int unlink(const char *path) {
    REAL(unlink);
    MOVING(AT_FDCWD, path, AT_FDCWD, NULL);
    int result = real_unlink(path);
    if (!result) after_delete(&m, AT_FDCWD, path);
    return result;
}

EXPORT int unlinkat(int at, const char *path, int flags) {
    REAL(unlinkat);
    MOVING(at, path, AT_FDCWD, NULL);
    int result = real_unlinkat(at, path, flags);
    if (!result) after_delete(&m, at, path);
    return result;
}

EXPORT int remove(const char *path) {
    REAL(remove);
    MOVING(AT_FDCWD, path, AT_FDCWD, NULL);
    int result = real_remove(path);
    if (!result) after_delete(&m, AT_FDCWD, path);
    return result;
}

static void note_link(int result, int at, const char *path, int at_to, const char *to, bool soft) {
    if (result) return;
    GUARDED({
        char *absolute_path = room_for_path(PATH_A), *absolute_to = room_for_path(PATH_B);
        struct file_state state = {0};
        bool known = absolute(at_to, to, absolute_to) && !is_no_data(absolute_to);
        if (known && soft && path[0] != '/') { /* the text of a symbolic link counts from the link's folder */
            size_t folder = (size_t)(strrchr(absolute_to, '/') - absolute_to) + 1;
            known = folder + strlen(path) < PATH_MAX;
            if (known) {
                memcpy(absolute_path, absolute_to, folder);
                strcpy(absolute_path + folder, path);
                char *kept = room_for_path(PATH_C);
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
            struct field fields[5] = {F_PATH("p", absolute_path), F_PATH("to", absolute_to), F_STATE("s", &state)};
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
