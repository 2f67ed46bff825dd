/* A thread that waits for a child can be cancelled. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *wait_for_ever(void *nothing) {
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED);
    return nothing;
}

int main(void) {
    pthread_t thread;
    void *result;
    pid_t child = fork();
    if (!child) {
        pause();
        _exit(0);
    }
    pthread_create(&thread, NULL, wait_for_ever, NULL);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return result == PTHREAD_CANCELED ? 0 : 1;
}
