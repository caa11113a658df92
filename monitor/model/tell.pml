/* In simulations every step is told, with the state after it: the replay in tests/Promela reads that. */
inline tell()
{
    printf("step %d %d %d %d %d %d|", step_kind, step_from, step_high, step_low, step_detail, status);
    i = 0;
    do
    :: i < CORES ->
        printf(" c%d,%d,%d,%d,%d,", core_partition[i], core_mode[i], core_dirty[i], requests[i], kicked[i]);
        printf("%d,%d,%d,%d,%d", place[i], runs[i], pending[i], registers[i], request_is_foreign[i]);
        i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < PARTITIONS -> printf(" p%d,%d,%d,%d", partition_state[i], boot_core[i], cores_out[i], partition_dirty[i]); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < PAGES -> printf(" m%d,%d,%d,%d", page_owner[i], page_mapped[i], page_visible[i], page_content[i]); i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < FUNCTIONS -> printf(" f%d,%d,%d,%d", function_owner[i], reaches[i], interrupt_to[i], soiled[i]); i++
    :: else -> break
    od;
    i = 0;
    printf(" w%d\n", window)
}
