/*
 * The interface of the monitor: control operations, start-up by INIT and SIPI, ICR filter, reset, NMI kick, scrub and
 * load window, devices. README.md says how it is checked and how it is tied to the code.
 */
#include "state.pml"
#ifdef FIND
#include "witness.pml"
#endif
#include "devices.pml"
#include "lifecycle.pml"
#include "icr.pml"
#include "control.pml"
#include "guest.pml"
#include "properties.pml"
#include "tell.pml"
#include "choices.pml"
#include "ltl.pml"

bool booted;

/* A core of the node, by itself: it looks at its requests when kicked, and finishes what it has begun. */
active [CORES] proctype Core()
{
end:
    do
    :: d_step {
            booted && (kicked[_pid] || place[_pid] > IN_SETTLE) ->
            may_take_nmi = true;
            own_step(_pid);
            tell();
            check_node()
        }
    :: d_step {
            booted && kicked[_pid] && place[_pid] <= IN_SETTLE && (requests[_pid] & NMI) != 0 ->
            may_take_nmi = false;
            own_step(_pid);
            tell();
            check_node()
        }
    od
}

/* Guests, partition 0 and devices: anything, at any time, as often as they like, or nothing for ever. */
active proctype Environment()
{
    byte core, kind;
    int high, low, detail;

    d_step { boot(); booted = true; step_kind = S_BOOT; tell(); check_node() };
    /* A partition may send INIT to all of its cores: a node on which nobody does anything is no deadlock of the monitor. */
end:
    do
    :: atomic {
            choose_step();
            d_step {
                guest_step(kind, core, high, low, detail);
                tell();
                check_node();
                core = 0;
                kind = 0;
                high = 0;
                low = 0;
                detail = 0
            }
        }
    od
}
