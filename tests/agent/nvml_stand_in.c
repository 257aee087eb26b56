/* A small library in the place of libnvidia-ml.so.1, with the functions and structures of NVIDIA's nvml.h that bayplan asks for.
   NVML_FAILURES says which calls fail, each as CALL:GPU:RESULT with NVML's number ("name:1:15" is a lost GPU), and so does the file
   that NVML_FAILURES_FILE names, which a test may change while a process runs. Other variables replace what a call answers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned char cluster[16]; int status; unsigned clique; unsigned char state; } fabric;
typedef struct { unsigned version; unsigned char cluster[16]; int status; unsigned clique; unsigned char state; unsigned health; } fabric_v2;
typedef struct { unsigned sms, copies, decoders, encoders, jpegs, ofas, gpu_slices, compute_slices; unsigned long long megabytes; } attributes;
typedef struct { unsigned code, state; char info[128], product[128]; unsigned enabled, year; unsigned short date[5]; unsigned char status; } licence;
typedef struct { int supported; unsigned count; licence features[3]; } licences;

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
    if ((long)device >= 100) {
        strncpy(text, text_of("NVML_SLICE_NAME", "NVIDIA A100"), length);
        return 0;
    }
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
    if ((long)device >= 100) {
        info->total = 9728ULL << 20;
        return 0;
    }
    info->total = other ? strtoull(other, NULL, 10) : total[of(device)];
    return result("memory", of(device));
}
static int fabric_of(const char *call, void *device, int *status, unsigned char *state) {
    if (of(device) == 0) return 3; /* not supported */
    *state = number("NVML_FABRIC", 2); /* in progress */
    *status = number("NVML_FABRIC_STATUS", 0);
    return result(call, of(device));
}
int nvmlDeviceGetGpuFabricInfo(void *device, fabric *info) { return fabric_of("fabric", device, &info->status, &info->state); }
int nvmlDeviceGetGpuFabricInfoV(void *device, fabric_v2 *info) {
    if (result("fabric", of(device))) return result("fabric", of(device));
    return fabric_of("fabricv", device, &info->status, &info->state);
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12040; return result("cuda", 0); }

/* GPU 1 has slices where NVML_SLICES is 1, at the places 0 and 2 of three; none where it is 0. A slice's handle is 100 and its place. */
static int place(void *device) { return (int)((long)device - 100); }
int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    *current = *pending = of(device) == 1 && getenv("NVML_SLICES") != NULL;
    return of(device) == 1 ? result("mig", 1) : 3;
}
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) { *count = 3; return result("most", of(device)); }
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **slice) {
    *slice = (void *)(long)(index + 100);
    if (index == 1 || number("NVML_SLICES", 0) == 0) return 6; /* not found */
    return result("slice", of(device));
}
int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
    snprintf(text, length, "MIG-00000000-0000-0000-0000-00000000000%d", place(device));
    return result("uuid", 1);
}
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *id) { *id = place(device) + 7; return result("instance", 1); }
int nvmlDeviceGetComputeInstanceId(void *device, unsigned *id) { *id = 0; return 0; }
int nvmlDeviceGetAttributes_v2(void *device, attributes *found) {
    memset(found, 0, sizeof *found);
    found->gpu_slices = found->compute_slices = 1;
    found->megabytes = 9728;
    return 0;
}

int nvmlDeviceGetVirtualizationMode(void *device, int *mode) {
    *mode = number("NVML_VIRTUALIZATION", 0);
    return result("virtualization", of(device));
}
int nvmlDeviceGetGridLicensableFeatures_v4(void *device, licences *found) {
    memset(found, 0, sizeof *found);
    found->supported = found->count = 1;
    found->features[0].state = number("NVML_LICENCE", 0);
    return result("licence", of(device));
}
