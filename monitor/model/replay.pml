/*
 * Takes the steps of a trace of the code, one after the other, and compares the state after each: any difference is a
 * violated assertion, and printed. The trace is a file of numbers, named in the environment variable OSV_TRACE: how many
 * steps and how many numbers each; then for each step kind, core, high, low, detail, status, and the state as tell.pml
 * tells it.
 */
#include "state.pml"
#include "devices.pml"
#include "lifecycle.pml"
#include "icr.pml"
#include "control.pml"
#include "guest.pml"
#include "properties.pml"

c_decl {
    static int *trace, steps, width;

    static void read_trace(void)
    {
        FILE *file = fopen(getenv("OSV_TRACE"), "r");
        int k;
        if (!file || fscanf(file, "%d %d", &steps, &width) != 2) { printf("the trace cannot be read\n"); exit(2); }
        trace = malloc(sizeof(int) * steps * width);
        for (k = 0; k < steps * width; k++)
            if (fscanf(file, "%d", &trace[k]) != 1) { printf("the trace is too short\n"); exit(2); }
        fclose(file);
    }
}

int at;
byte core;
byte kind;
int high;
int low;
int detail;

c_code {
    static int same(int k, int model)
    {
        int code = trace[now.at * width + k];
        if (code == model) return 1;
        printf("step %d of the trace, number %d: the code has %d, the model has %d\n", now.at, k, code, model);
        return 0;
    }

    static int same_state(void)
    {
        int k = 6, c, good;
        good = same(3, step_low) & same(5, status);
        for (c = 0; c < CORES; c++)
        {
            good &= same(k++, now.core_partition[c]) & same(k++, now.core_mode[c]) & same(k++, now.core_dirty[c]);
            good &= same(k++, now.requests[c]) & same(k++, now.kicked[c]) & same(k++, now.place[c]) & same(k++, now.runs[c]);
            good &= same(k++, now.pending[c]) & same(k++, now.registers[c]) & same(k++, now.request_is_foreign[c]);
        }
        for (c = 0; c < PARTITIONS; c++)
        {
            good &= same(k++, now.partition_state[c]) & same(k++, now.boot_core[c]);
            good &= same(k++, now.cores_out[c]) & same(k++, now.partition_dirty[c]);
        }
        for (c = 0; c < PAGES; c++)
        {
            good &= same(k++, now.page_owner[c]) & same(k++, now.page_mapped[c]);
            good &= same(k++, now.page_visible[c]) & same(k++, now.page_content[c]);
        }
        for (c = 0; c < FUNCTIONS; c++)
        {
            good &= same(k++, now.function_owner[c]) & same(k++, now.reaches[c]);
            good &= same(k++, now.interrupt_to[c]) & same(k++, now.soiled[c]);
        }
        return good & same(k++, now.window) & (k == width);
    }
}

active proctype Replay()
{
    d_step { c_code { read_trace(); }; boot() };
    do
    :: d_step {
            c_expr { now.at < steps } ->
            c_code {
                int *step = trace + now.at * width;
                now.kind = step[0]; now.core = step[1]; now.high = step[2]; now.low = step[3]; now.detail = step[4];
                /* The action that a look ended in tells: 0, go on without. */
                may_take_nmi = step[3] != 0;
            };
            if
            :: kind < S_ICR ->
                assert(kicked[core] || place[core] > IN_SETTLE);
                own_step(core);
                assert(step_kind == kind)
            :: else ->
                assert(kind == S_INTERRUPT || kind == S_REFUSED || place[core] == IN_GUEST);
                guest_step(kind, core, high, low, detail)
            fi;
            check_node();
            found = 0;
            c_code { found = same_state(); };
            assert(found == 1);
            at++
        }
    :: c_expr { now.at >= steps } -> break
    od
}
