/* The only program in the images of the engine's tests. Says what it was given, or waits for a signal and says which came. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words) {
    const char *gpus = getenv("NVIDIA_VISIBLE_DEVICES");
    printf("runs with gpu %s\n", gpus ? gpus : "none");
    fflush(stdout);
    if (count > 1 && strcmp(words[1], "wait") == 0) {
        /* Blocked, and not handled: whoever read that it waits may signal before its own printing has ended. */
        sigset_t awaited;
        int number;
        sigemptyset(&awaited);
        sigaddset(&awaited, SIGINT);
        sigaddset(&awaited, SIGTERM);
        sigaddset(&awaited, SIGHUP);
        sigprocmask(SIG_BLOCK, &awaited, NULL);
        puts("waiting");
        fflush(stdout);
        sigwait(&awaited, &number);
        printf("heard %d\n", number);
        return 40 + number;
    }
    if (count > 1 && strcmp(words[1], "deaf") == 0) {
        puts("waiting");
        fflush(stdout);
        for (;;) pause();
    }
    if (count > 1 && strcmp(words[1], "endless") == 0)
        while (puts("y") >= 0) {}
    fputs("and complains\n", stderr);
    return count > 1 ? atoi(words[1]) : 0;
}
