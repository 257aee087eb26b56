/* A small library in the place of libnvidia-ml.so.1, with the functions and structures of NVIDIA's nvml.h that bayplan asks for.
   NVML_FAILURES says which calls fail, each as CALL:GPU:RESULT with NVML's number ("name:1:15" is a lost GPU), and so does the file
   that NVML_FAILURES_FILE names, which a test may change while a process runs. Other variables replace what a call answers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned char cluster[16]; int status; unsigned clique; unsigned char state; } fabric;

static const char *names[] = {"NVIDIA RTX A6000", "NVIDIA H100 80GB HBM3"};
static const int brands[] = {13, 14};
static const int major[] = {8, 9}, minor[] = {6, 0};
static const unsigned long long total[] = {51527024640ULL, 85520809984ULL};

static int of(void *device) { return (int)((long)device - 1); }

static int result_in(const char *failures, const char *call, int gpu) {
    char word[64];
    snprintf(word, sizeof word, "%s:%d:", call, gpu);
    const char *place = failures ? strstr(failures, word) : NULL;
    return place ? atoi(place + strlen(word)) : 0;
}

static int result(const char *call, int gpu) {
    char text[4096] = "";
    const char *path = getenv("NVML_FAILURES_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    int code = result_in(text, call, gpu);
    return code ? code : result_in(getenv("NVML_FAILURES"), call, gpu);
}

static int number(const char *variable, int otherwise) {
    const char *answer = getenv(variable);
    return answer ? atoi(answer) : otherwise;
}

static const char *text_of(const char *variable, const char *otherwise) {
    const char *answer = getenv(variable);
    return answer ? answer : otherwise;
}

int nvmlInitWithFlags(unsigned flags) {
    sleep(number("NVML_SECONDS", 0));
    return result("init", 0);
}
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) {
    return code == 9 ? "Driver Not Loaded" : code == 15 ? "GPU is lost" : "Driver/library version mismatch";
}
int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    strncpy(text, text_of("NVML_DRIVER", "550.54.15"), length);
    return result("driver", 0);
}
int nvmlDeviceGetCount_v2(unsigned *count) { *count = number("NVML_COUNT", 2); return result("count", 0); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(long)(index + 1);
    return result("handle", index);
}
int nvmlDeviceGetName(void *device, char *text, unsigned length) {
    strncpy(text, text_of("NVML_NAME", names[of(device)]), length);
    return result("name", of(device));
}
int nvmlDeviceGetBrand(void *device, int *brand) {
    *brand = number("NVML_BRAND", brands[of(device)]);
    return result("brand", of(device));
}
int nvmlDeviceGetCudaComputeCapability(void *device, int *first, int *second) {
    *first = number("NVML_MAJOR", major[of(device)]);
    *second = number("NVML_MINOR", minor[of(device)]);
    return result("capability", of(device));
}
int nvmlDeviceGetMemoryInfo(void *device, memory *info) {
    const char *other = getenv("NVML_TOTAL");
    info->total = other ? strtoull(other, NULL, 10) : total[of(device)];
    return result("memory", of(device));
}
int nvmlDeviceGetGpuFabricInfo(void *device, fabric *info) {
    if (of(device) == 0) return 3; /* not supported */
    info->state = 2; /* in progress */
    return result("fabric", of(device));
}
