using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Logs;
using Osv.Database.Testing;

namespace Osv.Web.Tests.Browser;

/// <summary>A small fleet in which every page has something to show.</summary>
/// <param name="Project">Its project.</param>
/// <param name="Node">A node with tenants.</param>
/// <param name="Tenant">A tenant with a log and readings.</param>
/// <param name="Job">A job with an explanation.</param>
public sealed record Exhibit(string Project, string Node, string Tenant, string Job)
{
    private static readonly SemaphoreSlim Once = new(1);
    private static Exhibit? _made;

    public static async Task<Exhibit> MakeAsync(Site site)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await Once.WaitAsync(cancel);
        try
        {
            return _made ??= await BuildAsync(site, cancel);
        }
        finally
        {
            Once.Release();
        }
    }

    private static async Task<Exhibit> BuildAsync(Site site, CancellationToken cancel)
    {
        string project = Site.Unique("gallery"), prefix = Site.Unique("rack");
        (await site.Administrator.PostAsync("/api/v1/projects", new { name = project })).Status.ShouldBe(201);
        await site.Administrator.PutAsync($"/api/v1/projects/{project}/quota", new { cores = 64, memoryBytes = 256L << 30 });
        (await site.Administrator.PostAsync("/api/v1/images", Uploads.Form("linux", project, TestKernel.Make(), new byte[100_000], "console=ttyS0 quiet"))).Status.ShouldBe(201);
        Guid[] nodes = await site.Seed.NodesAsync(6, new NodeShape { Cells = 2, CoresPerCell = 16 }, prefix, nodesPerRack: 3);
        Guid[] tenants = new Guid[4];
        for (int i = 0; i < tenants.Length; i++) tenants[i] = await site.NewTenantAsync(project, $"web-{i}");
        await site.PlaceAsync(tenants[0], nodes[0], [2, 3]);
        await site.PlaceAsync(tenants[1], nodes[0], [20, 21], cell: 1);
        await site.PlaceAsync(tenants[2], nodes[1], [0, 1]);
        foreach (string state in new[] { "Loading", "Starting", "Running" })
        {
            await site.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = $2, reason = $3, owner = 'agent', deadline_at = CASE WHEN $2 <> 'Running' THEN now() + interval '2 minutes' END WHERE tenant_id = ANY ($1)", tenants[..2], state, $"the agent reports {state.ToLowerInvariant()}");
        }
        await site.Database.ExecuteAsync("INSERT INTO node_heartbeats (node_id, received_at, sequence, lease_expires_at) SELECT id, now(), 1, now() + interval '30 seconds' FROM unnest($1) id", nodes);
        await site.Database.ExecuteAsync("INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'memory-errors', '3 corrected errors in one hour on channel 2', true, false, false, now())", nodes[2]);
        await site.Database.ExecuteAsync("INSERT INTO tenant_observed (tenant_id, node_id, partition_state, partition_number, fence, reboots, observed_at) SELECT tenant_id, node_id, 'running', 1, fence, 0, now() FROM placements WHERE tenant_id = $1", tenants[0]);
        await site.Database.ExecuteAsync(
            """
            INSERT INTO partition_events (node_id, monitor_boot, number, kind, cause, at, apic_id, rip, detail, partition_number, tenant_id)
            SELECT $1, 'boot', n, kind, cause, now() - interval '4 minutes' + n * interval '20 s', 2, -2130706432 + n * 4096, 0, 1, $2
            FROM unnest(ARRAY['Started', 'Failed', 'Stopped', 'Started'], ARRAY['Requested', 'TripleFault', 'TripleFault', 'Requested']) WITH ORDINALITY AS e(kind, cause, n)
            """, nodes[0], tenants[0]);
        await site.Database.ExecuteAsync(
            """
            INSERT INTO agent_log_lines (node_id, number, at, level, category, message)
            SELECT $1, n, now() - interval '4 minutes' + n * interval '15 s', level, category, message
            FROM (VALUES (1, 'info', 'enrolment', 'enrolled; the certificate is renewed after half of its life'), (2, 'info', 'images', 'the image was fetched: 12 MiB in 0.4 s'),
                (3, 'warn', 'partitions', 'web-0 ended by TripleFault and is started again'), (4, 'error', 'session', 'the control plane does not answer; trying again in 2.0 s')) AS l(n, level, category, message)
            """, nodes[0]);
        Guid boot = Guid.CreateVersion7();
        await site.Database.ExecuteAsync("INSERT INTO node_boots (id, node_id, started_at) VALUES ($1, $2, now() - interval '5 minutes')", boot, nodes[0]);
        string[] steps = ["Dhcp", "Script", "Image", "Monitor", "Agent"];
        for (int i = 0; i < steps.Length; i++)
        {
            await site.Database.ExecuteAsync(
                "INSERT INTO node_boot_steps (boot_id, step, state, started_at, finished_at, deadline_at, detail) VALUES ($1, $2, $3, now() - interval '5 minutes' + $4 * interval '4 seconds', CASE WHEN $3 = 'Done' THEN now() - interval '5 minutes' + ($4 + 1) * interval '4 seconds' END, now() + interval '1 minute', $5)",
                boot, steps[i], i < 4 ? "Done" : "Waiting", i, i < 4 ? "seen" : "waits for the agent to enrol");
        }
        DateTimeOffset now = DateTimeOffset.UtcNow;
        await site.PrintAsync(tenants[0], string.Concat(Enumerable.Range(1, 120).Select(i => string.Create(CultureInfo.InvariantCulture, $"[{i * 0.0137,12:0.000000}] driver {i}: \x1b[32mready\x1b[0m\r\n")))
            + "\r\nDebian GNU/Linux 12 web-0 ttyS0\r\n\r\nweb-0 login: ");
        string[] reasons = ["ICR", "CPUID", "MSR", "IO"];
        await SampleWriter.AppendAsync(site.Database.Source, [.. Enumerable.Range(0, 40).SelectMany(minute => reasons.Select((reason, r) => new ExitSample
        {
            TenantId = tenants[0], At = now.AddMinutes(minute - 40), ExitReason = reason, Total = (long)(minute * (400 >> r) + 60 * Math.Sin(minute / 3.0) + 100),
        }))], cancel);
        Answer job = await site.Administrator.PostAsync("/api/v1/jobs", new { name = "batch", project, replicas = 3, template = new { image = "linux", cores = 16, memoryBytes = 8L << 30 } });
        job.Status.ShouldBe(201, job.Text);
        Answer nightly = await site.Administrator.PostAsync("/api/v1/jobs", new { name = "nightly", project, replicas = 2, gang = true, timeToLiveSeconds = 7200, template = new { image = "linux", cores = 4, memoryBytes = 4L << 30 }, schedule = new { cron = "30 2 * * 1-5", timeZone = "Europe/Berlin" } });
        nightly.Status.ShouldBe(201, nightly.Text);
        Guid id = job.Json.GetProperty("id").GetGuid();
        await site.Database.ExecuteAsync("UPDATE job_replicas SET tenant_id = $2 WHERE job_id = $1 AND ordinal = 0", id, tenants[3]);
        await site.Database.ExecuteAsync(
            "INSERT INTO placement_explanations (tenant_id, job_id, placed, summary, detail, at) VALUES ($1, $2, false, '12 nodes: 7 lack 16 free cores in one NUMA cell, 3 drained, 2 without a free NIC; largest that fits: 12 cores with 64 GiB', '{\"nodes\":12,\"rejections\":[{\"filter\":\"cores\",\"dimension\":\"cores\",\"nodes\":7,\"text\":\"lack 16 free cores in one NUMA cell\"},{\"filter\":\"state\",\"dimension\":\"state\",\"nodes\":3,\"text\":\"drained\"},{\"filter\":\"devices\",\"dimension\":\"NIC\",\"nodes\":2,\"text\":\"without a free NIC\"}],\"largest\":[{\"cores\":12,\"memoryBytes\":68719476736,\"devices\":[],\"text\":\"12 cores with 64 GiB\"}]}', now())",
            tenants[3], id);
        return new Exhibit(project, $"{prefix}-0", "web-0", "batch");
    }
}
