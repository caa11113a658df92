/*
 * What the environment can choose from: the same steps as tests/Model/Explorer takes. Choices end up in core, kind,
 * high, low and detail, which are 0 between steps.
 */

inline choose_icr()
{
    if
    :: low = MODE_FIXED << 8
    :: low = MODE_NMI << 8
    :: low = MODE_INIT << 8
    :: low = MODE_SIPI << 8
    fi;
    low = low | VECTOR;
    if
    :: high = FIRST_ID
    :: high = FIRST_ID + 1
    :: high = FIRST_ID + 2
    :: high = FIRST_ID + 3
    :: high = 153
    :: high = EVERYBODY
    :: high = ((FIRST_ID >> 4) << 16) | 15; low = low | (1 << 11)
    :: high = 15; low = low | (1 << 11)
    :: high = EVERYBODY; low = low | (1 << 11)
    :: low = low | (1 << 18)
    :: low = low | (2 << 18)
    :: low = low | (3 << 18)
    fi
}

/* Lowest priority, SMI, reserved, external; INIT level de-assert; a vector that does not exist. */
inline choose_odd_icr()
{
    if
    :: low = (1 << 8) | VECTOR
    :: low = (2 << 8) | VECTOR
    :: low = (3 << 8) | VECTOR
    :: low = (7 << 8) | VECTOR
    fi;
    if
    :: high = EVERYBODY
    :: low = low | (3 << 18)
    :: high = EVERYBODY; low = (1 << 15) | (MODE_INIT << 8)
    :: high = EVERYBODY; low = 5
    fi
}

inline choose_partition()
{
    if
    :: detail = 0
    :: detail = 1
    :: detail = 2
    :: detail = 3
    fi
}

inline choose_argument()
{
    if
    :: skip
    :: detail = detail | (1 << 2)
    :: detail = detail | (2 << 2)
    fi
}

/* Which windows: none named for the arguments that name none. */
inline choose_load()
{
    choose_partition();
    if
    :: skip
    :: detail = detail | (2 << 2)
    :: detail = detail | (1 << 2)
    :: detail = detail | (1 << 2) | (1 << 4)
    :: detail = detail | (1 << 2) | (2 << 4)
    :: detail = detail | (1 << 2) | (3 << 4)
    fi
}

inline choose_target()
{
    if
    :: skip
    :: detail = detail | (1 << 2)
    :: detail = detail | (2 << 2)
    :: detail = detail | (3 << 2)
    fi
}

#define IS_FREE(c) (core_partition[(c) % CORES] == NOBODY && (c) < CORES)
#define ANY_FREE (IS_FREE(0) || IS_FREE(1) || IS_FREE(2) || IS_FREE(3))

#define HAS_FUNCTION(f, owner) (FUNCTIONS > (f) && function_owner[(f) % ROOM] == (owner))

inline choose_free_functions()
{
    if
    :: skip
    :: HAS_FUNCTION(0, NOBODY) -> detail = detail | (1 << 26)
    fi;
    if
    :: skip
    :: HAS_FUNCTION(1, NOBODY) -> detail = detail | (2 << 26)
    fi
}

/* Tables that run out with a function in the request; or a function that somebody has. */
inline choose_flawed_functions()
{
    if
    :: FUNCTIONS > 0 -> detail = detail | (1 << 26)
    :: FUNCTIONS > 1 -> detail = detail | (2 << 26)
    :: FUNCTIONS > 1 -> detail = detail | (3 << 26)
    fi;
    if
    :: (((detail >> 26) & 1) == 0 || HAS_FUNCTION(0, NOBODY)) && (((detail >> 27) & 1) == 0 || HAS_FUNCTION(1, NOBODY)) ->
        detail = detail | (F_NO_TABLES << 12)
    :: else
    fi
}

/* Every choice of free cores, boot core, number of free pages and free functions; or one well-formed choice with one flaw. */
inline choose_create()
{
    choose_partition();
    if
    :: (detail == 1 || detail == 2) && partition_state[detail % PARTITIONS] == ABSENT && ANY_FREE ->
        if
        :: d_step {
                high = 0;
                n = 0;
                do
                :: n < PAGES -> high = high + (page_owner[n] == NOBODY -> 1 : 0); n++
                :: else -> break
                od;
                n = 0
            };
            if
            :: high >= 1 ->
                if
                :: IS_FREE(0) -> detail = detail | (1 << 2)
                :: IS_FREE(1) -> detail = detail | (2 << 2) | (1 << 6)
                :: IS_FREE(2) -> detail = detail | (4 << 2) | (2 << 6)
                :: IS_FREE(3) -> detail = detail | (8 << 2) | (3 << 6)
                fi;
                if
                :: IS_FREE(0) -> detail = detail | (1 << 2)
                :: skip
                fi;
                if
                :: IS_FREE(1) -> detail = detail | (2 << 2)
                :: skip
                fi;
                if
                :: IS_FREE(2) -> detail = detail | (4 << 2)
                :: skip
                fi;
                if
                :: IS_FREE(3) -> detail = detail | (8 << 2)
                :: skip
                fi;
                if
                :: detail = detail | (1 << 8)
                :: high >= 2 && MOST_PAGES >= 2 -> detail = detail | (2 << 8)
                fi;
                choose_free_functions()
            :: else -> low = 0; detail = 0
            fi;
            high = 0
        :: if
            :: IS_FREE(0) -> detail = detail | (1 << 2)
            :: IS_FREE(1) && !IS_FREE(0) -> detail = detail | (2 << 2) | (1 << 6)
            :: IS_FREE(2) && !IS_FREE(0) && !IS_FREE(1) -> detail = detail | (4 << 2) | (2 << 6)
            :: else -> detail = detail | (8 << 2) | (3 << 6)
            fi;
            detail = detail | (1 << 8);
            if
            :: detail = detail | (F_NO_TABLES << 12)
            :: detail = detail | (F_NO_CORES << 12)
            :: detail = detail | (F_TOO_MANY_CORES << 12)
            :: detail = detail | (F_UNKNOWN_CORE << 12)
            :: detail = detail | (F_DUPLICATE_CORE << 12)
            :: detail = detail | (F_BUSY_CORE << 12)
            :: detail = detail | (F_NO_PAGES << 12)
            :: detail = detail | (F_TOO_MANY_EXTENTS << 12)
            :: detail = detail | (F_BUSY_PAGE << 12)
            :: detail = detail | (F_DUPLICATE_PAGE << 12)
            :: detail = detail | (F_MISALIGNED << 12)
            :: detail = detail | (F_HOLE << 12)
            :: detail = detail | (F_GUEST_OVERLAP << 12)
            :: detail = detail | (F_BEYOND_MEMORY << 12)
            :: choose_flawed_functions()
            fi
        fi
    :: else -> detail = detail | (1 << 2) | (1 << 8)
    fi
}

