/* Stands in front of the system's resolver: names under `hangs.test` hang as dead name servers do, `two.test` is at an
 * address where nobody listens, then at this machine's. All other names are the system's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    resolver *system = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && strstr(name, ".hangs.test")) {
        sleep(600);
        return EAI_AGAIN;
    }
    if (!name || strcmp(name, "two.test") != 0)
        return system(name, service, hints, found);
    struct addrinfo *second;
    int failed = system("127.0.0.9", service, hints, found);
    if (failed || (failed = system("127.0.0.1", service, hints, &second)))
        return failed;
    struct addrinfo *last = *found;
    while (last->ai_next)
        last = last->ai_next;
    last->ai_next = second;
    return 0;
}
