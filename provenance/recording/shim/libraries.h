/* Shared objects that are loaded into this process, told once at its end: what dlopen brought is among them. */

struct list {
    char *to;
    size_t used, size;
    bool is_full;
};

static int add_library(struct dl_phdr_info *library, size_t size, void *data) {
    struct list *found = data;
    const char *path = library->dlpi_name;
    (void)size;
    /* The program itself has no name, what the kernel maps has no folder. */
    if (!path || !strchr(path, '/') || !strcmp(path, self.shim)) return 0;
    size_t n = strlen(path) + 1;
    if (found->used + n >= found->size) {
        found->is_full = true;
        return 1;
    }
    memcpy(found->to + found->used, path, n);
    found->used += n;
    return 0;
}

#define LONG_LIST (1 << 20) /* bytes; as many as are touched are used */

/* Counted without the loader's lock, which another thread of the parent may have held at the time of the fork. */
static int count_libraries(void) {
    int count = 0;
    if (_r_debug.r_state != RT_CONSISTENT) return 0;
    for (const struct link_map *library = _r_debug.r_map; library; library = library->l_next) count++;
    return count;
}

static int inherited_libraries; /* how many the parent of a forked child had */

#define SHORT_LIST (2 * PATH_MAX - 1)

/* The paths, one behind the other (`used` is 0 when there is nothing to tell that was not told before). They lie in
 * the room that held the path of the program, and in the next: a page that was not used yet costs 1 us. */
static struct list loaded_libraries(void) {
    static int told;
    int count = count_libraries();
    struct list found = {room_for_path(PATH_INNER), 0, SHORT_LIST, false};
    if (told == count || (self.forked && count <= inherited_libraries)) return found;
    dl_iterate_phdr(add_library, &found);
    if (found.is_full) {
        char *pages = fresh_pages(LONG_LIST);
        found.used = 0;
        if (pages == MAP_FAILED) return found;
        found = (struct list){pages, 0, LONG_LIST - 1, false};
        dl_iterate_phdr(add_library, &found);
    }
    found.to[found.used] = 0;
    told = count;
    return found;
}

static void drop_list(const struct list *list) {
    if (list->size != SHORT_LIST) unmap_pages(list->to, LONG_LIST);
}

static void note_libraries(void) {
    struct list found = loaded_libraries();
    const struct field fields[] = {F_LIST("paths", found.to)};
    if (found.used) emit("libraries", fields, 1);
    drop_list(&found);
}