inline choose_control()
{
    if
    :: low = 0
    :: low = 9
    :: low = TOPOLOGY
    :: low = CREATE; choose_create()
    :: low = STARTS; choose_partition();
        if
        :: skip
        :: detail = detail | (1 << 2)
        fi
    :: low = STOPS; choose_partition(); choose_argument()
    :: low = LOAD; choose_load()
    :: low = DESTROY; choose_partition()
    :: low = PROBE; choose_partition()
    :: low = CONSOLE; choose_partition(); choose_target()
    fi
}

inline choose_core()
{
    if
    :: place[0] == IN_GUEST -> core = 0
    :: place[1 % CORES] == IN_GUEST -> core = 1 % CORES
    :: place[2 % CORES] == IN_GUEST -> core = 2 % CORES
    :: place[3 % CORES] == IN_GUEST -> core = 3 % CORES
    fi
}

/* To which core the function's interrupt is to go. */
inline choose_message()
{
    kind = S_MESSAGE;
    if
    :: HAS_FUNCTION(0, core_partition[core])
    :: HAS_FUNCTION(1, core_partition[core]) -> low = 1 << 8
    fi;
    if
    :: skip
    :: CORES > 1 -> low = low | 1
    :: CORES > 2 -> low = low | 2
    :: CORES > 3 -> low = low | 3
    fi
}

#define HAS_TARGET(f) (FUNCTIONS > (f) && interrupt_to[(f) % ROOM] != NO_TARGET)

/* An access can be refused at any time. In random runs an owner first gets to use what it has. */
#ifdef SIMULATE
#define CAN_BE_REFUSED(f) HAS_TARGET(f)
#else
#define CAN_BE_REFUSED(f) (FUNCTIONS > (f))
#endif

/* A function interrupts the core that its entry names; the IOMMU refuses an access of it. */
inline choose_device_step()
{
    if
    :: HAS_TARGET(0) -> kind = S_INTERRUPT; core = interrupt_to[0]
    :: HAS_TARGET(1) -> kind = S_INTERRUPT; low = 1; core = interrupt_to[1 % ROOM]
    :: CAN_BE_REFUSED(0) -> kind = S_REFUSED
    :: CAN_BE_REFUSED(1) -> kind = S_REFUSED; low = 1
    fi
}

inline choose_guest_step()
{
    if
    :: kind = S_ICR; choose_icr()
    :: kind = S_ICR; choose_odd_icr()
    :: core_partition[core] != 0 -> kind = S_PIN;
        if
        :: low = 0
        :: low = 1
        :: low = 2
        :: low = 3
        fi
    :: kind = S_STOP; low = 2
    :: kind = S_STOP; low = 3
    :: kind = S_STOP; low = 4
    :: kind = S_STOP; low = 5
    :: kind = S_PANIC
    :: AWAITS_IRET(core) -> kind = S_IRET
    :: HAS_FUNCTION(0, core_partition[core]) || HAS_FUNCTION(1, core_partition[core]) -> choose_message()
    fi
}

/* In random runs partition 0 mostly asks, and tenants mostly send, or nothing would ever get far. */
inline choose_core_step()
{
    choose_core();
    if
    :: core_partition[core] == 0 -> kind = S_CONTROL; choose_control()
#ifdef SIMULATE
    :: HAS_FUNCTION(0, core_partition[core]) || HAS_FUNCTION(1, core_partition[core]) -> choose_message()
    :: core_partition[core] == 0 -> kind = S_CONTROL; choose_control()
    :: core_partition[core] == 0 -> kind = S_CONTROL; choose_control()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = STARTS; choose_partition()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = STARTS; choose_partition()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = CREATE; choose_create()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = CREATE; choose_create()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = CREATE; choose_create()
    :: core_partition[core] == 0 -> kind = S_CONTROL; low = LOAD; choose_load()
    :: core_partition[core] != 0 -> kind = S_ICR; choose_icr()
    :: core_partition[core] != 0 -> kind = S_ICR; choose_icr()
    :: core_partition[core] != 0 -> kind = S_ICR; choose_icr()
    :: core_partition[core] != 0 -> kind = S_ICR; choose_icr()
    :: core_partition[core] == 0 -> kind = S_PANIC
    /* Nor may partition 0 lay its only core to rest. */
    :: core_partition[core] != 0 || (core_partition[1] == 0 && place[0] == IN_GUEST && place[1] == IN_GUEST) -> choose_guest_step()
#else
    :: choose_guest_step()
#endif
    fi
}

inline choose_step()
{
    if
    :: choose_core_step()
    :: choose_device_step()
    fi
}
