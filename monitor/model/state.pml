/*
 * What the node is made of, as the model sees it. The numbers are those of the monitor's own enumerations
 * (src/Contracts/ControlDevice, monitor/Policy), so that a state can be compared with the code's.
 *
 * Bounds, given to spin with -D:
 *   CORES   of the node, at most 4            PAGES       of memory that can be handed out
 *   FIRST   cores of partition 0              MOST_PAGES  that a tenant may ask for
 *   PAIRS   1: cores 2n and 2n+1 are SMT siblings
 *   FUNCTIONS  PCI functions, at most 2      FIRST_FUNCTIONS  of these, partition 0's
 */
#define PARTITIONS 3
#define NOBODY 3

/* State of a partition. */
#define ABSENT 0
#define STOPPED 1
#define RUNNING 2
#define STOPPING 3
#define SCRUBBING 4

/* Mode of a core. */
#define PARKED 0
#define WAITS_FOR_SIPI 1
#define RUNS 2

/* Requests to a core: bits. */
#define STOP 1
#define ENTER 2
#define INIT 4
#define SIPI 8
#define NMI 16

/* Where a core is between two atomic steps. SEND_TO + n: it may send to core n, and has not sent yet. */
#define IN_GUEST 0
#define IN_PARK 1
#define IN_SETTLE 2
#define IN_ENTER 3
#define IN_SCRUB 4
#define IN_SCRUBBED 5
#define IN_CLEAR 6
#define IN_CLEARED 7
#define SEND_TO 8

/* In place of a core: a function's interrupt goes nowhere. */
#define NO_TARGET 7
#ifndef FUNCTIONS
#define FUNCTIONS 0
#define FIRST_FUNCTIONS 0
#endif
/* Without functions there is one place all the same, which nothing uses. */
#if FUNCTIONS > 0
#define ROOM FUNCTIONS
#else
#define ROOM 1
#endif

/* What registers hold; what a page holds; who raised a pending interrupt (bits). */
#define CLEAN 0
#define OWN_RUN 1
#define STRANGE 2
#define FROM_OWN 1
#define FROM_STRANGER 2

/* What the monitor decides upon. */
byte core_partition[CORES] = NOBODY;
byte core_mode[CORES] = PARKED;
bool core_dirty[CORES];
byte requests[CORES];
byte partition_state[PARTITIONS] = ABSENT;
byte boot_core[PARTITIONS];
byte cores_out[PARTITIONS];
bool partition_dirty[PARTITIONS];
byte window = NOBODY;
byte page_owner[PAGES] = NOBODY;
byte function_owner[ROOM] = NOBODY;

/* The machine under it. */
bool kicked[CORES];
byte place[CORES] = IN_PARK;
byte runs[CORES] = NOBODY;
byte page_mapped[PAGES] = NOBODY;
bool page_visible[PAGES];
/* The device table: whose nested tables a function walks, or nobody's. The entry of its interrupt table: to which core. */
byte reaches[ROOM] = NOBODY;
byte interrupt_to[ROOM] = NO_TARGET;

/* Bookkeeping for the properties: whose data lies where. */
byte pending[CORES];
byte registers[CORES] = CLEAN;
bool request_is_foreign[CORES];
byte page_content[PAGES] = STRANGE;
/* An owner has told the function things since its last reset. */
bool soiled[ROOM] = true;

/* Answer of the step just made, and the cores that it kicked or sent to. Outside the state. */
hidden byte status;
hidden byte touched;
hidden byte step_from;
hidden short step_kind;
hidden int step_high;
hidden int step_low;
hidden int step_detail;
/* Work space of one step. Outside the state. */
hidden byte i;
hidden byte j;
hidden byte n;
hidden byte who;
hidden byte taken;
hidden byte found;
hidden byte may_take_nmi;

/* Kinds of steps. */
#define S_BOOT (-1)
#define S_ACT 0
#define S_ENTER 1
#define S_SCRUB_CORE 2
#define S_CORE_IS_BACK 3
#define S_CLEAR_MEMORY 4
#define S_MEMORY_IS_CLEAN 5
#define S_SEND 6
#define S_ICR 7
#define S_PIN 8
#define S_STOP 9
#define S_PANIC 10
#define S_IRET 11
#define S_CONTROL 12
#define S_MESSAGE 13
#define S_INTERRUPT 14
#define S_REFUSED 15

/* Nothing to do but an NMI that the guest may not take yet: it is in the handler of the one before. */
#define AWAITS_IRET(c) (!kicked[c] && requests[c] == NMI && GUEST_LOADED(c))

#define GUEST_LOADED(c) (place[c] == IN_GUEST || place[c] == IN_SETTLE || place[c] >= SEND_TO)

inline kick(core)
{
    kicked[core] = true;
    touched = touched | (1 << (core))
}

/* The interrupt arrives and waits: the target may have interrupts off. */
inline raise(core, sender)
{
    touched = touched | (1 << (core));
    pending[core] = pending[core] | (core_partition[core] == sender -> FROM_OWN : FROM_STRANGER)
}

/*
 * A kick for which no request waits, at a core that has no memory to clear, brings nothing: the code's explorer proves
 * in every state that looking at it changes nothing (tests/Model), so it is forgotten.
 */
inline forget_idle_kicks()
{
    j = 0;
    do
    :: j < CORES ->
        if
        :: requests[j] == 0 && !(core_partition[j] != NOBODY && partition_state[core_partition[j]] == SCRUBBING && boot_core[core_partition[j]] == j) ->
            kicked[j] = false
        :: else
        fi;
        j++
    :: else -> break
    od;
    j = 0
}

/*
 * Ends an exit: a core that its own step kicked looks at its requests before its guest goes on. One that was kicked by
 * others may go on as if the NMI were still on its way: more than the code can do, where every exit ends in a look at the
 * kick word (Exits/CoreLoop.cs, Settle). What is to happen at last needs that look, so with LOOKS it is there.
 */
inline end_exit(core)
{
    found = ((touched >> (core)) & 1) == 1 && kicked[core];
    forget_idle_kicks();
    if
    :: found && kicked[core] && place[core] == IN_GUEST -> place[core] = IN_SETTLE
    :: else
    fi;
    look(core)
}

inline look(core)
{
#ifdef LOOKS
    if
    :: kicked[core] && place[core] == IN_GUEST -> place[core] = IN_SETTLE
    :: else
    fi
#else
    skip
#endif
}
