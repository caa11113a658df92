using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Osv.Data.Access;
using Osv.Data.Images;
using Osv.Data.Jobs;
using Osv.Data.Leases;
using Osv.Data.Lifecycles;
using Osv.Data.Logs;
using Osv.Data.Messaging;
using Osv.Data.Nodes;
using Osv.Data.Projects;
using Osv.Data.Tenants;

namespace Osv.Data;

/// <summary>The only truth. All times are UTC, all sizes bytes.</summary>
public sealed class OsvDbContext(DbContextOptions<OsvDbContext> options) : IdentityUserContext<OsvUser, Guid>(options)
{
    public DbSet<Node> Nodes => Set<Node>();

    public DbSet<NodeDesired> NodeDesired => Set<NodeDesired>();

    public DbSet<NodeLifecycle> NodeLifecycles => Set<NodeLifecycle>();

    public DbSet<NodeTransition> NodeTransitions => Set<NodeTransition>();

    public DbSet<NodeHeartbeat> NodeHeartbeats => Set<NodeHeartbeat>();

    public DbSet<NodeHealthReport> NodeHealthReports => Set<NodeHealthReport>();

    public DbSet<Cell> NodeCells => Set<Cell>();

    public DbSet<Core> NodeCores => Set<Core>();

    public DbSet<MemoryBlock> NodeMemoryBlocks => Set<MemoryBlock>();

    public DbSet<Device> NodeDevices => Set<Device>();

    public DbSet<NodeBoot> NodeBoots => Set<NodeBoot>();

    public DbSet<BootStep> NodeBootSteps => Set<BootStep>();

    public DbSet<BootToken> NodeBootTokens => Set<BootToken>();

    public DbSet<NodeCertificate> NodeCertificates => Set<NodeCertificate>();

    public DbSet<CertificateAuthority> CertificateAuthorities => Set<CertificateAuthority>();

    public DbSet<NodeConnection> NodeConnections => Set<NodeConnection>();

    public DbSet<NodeCommand> NodeCommands => Set<NodeCommand>();

    public DbSet<PartitionEvent> PartitionEvents => Set<PartitionEvent>();

    public DbSet<NodeChange> NodeChanges => Set<NodeChange>();

    public DbSet<Tenant> Tenants => Set<Tenant>();

    public DbSet<TenantUserData> TenantUserData => Set<TenantUserData>();

    public DbSet<TenantDesired> TenantDesired => Set<TenantDesired>();

    public DbSet<TenantObserved> TenantObserved => Set<TenantObserved>();

    public DbSet<TenantLifecycle> TenantLifecycles => Set<TenantLifecycle>();

    public DbSet<TenantTransition> TenantTransitions => Set<TenantTransition>();

    public DbSet<TenantHealthReport> TenantHealthReports => Set<TenantHealthReport>();

    public DbSet<Placement> Placements => Set<Placement>();

    public DbSet<CoreAllocation> CoreAllocations => Set<CoreAllocation>();

    public DbSet<MemoryAllocation> MemoryAllocations => Set<MemoryAllocation>();

    public DbSet<DeviceAllocation> DeviceAllocations => Set<DeviceAllocation>();

    public DbSet<PlacementGroup> PlacementGroups => Set<PlacementGroup>();

    public DbSet<PlacementGroupMember> PlacementGroupMembers => Set<PlacementGroupMember>();

    public DbSet<PlacementGroupClaim> PlacementGroupClaims => Set<PlacementGroupClaim>();

    public DbSet<Image> Images => Set<Image>();

    public DbSet<Content> Contents => Set<Content>();

    public DbSet<ContentChunk> ContentChunks => Set<ContentChunk>();

    public DbSet<Project> Projects => Set<Project>();

    public DbSet<ProjectMember> ProjectMembers => Set<ProjectMember>();

    public DbSet<ProjectQuota> ProjectQuotas => Set<ProjectQuota>();

    public DbSet<ProjectUsageShare> ProjectUsageShares => Set<ProjectUsageShare>();

    public DbSet<ProjectUsage> ProjectUsages => Set<ProjectUsage>();

    public DbSet<ApiToken> ApiTokens => Set<ApiToken>();

    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();

    public DbSet<AuditHead> AuditHeads => Set<AuditHead>();

    public DbSet<PlacementJob> PlacementJobs => Set<PlacementJob>();

    public DbSet<JobReplica> JobReplicas => Set<JobReplica>();

    public DbSet<JobSchedule> JobSchedules => Set<JobSchedule>();

    public DbSet<PlacementExplanation> PlacementExplanations => Set<PlacementExplanation>();

    public DbSet<OutboxMessage> OutboxMessages => Set<OutboxMessage>();

    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();

    public DbSet<Lease> Leases => Set<Lease>();

    public DbSet<ConsoleLine> ConsoleLines => Set<ConsoleLine>();

    public DbSet<ConsoleChunk> ConsoleChunks => Set<ConsoleChunk>();

    public DbSet<ConsoleInstance> ConsoleInstances => Set<ConsoleInstance>();

    public DbSet<ConsoleHead> ConsoleHeads => Set<ConsoleHead>();

    public DbSet<ExitSample> ExitSamples => Set<ExitSample>();

    public DbSet<AgentLogLine> AgentLogLines => Set<AgentLogLine>();

    public DbSet<StateTransition> StateTransitions => Set<StateTransition>();

    /// <summary>Fixed here, so that the model does not depend on the options of the process that uses it.</summary>
    protected override Version SchemaVersion => IdentitySchemaVersions.Version2;

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.HasPostgresExtension("btree_gist");
        AccessModel.Configure(builder);
        LifecyclesModel.Configure(builder);
        NodesModel.Configure(builder);
        TenantsModel.Configure(builder);
        PlacementsModel.Configure(builder);
        ImagesModel.Configure(builder);
        ProjectsModel.Configure(builder);
        JobsModel.Configure(builder);
        MessagingModel.Configure(builder);
        LogsModel.Configure(builder);
        Conventions.Apply(builder);
    }
}
