/* What a program leaves unflushed at _exit is lost, and a forked child's copy of it is not written twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
    FILE *out = fopen("out", "w");
    fputs("once\n", out);
    printf("to standard output\n");
    for (int i = 0; i < 4; i++) {
        if (!fork()) {
            if (!strcmp(words[1], "exec")) execl("/bin/true", "true", NULL);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {}
    if (!strcmp(words[1], "_exit")) _exit(0);
    return count != 2;
}
