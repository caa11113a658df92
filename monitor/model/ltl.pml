/*
 * Temporal properties. Tenants are symmetric: what holds for partition 1 holds for 2. Weak fairness: a core that can take
 * a step of its own takes it at some time; guests and partition 0 need not do anything.
 */

#define LAST (CORES - 1)
#define AT_REST(c) (place[c] == IN_PARK && registers[c] == CLEAN && (core_partition[c] == NOBODY || partition_state[core_partition[c]] == STOPPED || partition_state[core_partition[c]] == RUNNING))

/* Safety, as orders of events. */
ltl memory_is_cleared_between_runs { [] (partition_state[1] == STOPPING -> ((partition_state[1] != RUNNING) W (partition_state[1] == SCRUBBING))) }
ltl window_is_closed_while_it_runs { [] ((partition_state[1] == RUNNING || partition_state[1] == STOPPING) -> window != 1) }
ltl core_is_cleaned_before_it_is_free { [] (core_partition[LAST] == 1 && core_dirty[LAST] -> (core_partition[LAST] == 1 W !core_dirty[LAST])) }

/* The last function is a tenant's. Checked where there are functions. */
#define ITS (ROOM - 1)
ltl function_reaches_nothing_from_stop_to_start { [] (partition_state[1] == STOPPING -> (reaches[ITS] != 1 W partition_state[1] == RUNNING)) }
ltl function_is_reset_before_another_has_it { [] (function_owner[ITS] == 1 && soiled[ITS] -> (function_owner[ITS] == 1 W !soiled[ITS])) }

/* Liveness. */
ltl stop_ends { [] (partition_state[1] == STOPPING -> <> (partition_state[1] == STOPPED)) }
ltl create_ends { [] (partition_state[1] == SCRUBBING -> <> (partition_state[1] == STOPPED)) }
ltl start_ends { [] (core_partition[LAST] == 1 && (requests[LAST] & ENTER) != 0 -> <> (runs[LAST] == 1 || partition_state[1] != RUNNING)) }
ltl partition_0_comes_back { [] (partition_state[0] == STOPPING -> <> (partition_state[0] == RUNNING)) }
ltl stopped_core_is_reusable { [] ((requests[LAST] & STOP) != 0 -> <> AT_REST(LAST)) }
/* A core that enters its guest with an NMI waiting stays kicked. */
ltl kick_is_answered { [] (kicked[LAST] -> <> (!kicked[LAST] || place[LAST] == IN_ENTER)) }
ltl allowed_interrupt_is_sent { [] (place[LAST] >= SEND_TO -> <> (place[LAST] < SEND_TO)) }
