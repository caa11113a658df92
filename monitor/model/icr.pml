/*
 * The interrupt command register, as a guest may use it (APM vol. 2, 16.13). Core n has APIC id 10h + n: one whole logical
 * cluster, and not cluster 0.
 */
#define FIRST_ID 16
#define VECTOR 65
#define EVERYBODY (-1)
#define MODE_FIXED 0
#define MODE_NMI 4
#define MODE_INIT 5
#define MODE_SIPI 6

hidden byte mode;
hidden byte shorthand;
hidden byte meant;
hidden byte logical;

/* Cores of the sender's partition that the value names, as bits in meant. */
inline whom(sender, high)
{
    meant = 0;
    i = 0;
    do
    :: i < CORES ->
        if
        :: shorthand == 0 ->
            found = high == EVERYBODY ||
                (!logical && high == FIRST_ID + i) ||
                (logical && ((high >> 16) & 65535) == ((FIRST_ID + i) >> 4) && ((high >> ((FIRST_ID + i) & 15)) & 1) == 1)
        :: shorthand == 1 -> found = i == sender
        :: shorthand == 2 -> found = true
        :: else -> found = i != sender
        fi;
        if
        :: found && core_partition[i] == core_partition[sender] -> meant = meant | (1 << i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline write_icr(sender, high, low)
{
    mode = (low >> 8) & 7;
    shorthand = (low >> 18) & 3;
    logical = ((low >> 11) & 1) == 1;
    whom(sender, high);
    if
    :: mode == MODE_FIXED && (low & 255) >= 16 && shorthand == 0 && !logical && high != EVERYBODY && ((low >> 15) & 1) == 0 ->
        /* One core by its id, the common case: allowed now, sent later, as no lock is held. */
        who = high - FIRST_ID;
        if
        :: meant != 0 && core_mode[who] == RUNS -> hold_back(sender, who)
        :: else
        fi
    :: else ->
        i = 0;
        do
        :: i < CORES ->
            if
            :: ((meant >> i) & 1) == 0
            :: else ->
                if
                :: mode == MODE_FIXED ->
                    if
                    :: (low & 255) >= 16 && core_mode[i] == RUNS -> raise(i, core_partition[sender])
                    :: else
                    fi
                :: mode == MODE_NMI ->
                    /* A core that waits for its start has nobody to take it. */
                    if
                    :: (core_mode[i] == RUNS && (requests[i] & INIT) == 0) || (requests[i] & (SIPI | ENTER)) != 0 ->
                        requests[i] = requests[i] | NMI;
                        kick(i)
                    :: else
                    fi
                :: mode == MODE_INIT ->
                    /* Not by self and all shorthands; a level de-assert does nothing; a request to stop stands. */
                    if
                    :: (shorthand == 0 || shorthand == 3) && ((low >> 14) & 3) != 2 && (requests[i] & STOP) == 0 ->
                        requests[i] = (requests[i] & (STOP | ENTER)) | INIT;
                        kick(i)
                    :: else
                    fi
                :: mode == MODE_SIPI ->
                    if
                    :: (shorthand == 0 || shorthand == 3) &&
                        (core_mode[i] == WAITS_FOR_SIPI || (requests[i] & INIT) != 0) &&
                        (requests[i] & (SIPI | ENTER | STOP)) == 0 ->
                        requests[i] = requests[i] | SIPI;
                        kick(i)
                    :: else
                    fi
                :: else
                    /* Lowest priority, SMI, external and reserved modes: dropped. */
                fi
            fi;
            i++
        :: else -> break
        od;
        i = 0
    fi
}

/* Without the monitor lock: to another core the interrupt goes a step later than it was allowed. */
inline hold_back(sender, target)
{
    touched = touched | (1 << (target));
    if
    :: target == sender -> raise(target, core_partition[sender])
    :: else -> place[sender] = SEND_TO + target
    fi
}
