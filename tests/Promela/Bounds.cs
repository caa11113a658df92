using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>The nodes that are checked.</summary>
internal static class Bounds
{
    /// <summary>Room for one tenant beside partition 0 with two cores, or two with one each; a page too few for two large ones.</summary>
    public static readonly Configuration ThreeCores = new(Cores: 3, Pages: 3, ManagementCores: 1, TenantPages: 2, LongExtents: false, Siblings: false, EntryReset: true, Workers: 1);

    /// <summary>The same with tenants of one page, for searches that visit states several times.</summary>
    public static readonly Configuration ThreeCoresSmall = ThreeCores with { TenantPages = 1 };

    public static readonly Configuration ManagementOnTwo = new(Cores: 3, Pages: 3, ManagementCores: 2, TenantPages: 1, LongExtents: false, Siblings: false, EntryReset: true, Workers: 1);

    /// <summary>A PCI function of partition 0 and one of tenants, which one tenant after the other can have.</summary>
    public static readonly Configuration TwoFunctions = new(Cores: 2, Pages: 2, ManagementCores: 1, TenantPages: 1, LongExtents: false, Siblings: false, EntryReset: true, Workers: 1, Functions: 2);

    /// <summary>A function beside two tenants: one has it, or the other, or neither.</summary>
    public static readonly Configuration TenantFunction = ThreeCoresSmall with { Functions = 1, ManagementFunctions = 0 };

    /// <summary>The next two have too many states to visit one by one without symmetry reduction; enough for walks.</summary>
    public static readonly Configuration Pairs = new(Cores: 4, Pages: 2, ManagementCores: 2, TenantPages: 1, LongExtents: false, Siblings: true, EntryReset: true, Workers: 1);

    public static readonly Configuration Large = new(Cores: 4, Pages: 6, ManagementCores: 1, TenantPages: 2, LongExtents: false, Siblings: false, EntryReset: true, Workers: 1, Functions: 2);
}
