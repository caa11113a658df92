/*
 * PCI functions: who owns them, what the IOMMU lets them reach, where their interrupts go (monitor/Policy/DevicePolicy.cs,
 * Lifecycle.cs). The device table entry of a function denies everything, or is attached to its partition's I/O page table,
 * which is the nested table itself: whatever page_mapped says is reached, at that moment.
 */

inline take_functions(partition, asked)
{
    i = 0;
    do
    :: i < FUNCTIONS ->
        if
        :: ((asked >> i) & 1) == 1 ->
            /* A function has one owner. */
            assert(function_owner[i] == NOBODY);
            function_owner[i] = partition
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline release_functions(partition)
{
    i = 0;
    do
    :: i < FUNCTIONS ->
        if
        :: function_owner[i] == partition -> function_owner[i] = NOBODY
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* From here on they reach the partition's memory. They interrupt nobody until a message is written: Iommu.Attach clears the table. */
inline attach_functions(partition)
{
    i = 0;
    do
    :: i < FUNCTIONS ->
        if
        :: function_owner[i] == partition ->
            /* Nobody starts with what a function was told before. */
            assert(!soiled[i]);
            assert(interrupt_to[i] == NO_TARGET);
            reaches[i] = partition;
            soiled[i] = true;
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* From here on they reach nothing, and no access is under way. */
inline detach_functions(partition)
{
    i = 0;
    do
    :: i < FUNCTIONS ->
        if
        :: function_owner[i] == partition ->
            reaches[i] = NOBODY;
            interrupt_to[i] = NO_TARGET;
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* Hardware/FunctionReset.cs, before the memory is cleared. */
inline reset_functions(partition)
{
    i = 0;
    do
    :: i < FUNCTIONS ->
        if
        :: function_owner[i] == partition -> soiled[i] = false
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/*
 * The owner writes a message: it becomes an interrupt to one core of the partition, or none. While the partition is being
 * stopped its guests may still write, but no entry of the device table leads to what they wrote, and the next attach clears it.
 */
inline write_message(function, target)
{
    if
    :: reaches[function] == NOBODY
    :: else -> interrupt_to[function] = (core_partition[target] == function_owner[function] -> target : NO_TARGET)
    fi
}

/* An access was refused: its tenant is stopped. Partition 0 is not: nobody could drive the node. */
inline refused(function)
{
    who = function_owner[function];
    if
    :: who != NOBODY && who != 0 -> stop(who)
    :: else
    fi
}
