/* Start and stop of partitions, and the steps that a core takes by itself (monitor/Policy/Lifecycle.cs, Exits/CoreLoop.cs). */

/* A new run begins, or an owner goes: what the last run left on the core is foreign from now on. */
inline disown(core)
{
    if
    :: (pending[core] & FROM_OWN) != 0 -> pending[core] = FROM_STRANGER
    :: else
    fi;
    if
    :: registers[core] == OWN_RUN -> registers[core] = STRANGE
    :: else
    fi;
    request_is_foreign[core] = (requests[core] & (INIT | SIPI | NMI)) != 0
}

inline start(partition)
{
    partition_state[partition] = RUNNING;
    partition_dirty[partition] = true;
    i = 0;
    do
    :: i < CORES ->
        if
        :: core_partition[i] == partition ->
            core_mode[i] = WAITS_FOR_SIPI;
            requests[i] = (i == boot_core[partition] -> ENTER : 0);
            disown(i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    attach_functions(partition);
    kick(boot_core[partition]);
    i = 0;
    do
    :: i < PAGES ->
        if
        :: page_owner[i] == partition -> page_content[i] = (page_content[i] == CLEAN -> OWN_RUN : STRANGE)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* Functions are detached, all cores asked to leave; the last one back starts the clearing of memory. found: whether it ran. */
inline stop(partition)
{
    found = partition_state[partition] == RUNNING;
    if
    :: found ->
        partition_state[partition] = STOPPING;
        detach_functions(partition);
        n = 0;
        i = 0;
        do
        :: i < CORES ->
            if
            :: core_partition[i] == partition ->
                requests[i] = STOP;
                kick(i);
                n++
            :: else
            fi;
            i++
        :: else -> break
        od;
        cores_out[partition] = n;
        i = 0
    :: else
    fi
}

/* An NMI that comes before the entry is looked at after it. */
inline keep_nmi(core)
{
    requests[core] = taken & NMI;
    kicked[core] = requests[core] != 0
}

/* A kicked core takes its requests. Whether its guest may take an NMI just then, the guest decides: may_take_nmi. */
inline act(core)
{
    kicked[core] = false;
    taken = requests[core];
    requests[core] = 0;
    who = core_partition[core];
    if
    :: who == NOBODY -> step_low = 2; place[core] = IN_PARK
    :: else ->
        if
        :: (taken & STOP) != 0 ->
            core_mode[core] = PARKED;
            step_low = 5; place[core] = IN_SCRUB
        :: else ->
            if
            :: partition_state[who] == SCRUBBING && cores_out[who] == 0 && boot_core[who] == core -> step_low = 6; place[core] = IN_CLEAR
            :: partition_state[who] == SCRUBBING && !(cores_out[who] == 0 && boot_core[who] == core) -> step_low = 2; place[core] = IN_PARK
            :: partition_state[who] != SCRUBBING && partition_state[who] != RUNNING -> step_low = 2; place[core] = IN_PARK
            :: else ->
                if
                :: (taken & ENTER) != 0 ->
                    core_mode[core] = RUNS;
                    core_dirty[core] = true;
                    keep_nmi(core);
                    step_low = 3; place[core] = IN_ENTER
                :: (taken & ENTER) == 0 && ((taken & INIT) != 0 || core_mode[core] == WAITS_FOR_SIPI) ->
                    if
                    :: (taken & SIPI) != 0 ->
                        core_mode[core] = RUNS;
                        core_dirty[core] = true;
                        keep_nmi(core);
                        step_low = 4; place[core] = IN_ENTER
                    :: else ->
                        core_mode[core] = WAITS_FOR_SIPI;
                        step_low = 2; place[core] = IN_PARK
                    fi
                :: else ->
                    if
                    :: core_mode[core] != RUNS -> step_low = 2; place[core] = IN_PARK
                    :: else ->
                        step_low = ((taken & NMI) != 0 && may_take_nmi -> 1 : 0);
                        requests[core] = (may_take_nmi -> 0 : taken & NMI);
                        place[core] = IN_GUEST
                    fi
                fi
            fi
        fi
    fi;
    assert(!(request_is_foreign[core] && (step_low == 1 || step_low == 4)));
    request_is_foreign[core] = request_is_foreign[core] && (requests[core] & NMI) != 0;
    /* No NMI is lost on the way into the guest. */
    assert(!((taken & NMI) != 0 && (step_low == 0 || step_low == 3 || step_low == 4)) || (requests[core] & NMI) != 0)
}

/* What the core does next by itself; its place says what. */
inline own_step(core)
{
    touched = 0;
    status = 0;
    step_high = 0;
    step_low = 0;
    step_detail = 0;
    step_from = core;
    if
    :: place[core] == IN_GUEST || place[core] == IN_SETTLE || place[core] == IN_PARK ->
        step_kind = S_ACT;
        act(core)
    :: place[core] == IN_ENTER ->
        /* The APIC is reset, the guest state made; from then on the guest's own interrupts may be pending at any time. */
        step_kind = S_ENTER;
        pending[core] = FROM_OWN;
        runs[core] = core_partition[core];
        if
        :: registers[core] == CLEAN -> registers[core] = OWN_RUN
        :: else
        fi;
        place[core] = IN_GUEST
    :: place[core] == IN_SCRUB ->
        step_kind = S_SCRUB_CORE;
        registers[core] = CLEAN;
        runs[core] = NOBODY;
        pending[core] = 0;
        place[core] = IN_SCRUBBED
    :: place[core] == IN_SCRUBBED ->
        step_kind = S_CORE_IS_BACK;
        who = core_partition[core];
        core_dirty[core] = false;
        place[core] = IN_PARK;
        cores_out[who] = cores_out[who] - 1;
        if
        :: cores_out[who] == 0 ->
            partition_state[who] = SCRUBBING;
            kick(boot_core[who])
        :: else
        fi
    :: place[core] == IN_CLEAR ->
        step_kind = S_CLEAR_MEMORY;
        reset_functions(core_partition[core]);
        i = 0;
        do
        :: i < PAGES ->
            if
            :: page_owner[i] == core_partition[core] -> page_content[i] = CLEAN
            :: else
            fi;
            i++
        :: else -> break
        od;
        place[core] = IN_CLEARED
    :: place[core] == IN_CLEARED ->
        step_kind = S_MEMORY_IS_CLEAN;
        who = core_partition[core];
        partition_dirty[who] = false;
        partition_state[who] = STOPPED;
        place[core] = IN_PARK;
        /* Partition 0 is loaded from its payload and started again in the same breath. */
        if
        :: who == 0 -> start(0)
        :: else
        fi
    :: place[core] >= SEND_TO ->
        step_kind = S_SEND;
        step_low = place[core] - SEND_TO;
        raise(step_low, core_partition[core]);
        place[core] = IN_GUEST;
        look(core)
    fi;
    forget_idle_kicks()
}
