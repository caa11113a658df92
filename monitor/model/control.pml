/* The control operations of partition 0. Every refusal leaves the state as it was. */
#define TOPOLOGY 1
#define CREATE 2
#define LOAD 3
#define STARTS 4
#define STOPS 5
#define DESTROY 6
#define PROBE 7
#define CONSOLE 8

/* Answers. */
#define OK 0
#define UNKNOWN_OPERATION 1
#define BAD_PARTITION 3
#define WRONG_STATE 4
#define BAD_CORE_COUNT 5
#define UNKNOWN_CORE 6
#define CORE_NOT_FREE 7
#define SIBLINGS_SPLIT 8
#define DUPLICATE_CORE 9
#define BAD_EXTENT_COUNT 10
#define BAD_EXTENT 11
#define MEMORY_NOT_FREE 12
#define GUEST_OVERLAP 13
#define OUT_OF_TABLES 14
#define BAD_ENTRY 15
#define BAD_WINDOW 16
#define BAD_ARGUMENT 17
#define MANAGEMENT_IS_FIXED 18
#define FUNCTION_NOT_FREE 21

/* What is wrong with a Create (tests/Model/Explorer/ControlRequests.cs). */
#define NO_FLAW 0
#define F_NO_TABLES 1
#define F_NO_CORES 2
#define F_TOO_MANY_CORES 3
#define F_UNKNOWN_CORE 4
#define F_DUPLICATE_CORE 5
#define F_BUSY_CORE 6
#define F_NO_PAGES 7
#define F_TOO_MANY_EXTENTS 8
#define F_BUSY_PAGE 9
#define F_DUPLICATE_PAGE 10
#define F_MISALIGNED 11
#define F_HOLE 12
#define F_GUEST_OVERLAP 13
#define F_BEYOND_MEMORY 14
#define FLAWS 15

#define MOST_EXTENTS 16
#define NO_CORE 99
/* Guest pages: numbers from 0, and one in the hole for devices. Host pages: numbers, or one that is half of two. */
#define HOLE_PAGE 254
#define HALF_PAGE 253

/* The request of a Create. Outside the state. */
hidden byte core_count;
hidden byte asked_core[6];
hidden byte extent_count;
hidden byte guest_page[6];
hidden byte host_page[6];

#define PHYSICAL(c) (PAIRS -> (c) / 2 : (c))

inline check_tenant(partition)
{
    status = (partition >= PARTITIONS -> BAD_PARTITION : (partition == 0 -> MANAGEMENT_IS_FIXED : OK))
}

inline close_window()
{
    if
    :: window != NOBODY ->
        window = NOBODY;
        i = 0;
        do
        :: i < PAGES -> page_visible[i] = false; i++
        :: else -> break
        od;
        i = 0
    :: else
    fi
}

/* detail: partition in bits 1:0, argument in 3:2, where the window is to begin in 5:4 (0 and 1: addresses it may have). */
inline load(detail)
{
    check_tenant((detail & 3));
    if
    :: status == OK ->
        if
        :: ((detail >> 2) & 3) > 1 -> status = BAD_ARGUMENT
        :: ((detail >> 2) & 3) == 0 ->
            if
            :: window == (detail & 3) -> close_window()
            :: else -> status = WRONG_STATE
            fi
        :: else ->
            if
            :: partition_state[detail & 3] != STOPPED -> status = WRONG_STATE
            :: partition_state[detail & 3] == STOPPED && ((detail >> 4) & 3) > 1 -> status = BAD_WINDOW
            :: else ->
                close_window();
                window = detail & 3;
                i = 0;
                do
                :: i < PAGES ->
                    if
                    :: page_owner[i] == window && ((detail >> 4) & 3) == 0 -> page_visible[i] = true
                    :: else
                    fi;
                    i++
                :: else -> break
                od;
                i = 0
            fi
        fi
    :: else
    fi
}

inline start_operation(detail)
{
    check_tenant((detail & 3));
    if
    :: status == OK ->
        if
        :: partition_state[detail & 3] != STOPPED -> status = WRONG_STATE
        :: partition_state[detail & 3] == STOPPED && ((detail >> 2) & 1) == 1 -> status = BAD_ENTRY
        :: else ->
            if
            :: window == (detail & 3) -> close_window()
            :: else
            fi;
            who = detail & 3;
            start(who)
        fi
    :: else
    fi
}

inline stop_operation(detail)
{
    if
    :: (detail & 3) >= PARTITIONS -> status = BAD_PARTITION
    :: (detail & 3) == 0 -> status = (((detail >> 2) & 3) == 1 || ((detail >> 2) & 3) == 2 -> OK : BAD_ARGUMENT)
    :: else ->
        who = detail & 3;
        stop(who);
        status = (found -> OK : WRONG_STATE)
    fi
}

inline destroy(partition)
{
    check_tenant(partition);
    if
    :: status == OK ->
        if
        :: partition_state[partition] != STOPPED -> status = WRONG_STATE
        :: else ->
            if
            :: window == partition -> close_window()
            :: else
            fi;
            i = 0;
            do
            :: i < CORES ->
                if
                :: core_partition[i] == partition ->
                    core_partition[i] = NOBODY;
                    disown(i)
                :: else
                fi;
                i++
            :: else -> break
            od;
            release_functions(partition);
            i = 0;
            do
            :: i < PAGES ->
                if
                :: page_owner[i] == partition ->
                    page_owner[i] = NOBODY;
                    page_mapped[i] = NOBODY;
                    page_content[i] = STRANGE
                :: else
                fi;
                i++
            :: else -> break
            od;
            i = 0;
            partition_state[partition] = ABSENT;
            boot_core[partition] = 0;
            cores_out[partition] = 0;
            partition_dirty[partition] = false
        fi
    :: else
    fi
}

inline probe(partition)
{
    if
    :: partition >= PARTITIONS -> status = BAD_PARTITION
    :: else ->
        if
        :: partition_state[partition] != RUNNING -> status = WRONG_STATE
        :: else ->
            i = 0;
            do
            :: i < CORES ->
                if
                :: core_partition[i] == partition -> kick(i)
                :: else
                fi;
                i++
            :: else -> break
            od;
            i = 0
        fi
    fi
}

/* Input waits: the tenant's serial port raises its interrupt, which the tenant directed at some core. */
inline console(detail)
{
    check_tenant((detail & 3));
    if
    :: status == OK ->
        if
        :: partition_state[detail & 3] != RUNNING -> status = WRONG_STATE
        :: else ->
            who = (detail >> 2) & 3;
            if
            :: who < CORES -> 
                if
                :: core_partition[who] == (detail & 3) && core_mode[who] == RUNS -> raise(who, (detail & 3))
                :: else
                fi
            :: else
            fi
        fi
    :: else
    fi
}

#include "create.pml"

/* The doorbell. */
inline control(core, operation, detail)
{
    if
    :: operation == TOPOLOGY
    :: operation == CREATE -> create(detail)
    :: operation == LOAD -> load(detail)
    :: operation == STARTS -> start_operation(detail)
    :: operation == STOPS -> stop_operation(detail)
    :: operation == DESTROY -> who = detail & 3; destroy(who)
    :: operation == PROBE -> who = detail & 3; probe(who)
    :: operation == CONSOLE -> console(detail)
    :: else -> status = UNKNOWN_OPERATION
    fi
}
