using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Osv.Contracts.Node;
using Osv.Data.Images;
using Osv.Database.Testing;

namespace Osv.Gateway.Tests;

/// <summary>What somebody sees who follows one click with a tracer.</summary>
public sealed class TraceTests(Plane plane)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/v1/tenants", """{"name":"traced","image":"linux","cores":1,"memoryBytes":268435456}""", "tenant.create")]
    [InlineData("/api/v1/jobs", """{"name":"traced","replicas":1,"template":{"image":"linux","cores":1,"memoryBytes":268435456}}""", "job.submit")]
    public async Task From_the_request_to_the_running_partition_it_is_one_trace(string path, string body, string command)
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Microsoft.AspNetCore" or "Osv.Web" or "Osv.Scheduler" or "Osv.Web.Gateway",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using TestDatabase database = await plane.NewDatabaseAsync();
        string password = Path.GetTempFileName();
        File.Delete(password);
        await using WebApplication host = await plane.StartOnAsync(
            database, "--Osv:Scheduler:Enabled=true", "--Osv:Scheduler:Poll=00:00:00.1", "--Osv:Gateway:HeartbeatSeconds=60", "--Osv:Gateway:LeaseSeconds=600", "--Osv:FirstAdministrator=first", $"--Osv:FirstPasswordFile={password}");
        using HttpClient operatorAtWork = await SignInAsync(host, (await File.ReadAllTextAsync(password, Cancel)).Trim());
        File.Delete(password);
        using var machine = new Machine();
        await machine.BootAsync(Plane.NetbootOf(host));
        Guid node = await database.QueryAsync<Guid>("SELECT id FROM nodes");
        (await operatorAtWork.PostAsync($"/api/v1/nodes/{node}/approve", null, Cancel)).EnsureSuccessStatusCode();
        await machine.EnrolAsync(Plane.GatewayOf(host));
        await using AgentStream stream = await machine.ConnectAsync(Plane.GatewayOf(host));
        await stream.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        await stream.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat() });
        Content kernel = await ContentStore.AddAsync(database.Source, new MemoryStream(plane.Kernel), TimeProvider.System, Cancel);
        await database.ExecuteAsync("INSERT INTO images (id, project_id, name, kernel_sha256, command_line, created_at) SELECT gen_random_uuid(), id, 'linux', $1, '', now() FROM projects WHERE name = 'default'", kernel.Sha256);

        var click = ActivityTraceId.CreateRandom();
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("traceparent", $"00-{click}-{ActivitySpanId.CreateRandom()}-01");
        using HttpResponseMessage made = await operatorAtWork.SendAsync(request, Cancel);
        made.IsSuccessStatusCode.ShouldBeTrue(await made.Content.ReadAsStringAsync(Cancel));
        DesiredState desired = await stream.UntilDesiredAsync(1);
        DesiredPartition partition = desired.Partitions.ShouldHaveSingleItem();
        partition.TraceParent.Split('-')[1].ShouldBe(click.ToString(), "what the agent logs of the start names the trace");
        var observed = new ObservedState { DesiredRevision = desired.Revision };
        observed.Partitions.Add(new ObservedPartition { TenantId = partition.TenantId, Phase = PartitionPhase.Running, Partition = 1, StartGeneration = partition.StartGeneration });
        await stream.SayAsync(new AgentEnvelope { Observed = observed });
        await stream.TakenAsync();
        await UntilAsync(database, "SELECT state FROM tenant_lifecycles", "Running");
        await host.StopAsync(Cancel);

        string[] names = [.. spans.Where(span => span.TraceId == click).Select(span => span.OperationName)];
        foreach (string part in new[] { "Microsoft.AspNetCore.Hosting.HttpRequestIn", command, "tenant place", "tenant start: until Running" }) names.ShouldContain(part);
        spans.Where(span => span.OperationName == "desired state").ShouldContain(span => span.Links.Any(link => link.Context.TraceId == click), "the word to the node names the trace of what is news in it");
    }

    private static async Task<HttpClient> SignInAsync(WebApplication host, string password)
    {
        var http = new HttpClient { BaseAddress = new Uri(host.Urls.Single()) };
        using HttpResponseMessage login = await http.PostAsJsonAsync("/api/v1/login", new { userName = "first", password }, Cancel);
        login.EnsureSuccessStatusCode();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await login.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("token").GetString());
        return http;
    }

    private static async Task UntilAsync(TestDatabase database, string sql, string wanted)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        string last;
        while ((last = await database.QueryAsync<string>(sql)) != wanted)
        {
            deadline.IsCancellationRequested.ShouldBeFalse($"{sql} is still {last}");
            await Task.Delay(50, Cancel);
        }
    }
}
