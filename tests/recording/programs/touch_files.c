/* Touches files in every way that C offers; each way names its file after itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(int fd) {
    if (fd < 0 || write(fd, "x", 1) != 1) exit(90);
    close(fd);
}

static void *in_thread(void *name) {
    fill(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    return NULL;
}

int main(void) {
    char name[] = "mkstemp-XXXXXX";
    pthread_t thread;
    mkdir("folder", 0700);
    int folder = open("folder", O_RDONLY | O_DIRECTORY);
    fill(open("w-open", O_WRONLY | O_CREAT, 0600));
    fill(open64("w-open64", O_WRONLY | O_CREAT, 0600));
    fill(creat("w-creat", 0600));
    fill(openat(folder, "w-openat", O_WRONLY | O_CREAT, 0600));
    fill(openat(folder, "../w-parent", O_WRONLY | O_CREAT, 0600));
    fill(mkstemp(name));
    rename(name, "w-mkstemp");
    FILE *stream = fopen("w-fopen", "w");
    fputs("text", stream);
    stream = freopen("w-freopen", "w", stream);
    fputs("text", stream);
    fclose(stream);
    pthread_create(&thread, NULL, in_thread, "w-thread");
    pthread_join(thread, NULL);
    fill(open("to-rename", O_WRONLY | O_CREAT, 0600));
    renameat(AT_FDCWD, "to-rename", folder, "w-renameat");
    fill(open("to-delete", O_WRONLY | O_CREAT, 0600));
    unlinkat(AT_FDCWD, "to-delete", 0);
    link("w-open", "w-link");
    symlink("w-open", "s-link");
    truncate("w-creat", 0);
    close(open("r-open", O_RDONLY));
    fclose(fopen("r-fopen", "r"));
    errno = 0;
    if (open("missing", O_RDONLY) >= 0 || errno != ENOENT) return 91;
    FILE *left_open = fopen("w-left-open", "w");
    fputs("not flushed by us", left_open);
    if (chdir("folder")) return 92;
    fill(open("w-after-chdir", O_WRONLY | O_CREAT, 0600));
    return 7;
}
