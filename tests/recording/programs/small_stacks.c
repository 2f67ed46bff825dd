/* Threads and signal handlers with as little stack as the system allows. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *in_thread(void *nothing) {
    pid_t pid;
    char *words[] = {"true", NULL};
    close(open("a/../in-thread", O_WRONLY | O_CREAT, 0600));
    rename("in-thread", "renamed");
    symlink("a/../renamed", "link");
    unlink("link");
    if (!posix_spawnp(&pid, "true", NULL, NULL, words, environ)) waitpid(pid, NULL, 0);
    return nothing;
}

static void on_crash(int number) {
    (void)number;
    close(open("a/../crash-log", O_WRONLY | O_CREAT, 0600));
    rename("crash-log", "crash.log");
    _exit(3);
}

int main(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    mkdir("a", 0700);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    pthread_create(&thread, &attributes, in_thread, NULL);
    pthread_join(thread, NULL);
    stack_t stack = {.ss_sp = malloc(8192), .ss_size = 8192};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    raise(SIGSEGV);
    return 1;
}
