/* What must hold after every step. README.md says what each means for a tenant. */

inline check_core(c)
{
    who = core_partition[c];
    n = (who == NOBODY -> ABSENT : partition_state[who]);
    /* No kick is lost. */
    assert(requests[c] == 0 || kicked[c] || AWAITS_IRET(c));
    /* Registers that hold a guest's values are known to. */
    assert(registers[c] == CLEAN || core_dirty[c]);
    if
    :: GUEST_LOADED(c) || place[c] == IN_ENTER ->
        /* A guest runs on cores of its own partition only, while that is started, and leaves when told. */
        assert(n == RUNNING || n == STOPPING);
        assert(core_mode[c] == RUNS);
        assert(n != STOPPING || (requests[c] & STOP) != 0);
        assert(place[c] == IN_ENTER || runs[c] == who);
        /* Nothing that another partition, or a former run, raised reaches it; its registers are its own. */
        assert(place[c] == IN_ENTER || (pending[c] & FROM_STRANGER) == 0);
        assert(place[c] == IN_ENTER || registers[c] != STRANGE)
    :: else
    fi;
    assert(!(place[c] == IN_SCRUB || place[c] == IN_SCRUBBED) || n == STOPPING);
    assert(!(place[c] == IN_CLEAR || place[c] == IN_CLEARED) || (n == SCRUBBING && boot_core[who] == c));
    if
    :: n == ABSENT || n == STOPPED || n == SCRUBBING ->
        /* Nobody's core, or one of a partition that does not run, does nothing and holds nothing. */
        assert(place[c] == IN_PARK || place[c] == IN_CLEAR || place[c] == IN_CLEARED);
        assert(registers[c] == CLEAN && !core_dirty[c]);
        assert(runs[c] == NOBODY);
        assert(core_mode[c] == PARKED)
    :: else
    fi
}

inline check_page(p)
{
    who = page_owner[p];
    n = (who == NOBODY -> ABSENT : partition_state[who]);
    assert(page_mapped[p] == who);
    /* Partition 0 sees a tenant's page only through the window, while that is stopped and before it has run. */
    assert(!page_visible[p] || (who != 0 && n == STOPPED && window == who && page_content[p] == CLEAN));
    /* What a started partition finds in its memory is zeros, or what was loaded for it. */
    assert(!(n == RUNNING || n == STOPPING) || page_content[p] != STRANGE);
    assert(n != STOPPED || page_content[p] == CLEAN)
}

inline check_function(f)
{
    who = function_owner[f];
    n = (who == NOBODY -> ABSENT : partition_state[who]);
    assert(who == NOBODY || n != ABSENT);
    /* A page that it reaches by DMA is its owner's, and its owner runs. */
    j = 0;
    do
    :: j < PAGES ->
        assert(reaches[f] == NOBODY || page_mapped[j] != reaches[f] || (page_owner[j] == who && n == RUNNING));
        j++
    :: else -> break
    od;
    j = 0;
    /* It is attached, to its owner's tables, exactly while its owner runs. */
    assert(reaches[f] == (n == RUNNING -> who : NOBODY));
    /* No interrupt of it reaches a core that is not its owner's. */
    assert(interrupt_to[f] == NO_TARGET || (reaches[f] != NOBODY && core_partition[interrupt_to[f]] == who));
    /* It was reset before anybody else can have it. */
    assert(n != STOPPED || !soiled[f])
}

inline check_partition(p)
{
    n = 0;
    who = 0;
    j = 0;
    do
    :: j < CORES ->
        if
        :: core_partition[j] == p ->
            n++;
            if
            :: (requests[j] & STOP) != 0 || place[j] == IN_SCRUB || place[j] == IN_SCRUBBED -> who++
            :: else
            fi;
            /* SMT siblings go together. */
            assert(!PAIRS || core_partition[j - j % 2] == p && core_partition[j - j % 2 + PAIRS] == p)
        :: else
        fi;
        j++
    :: else -> break
    od;
    taken = 0;
    j = 0;
    do
    :: j < PAGES ->
        if
        :: page_owner[j] == p -> taken++
        :: else
        fi;
        j++
    :: else -> break
    od;
    j = 0;
    if
    :: partition_state[p] == ABSENT -> assert(n == 0 && taken == 0 && !partition_dirty[p])
    :: else ->
        assert(n != 0 && taken != 0 && core_partition[boot_core[p]] == p);
        assert(partition_dirty[p] == (partition_state[p] != STOPPED))
    fi;
    /* A stop waits for exactly the cores that are to come back. */
    assert(cores_out[p] == who);
    assert((cores_out[p] != 0) == (partition_state[p] == STOPPING))
}

inline check_node()
{
    i = 0;
    do
    :: i < CORES -> check_core(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < PAGES -> check_page(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < FUNCTIONS -> check_function(i); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < PARTITIONS -> check_partition(i); i++
    :: else -> break
    od;
    i = 0;
    n = 0;
    who = 0;
    taken = 0;
    found = false;
#ifdef WITNESS
    /* Not a property: the search is to find a way there. */
    assert(!(WITNESS));
#endif
    skip
}

/* A guest's step reaches its own partition's cores only. */
inline check_reach(partition)
{
    i = 0;
    do
    :: i < CORES -> assert(((touched >> i) & 1) == 0 || core_partition[i] == partition); i++
    :: else -> break
    od;
    i = 0
}
