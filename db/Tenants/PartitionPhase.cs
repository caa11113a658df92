namespace Osv.Data.Tenants;

/// <summary>What an agent says a tenant's partition does: the words of <see cref="TenantObserved.PartitionState"/>.</summary>
public enum PartitionPhase
{
    /// <summary>Its image is being fetched.</summary>
    Fetching,
    Creating,
    Loading,
    Starting,
    Running,
    Stopping,
    Scrubbing,
    /// <summary>It does not run. The agent starts it only when it is told to; the end cause says why it ended.</summary>
    Stopped,
    /// <summary>
    /// The agent has been told that it is not to run, it does not, and its cores and memory are given back. Who writes this vouches that the
    /// report was measured against a desired state made after the lifecycle came into Stopping: the place is sold anew on the strength of it.
    /// </summary>
    Absent,
    /// <summary>It ended, and the agent starts it again by its restart policy.</summary>
    BackingOff,
    /// <summary>It cannot be done as asked now or on this node; the end cause says why.</summary>
    Refused,
    /// <summary>Its image or specification boots on no node; the end cause says why.</summary>
    Invalid,
}
