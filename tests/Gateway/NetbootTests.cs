using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Osv.Contracts.Node;
using Osv.Database.Testing;

namespace Osv.Gateway.Tests;

/// <summary>The listener of the boot network.</summary>
public sealed class NetbootTests(Plane plane) : IDisposable
{
    private readonly HttpClient _http = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Firmware_gets_its_script_and_the_node_image_by_hash()
    {
        (await _http.GetStringAsync(new Uri(plane.Netboot, "/netboot/v1/start.ipxe"), Cancel)).ShouldContain($"chain --replace {plane.Netboot}netboot/v1/script?mac=");
        using var machine = new Machine();
        string script = await machine.BootAsync(plane.Netboot);
        script.ShouldStartWith("#!ipxe\n");
        script.ShouldContain($"osv.control={plane.Gateway.GetLeftPart(UriPartial.Authority)} ");
        string monitor = Convert.ToHexStringLower(SHA256.HashData(plane.Monitor)), payload = Convert.ToHexStringLower(SHA256.HashData(plane.Payload));
        script.ShouldContain(monitor);
        (await _http.GetByteArrayAsync(new Uri(plane.Netboot, $"/netboot/v1/images/{monitor}?{machine.Query}&stage=monitor"), Cancel)).ShouldBe(plane.Monitor);
        using HttpResponseMessage part = await RangeAsync(new Uri(plane.Netboot, $"/netboot/v1/images/{payload}"), 1_999_990, null);
        part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await part.Content.ReadAsByteArrayAsync(Cancel)).ShouldBe(plane.Payload[1_999_990..]);
        (await _http.GetAsync(new Uri(plane.Netboot, $"/netboot/v1/images/{new string('0', 64)}"), Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Each_listener_serves_what_is_its_own_and_nothing_else()
    {
        var site = new Uri(plane.Host.Urls.Single());
        foreach (string path in new[] { "/", "/api/v1/nodes", "/sign-in", "/healthz", "/metrics", "/osv.node.v1.Enrolment/Enrol" }) (await _http.GetAsync(new Uri(plane.Netboot, path), Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        (await _http.GetAsync(new Uri(site, "/netboot/v1/authority"), Cancel)).StatusCode.ShouldNotBe(HttpStatusCode.OK);
        using Machine machine = await Machine.EnrolledAsync(plane);
        using SocketsHttpHandler trusting = Agent.Session.NodeIdentity.Transport(machine.Authority, null);
        using var tls = new HttpClient(trusting);
        foreach (string path in new[] { "/", "/api/v1/nodes", "/netboot/v1/authority" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(plane.Gateway, path)) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            (await tls.SendAsync(request, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }
    }

    [Fact]
    public async Task A_machine_with_another_ones_serial_number_is_turned_away_and_reported()
    {
        using var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        using var impostor = new Machine { Serial = machine.Serial };
        (await impostor.BootAsync(plane.Netboot)).ShouldContain("an operator must look at it");
        impostor.Token.ShouldBeEmpty();
        (await plane.Database.QueryAsync<string>("SELECT r.summary FROM node_health_reports r JOIN nodes n ON n.id = r.node_id WHERE n.serial_number = $1 AND r.source = 'identity'", machine.Serial)).ShouldContain(impostor.Uuid.ToString());
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_boots b JOIN nodes n ON n.id = b.node_id WHERE n.serial_number = $1", machine.Serial)).ShouldBe(1);
    }

    [Fact]
    public async Task Two_machines_without_a_serial_number_are_two_nodes()
    {
        using Machine one = new() { Serial = "" }, two = new() { Serial = "" };
        await one.BootAsync(plane.Netboot);
        await two.BootAsync(plane.Netboot);
        await one.BootAsync(plane.Netboot);
        (await plane.Database.ListAsync<string>("SELECT serial_number FROM nodes WHERE system_uuid = ANY ($1)", new object[] { new[] { one.Uuid, two.Uuid } })).ShouldBe([one.Uuid.ToString(), two.Uuid.ToString()], ignoreOrder: true);
    }

    [Fact]
    public async Task What_is_no_machine_makes_no_node()
    {
        long before = await plane.Database.QueryAsync<long>("SELECT count(*) FROM nodes");
        foreach (string query in new[] { "", "mac=x&serial=1&uuid=2", $"mac=52:54:00:00:00:01&serial={new string('s', 65)}&uuid={Guid.NewGuid()}", $"mac=52:54:00:00:00:01&serial=a%01b&uuid={Guid.NewGuid()}", "mac=52:54:00:00:00:01&serial=s" })
        {
            string script = await _http.GetStringAsync(new Uri(plane.Netboot, $"/netboot/v1/script?{query}"), Cancel);
            script.ShouldStartWith("#!ipxe\necho OSV Cloud:");
            script.ShouldNotContain("osv.token");
            (await _http.GetAsync(new Uri(plane.Netboot, $"/netboot/v1/report?{query}&stage=agent"), Cancel)).IsSuccessStatusCode.ShouldBeFalse();
        }
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM nodes")).ShouldBe(before);
    }

    [Fact]
    public async Task A_storm_of_unknown_machines_is_cut_off()
    {
        await using TestDatabase database = await plane.NewDatabaseAsync();
        await using WebApplication host = await plane.StartOnAsync(database, "--Osv:Netboot:MostStrangers=2");
        Machine[] machines = [new(), new(), new()];
        foreach (Machine machine in machines) (await machine.BootAsync(Plane.NetbootOf(host))).Contains("osv.token", StringComparison.Ordinal).ShouldBe(machine != machines[2]);
        (await database.QueryAsync<long>("SELECT count(*) FROM nodes")).ShouldBe(2);
        // Those that are known boot again.
        (await machines[0].BootAsync(Plane.NetbootOf(host))).ShouldContain("osv.token");
        foreach (Machine machine in machines) machine.Dispose();
    }

    [Fact]
    public async Task A_boot_that_stops_half_way_shows_where()
    {
        using var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        await machine.ReportAsync(plane.Netboot, "monitor");
        await machine.ReportAsync(plane.Netboot, "failed&step=payload&error=Connection%20timed%20out");
        const string step = "SELECT s.state || ': ' || s.detail FROM node_boot_steps s JOIN node_boots b ON b.id = s.boot_id JOIN nodes n ON n.id = b.node_id WHERE n.serial_number = $1 AND s.step = 'Image' ORDER BY b.started_at DESC LIMIT 1";
        (await plane.Database.QueryAsync<string>(step, machine.Serial)).ShouldBe("Failed: step payload: Connection timed out");
        await machine.BootAsync(plane.Netboot);
        (await plane.Database.QueryAsync<string>(step, machine.Serial)).ShouldBe("Waiting: it has not asked for the monitor yet");
        using var stranger = new Machine();
        (await _http.GetAsync(new Uri(plane.Netboot, $"/netboot/v1/report?{stranger.Query}&stage=agent"), Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Artifacts_go_to_whoever_has_the_placement_and_go_on_where_they_broke_off()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        Guid tenant = await plane.TenantAsync(), other = await plane.TenantAsync();
        long fence = await plane.PlaceAsync(tenant, machine.Node, [1]);
        await plane.PlaceAsync(other, machine.Node, [2], memoryOffset: 1 << 30);
        DesiredState desired = await stream.DesiredAsync();
        while (desired.Partitions.Count < 2) desired = await stream.DesiredAsync();
        Uri kernel = new(desired.Partitions.Single(partition => partition.TenantId == tenant.ToString()).Image.Kernel.Url);

        using (HttpResponseMessage part = await RangeAsync(kernel, 1_000_000, 1_100_000))
        {
            part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
            part.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes 1000000-1100000/{plane.Kernel.Length}");
            (await part.Content.ReadAsByteArrayAsync(Cancel)).ShouldBe(plane.Kernel[1_000_000..1_100_001]);
        }
        using (HttpResponseMessage rest = await RangeAsync(kernel, 2_000_000, null)) (await rest.Content.ReadAsByteArrayAsync(Cancel)).ShouldBe(plane.Kernel[2_000_000..]);
        using (HttpResponseMessage beyond = await RangeAsync(kernel, plane.Kernel.Length, null)) beyond.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);

        string link = kernel.AbsoluteUri;
        foreach (string bad in new[] { link.Replace($"fence={fence}", $"fence={fence + 1}"), link.Replace($"{tenant:N}", $"{other:N}"), link[..^2] + "AA", link.Replace(Convert.ToHexStringLower(SHA256.HashData(plane.Kernel)), Convert.ToHexStringLower(SHA256.HashData(plane.Initrd))), link.Split("&signature")[0] })
        {
            (await _http.GetAsync(new Uri(bad), Cancel)).StatusCode.ShouldBeOneOf(HttpStatusCode.NotFound, HttpStatusCode.BadRequest);
        }
        await plane.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenant);
        (await _http.GetAsync(kernel, Cancel)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    private async Task<HttpResponseMessage> RangeAsync(Uri address, long from, long? to)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Range = new RangeHeaderValue(from, to);
        return await _http.SendAsync(request, Cancel);
    }

    public void Dispose() => _http.Dispose();
}
