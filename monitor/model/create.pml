/*
 * Create: cores, memory and functions for a new partition. detail: partition in bits 1:0, cores in 5:2, boot core in 7:6,
 * number of pages in 11:8, flaw in 15:12, functions from 26 on.
 */
#define FLAW(detail) (((detail) >> 12) & 15)
#define ASKED(detail) ((detail) >> 26)

/* Writes the request down: the boot core first, then the others; the first free pages. */
inline make_request(detail)
{
    core_count = 1;
    asked_core[0] = (detail >> 6) & 3;
    i = 0;
    do
    :: i < 4 ->
        if
        :: i != ((detail >> 6) & 3) && ((detail >> (2 + i)) & 1) == 1 -> asked_core[core_count] = i; core_count++
        :: else
        fi;
        i++
    :: else -> break
    od;
    extent_count = 0;
    guest_page[0] = 0;
    host_page[0] = 0;
    i = 0;
    do
    :: i < PAGES ->
        if
        :: page_owner[i] == NOBODY && extent_count < ((detail >> 8) & 15) ->
            guest_page[extent_count] = extent_count;
            host_page[extent_count] = i;
            extent_count++
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* Spoils one thing of it. Core 0 and page 0 belong to partition 0. */
inline spoil_request(flaw)
{
    if
    :: flaw == F_NO_CORES -> core_count = 0
    :: flaw == F_TOO_MANY_CORES -> core_count = CORES + 1
    :: flaw == F_UNKNOWN_CORE -> asked_core[core_count] = NO_CORE; core_count++
    :: flaw == F_DUPLICATE_CORE -> asked_core[core_count] = asked_core[0]; core_count++
    :: flaw == F_BUSY_CORE -> asked_core[core_count] = 0; core_count++
    :: flaw == F_NO_PAGES -> extent_count = 0
    :: flaw == F_TOO_MANY_EXTENTS -> extent_count = MOST_EXTENTS + 1
    :: flaw == F_BUSY_PAGE -> guest_page[extent_count] = extent_count; host_page[extent_count] = 0; extent_count++
    :: flaw == F_DUPLICATE_PAGE -> guest_page[1] = 1; host_page[1] = host_page[0]; extent_count = 2
    :: flaw == F_MISALIGNED -> host_page[0] = HALF_PAGE
    :: flaw == F_HOLE -> guest_page[0] = HOLE_PAGE
    :: flaw == F_GUEST_OVERLAP -> guest_page[1] = guest_page[0]; host_page[1] = PAGES - 1; extent_count = 2
    :: flaw == F_BEYOND_MEMORY -> host_page[0] = PAGES
    :: else
    fi
}

/* The answer names the first core that cannot be had. */
inline check_cores()
{
    if
    :: core_count == 0 || core_count > CORES -> status = BAD_CORE_COUNT
    :: else
    fi;
    i = 0;
    do
    :: i < core_count && status == OK ->
        n = asked_core[i];
        if
        :: n >= CORES -> status = UNKNOWN_CORE
        :: else ->
            if
            :: core_partition[n] != NOBODY -> status = CORE_NOT_FREE
            :: else
            fi;
            j = 0;
            do
            :: j < i && status == OK ->
                if
                :: asked_core[j] == n -> status = DUPLICATE_CORE
                :: else
                fi;
                j++
            :: else -> break
            od;
            j = 0;
            do
            :: j < CORES && status == OK ->
                if
                :: PHYSICAL(j) == PHYSICAL(n) ->
                    found = false;
                    who = 0;
                    do
                    :: who < core_count -> found = found || asked_core[who] == j; who++
                    :: else -> break
                    od;
                    status = (found -> OK : SIBLINGS_SPLIT)
                :: else
                fi;
                j++
            :: else -> break
            od;
            j = 0
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline check_extents()
{
    if
    :: status == OK && (extent_count == 0 || extent_count > MOST_EXTENTS) -> status = BAD_EXTENT_COUNT
    :: else
    fi;
    i = 0;
    do
    :: i < extent_count && status == OK ->
        n = host_page[i];
        if
        :: n == HALF_PAGE || guest_page[i] == HOLE_PAGE -> status = BAD_EXTENT
        :: else ->
            if
            :: n >= PAGES -> status = MEMORY_NOT_FREE
            :: else ->
                if
                :: page_owner[n] != NOBODY -> status = MEMORY_NOT_FREE
                :: else
                fi;
                j = 0;
                do
                :: j < i && status == OK ->
                    if
                    :: host_page[j] == n -> status = MEMORY_NOT_FREE
                    :: host_page[j] != n && guest_page[j] == guest_page[i] -> status = GUEST_OVERLAP
                    :: else
                    fi;
                    j++
                :: else -> break
                od;
                j = 0
            fi
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* All that a request asks for can be had. Each function of the model is a group of its own. */
inline check_functions(asked)
{
    i = 0;
    do
    :: i < FUNCTIONS && status == OK ->
        if
        :: ((asked >> i) & 1) == 1 && function_owner[i] != NOBODY -> status = FUNCTION_NOT_FREE
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* Gives what was asked for; the boot core clears the memory before anybody has it. */
inline give(partition)
{
    i = 0;
    do
    :: i < core_count -> core_partition[asked_core[i]] = partition; i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < extent_count ->
        page_owner[host_page[i]] = partition;
        page_mapped[host_page[i]] = partition;
        i++
    :: else -> break
    od;
    i = 0;
    boot_core[partition] = asked_core[0];
    partition_dirty[partition] = true;
    partition_state[partition] = SCRUBBING;
    kick(boot_core[partition])
}

inline create(detail)
{
    check_tenant((detail & 3));
    if
    :: status == OK ->
        if
        :: partition_state[detail & 3] != ABSENT -> status = WRONG_STATE
        :: else ->
            make_request(detail);
            spoil_request(FLAW(detail));
            check_cores();
            check_extents();
            check_functions(ASKED(detail));
            if
            :: status == OK ->
                who = detail & 3;
                take_functions(who, ASKED(detail));
                if
                :: FLAW(detail) == F_NO_TABLES ->
                    release_functions(who);
                    status = OUT_OF_TABLES
                :: else -> give(who)
                fi
            :: else
            fi
        fi
    :: else
    fi
}

/* The monitor starts: it makes partition 0 of the first cores, page 0 and the first functions. */
inline boot()
{
    core_count = FIRST;
    i = 0;
    do
    :: i < FIRST -> asked_core[i] = i; i++
    :: else -> break
    od;
    i = 0;
    extent_count = 1;
    host_page[0] = 0;
    take_functions(0, ((1 << FIRST_FUNCTIONS) - 1));
    give(0);
    touched = 0
}
