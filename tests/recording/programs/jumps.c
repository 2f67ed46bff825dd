/* A handler that jumps out of whatever it interrupts, over and over; then two threads go on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int jumps, armed;

static void on_alarm(int number) {
    (void)number;
    jumps++;
    if (armed) siglongjmp(back, 1);
}

static void *in_thread(void *nothing) {
    for (int i = 0; i < 20; i++) {
        char name[32];
        sprintf(name, "thread-%d", i);
        close(open(name, O_WRONLY | O_CREAT, 0600));
    }
    return nothing;
}

int main(void) {
    pthread_t thread;
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    sigsetjmp(back, 1);
    for (int i = 0; jumps < 200; i++) {
        char name[32];
        sprintf(name, "jump-%d", i % 500);
        armed = 1;
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        armed = 0;
        close(fd);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    close(open("after", O_WRONLY | O_CREAT, 0600));
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    return 0;
}
