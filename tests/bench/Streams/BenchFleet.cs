using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Osv.Agent.Session;
using Osv.Data.Placements;
using Osv.Database.Testing;
using Osv.Web.Gateway;
using Osv.Web.Hosting;

namespace Osv.Bench.Streams;

/// <summary>A fleet in the database, as if it had been running for a while: all nodes Ready, a tenant that runs on each.</summary>
internal sealed class BenchFleet(TestDatabase database, string connectionString, string folder)
{
    private const int Projects = 20, CommitBatch = 250, Cores = 4;

    private const long Memory = 8L << 30;

    public static NodeShape Shape { get; } = new() { Cells = 2, CoresPerCell = 16 };

    public IReadOnlyList<Guid> Nodes { get; private set; } = [];

    public IReadOnlyList<Guid> Tenants { get; private set; } = [];

    public async Task SeedAsync(int nodes, CancellationToken cancel)
    {
        var seed = new FleetSeed(database.Source);
        Guid[] ids = await seed.NodesAsync(nodes, Shape);
        await database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) SELECT id, 'Serve', 'bench', now() FROM unnest($1) id", ids);
        // Until the agents have come.
        await database.ExecuteAsync("INSERT INTO node_heartbeats (node_id, received_at, sequence, lease_expires_at) SELECT id, now(), 1, now() + interval '30 minutes' FROM unnest($1) id", ids);
        var tenants = new List<Guid>();
        for (int i = 0; i < Projects; i++) tenants.AddRange(await seed.TenantsAsync(await seed.ProjectAsync($"project-{i}"), nodes / Projects, Cores, Memory));
        await database.ExecuteAsync("INSERT INTO tenant_desired (tenant_id, intent, reboots, changed_by, changed_at) SELECT id, 'Run', 0, 'bench', now() FROM unnest($1) id", tenants.ToArray());
        var commit = new PlacementCommit(database.Source, new CommitCounters());
        foreach (var batch in tenants.Select((tenant, i) => FleetSeed.Plan(tenant, ids[i], [0, 1, 2, 3], 0, Memory)).Chunk(CommitBatch))
        {
            if ((await commit.CommitAsync(batch, cancel)).FirstOrDefault(outcome => outcome is not Committed) is { } refused) throw new InvalidOperationException($"the fleet cannot be seeded: {refused}");
        }
        foreach (string state in new[] { "Loading", "Starting", "Running" })
        {
            await database.ExecuteAsync("UPDATE tenant_lifecycles SET state = $2, reason = 'seeded', owner = 'agent', due_at = NULL, deadline_at = CASE WHEN $2 <> 'Running' THEN now() + interval '1 hour' END WHERE tenant_id = ANY ($1)", tenants.ToArray(), state);
        }
        await database.ExecuteAsync("INSERT INTO tenant_observed (tenant_id, node_id, partition_state, partition_number, fence, reboots, observed_at) SELECT tenant_id, node_id, 'Running', 1, fence, 0, now() FROM placements");
        await database.ExecuteAsync("VACUUM ANALYZE");
        (Nodes, Tenants) = (ids, tenants);
    }

    /// <summary>Certificates of the control plane's own authority, as enrolment would have given them.</summary>
    public async Task<(byte[] Authority, IReadOnlyList<Credential> Credentials)> CertifyAsync(CancellationToken cancel)
    {
        await using WebApplication host = OsvHost.Build([$"--ConnectionStrings:Osv={connectionString}", .. ControlPlane.HostArguments(folder)]);
        NodeAuthority authority = await host.Services.GetRequiredService<AuthorityStore>().GetAsync(cancel);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var credentials = new List<Credential>(Nodes.Count);
        var issued = new List<IssuedCertificate>(Nodes.Count);
        foreach (Guid node in Nodes)
        {
            using ECDsa key = NodeIdentity.NewKey();
            IssuedCertificate certificate = authority.CertifyNode(NodeIdentity.Request(key, node.ToString()), node, now, TimeSpan.FromDays(7));
            issued.Add(certificate);
            credentials.Add(new Credential(node, certificate.Der, key.ExportPkcs8PrivateKey()));
        }
        await using NpgsqlCommand insert = database.Source.CreateCommand(
            "INSERT INTO node_certificates (serial_number, node_id, public_key_sha256, not_before_at, not_after_at) SELECT w.serial, w.node, w.hash, $4, $5 FROM unnest($1, $2, $3) AS w(serial, node, hash)");
        insert.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. issued.Select(one => one.SerialNumber)] });
        insert.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. Nodes] });
        insert.Parameters.Add(new NpgsqlParameter<byte[][]> { TypedValue = [.. issued.Select(one => one.PublicKeySha256)] });
        insert.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = issued[0].NotBefore.UtcDateTime });
        insert.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = issued[0].NotAfter.UtcDateTime });
        await insert.ExecuteNonQueryAsync(cancel);
        return (authority.Root, credentials);
    }
}
