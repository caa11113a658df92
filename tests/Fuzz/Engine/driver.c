// libFuzzer as a shared library for a .NET process: its driver, and a section of counters that it reads after every execution
// and clears before the next (compiler-rt, FuzzerExtraCounters.cpp). SharpFuzz's instrumentation counts there.
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

enum { counters_bytes = 1 << 16 };

__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[counters_bytes];

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*execute)(const uint8_t *, size_t));

uint8_t *osv_counters(void) { return counters; }

int osv_run(int count, char **arguments, int (*execute)(const uint8_t *, size_t)) { return LLVMFuzzerRunDriver(&count, &arguments, execute); }

// At once: what .NET would do at its end, it cannot do from inside of an execution.
void osv_end(int status) { _exit(status); }
