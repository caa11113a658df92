/* What leaves a guest, what partition 0 asks and what devices do: steps of the environment. The choice is made before. */

inline begin_step(kind, core, high, low, detail)
{
    touched = 0;
    status = OK;
    step_kind = kind;
    step_from = core;
    step_high = high;
    step_low = low;
    step_detail = detail
}

inline guest_step(kind, core, high, low, detail)
{
    begin_step(kind, core, high, low, detail);
    if
    :: kind == S_ICR ->
        write_icr(core, high, low);
        check_reach(core_partition[core]);
        end_exit(core)
    :: kind == S_PIN ->
        /* The serial port of a tenant: its interrupt goes where the guest directed it, if that is one of its running cores. */
        who = low;
        if
        :: who < CORES ->
            if
            :: core_partition[who] == core_partition[core] && core_mode[who] == RUNS -> hold_back(core, who)
            :: else
            fi
        :: else
        fi;
        check_reach(core_partition[core]);
        look(core)
    :: kind == S_STOP ->
        /* Reset, power off, triple fault, a breach: all the same. */
        who = core_partition[core];
        stop(who);
        check_reach(core_partition[core]);
        end_exit(core)
    :: kind == S_PANIC ->
        /* A tenant's panic is told and it goes on; partition 0 is booted again. */
        if
        :: core_partition[core] == 0 -> stop(0)
        :: else
        fi;
        check_reach(core_partition[core]);
        end_exit(core)
    :: kind == S_IRET ->
        /* The guest ended its NMI handler while the next NMI waits. */
        assert(AWAITS_IRET(core));
        kicked[core] = true;
        look(core)
    :: kind == S_CONTROL ->
        assert(core_partition[core] == 0);
        control(core, low, detail);
        end_exit(core)
    :: kind == S_MESSAGE ->
        assert(function_owner[low >> 8] == core_partition[core]);
        write_message((low >> 8), (low & 255));
        look(core)
    :: kind == S_INTERRUPT ->
        /* Whatever its owner does: nothing keeps a device from what its entries let it do. */
        assert(interrupt_to[low] == core);
        raise(core, reaches[low]);
        check_reach(function_owner[low])
    :: kind == S_REFUSED ->
        refused(low);
        check_reach(function_owner[low]);
        forget_idle_kicks()
    fi
}
