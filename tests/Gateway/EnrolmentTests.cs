using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Osv.Contracts.Node;
using Osv.Web.Gateway;

namespace Osv.Gateway.Tests;

/// <summary>Who gets a certificate, and what it is good for.</summary>
public sealed class EnrolmentTests(Plane plane)
{
    [Fact]
    public async Task A_registered_serial_number_is_let_in_at_once()
    {
        using var machine = new Machine();
        var node = Guid.CreateVersion7();
        await plane.Database.ExecuteAsync("INSERT INTO nodes (id, name, serial_number, rack, power_domain, labels, registered_at) VALUES ($1, $2, $3, '', '', '{}', now())", node, $"n-{machine.Serial.ToLowerInvariant()}", machine.Serial);
        await plane.Database.ExecuteAsync("INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) VALUES ($1, 'Discovered', 'registered', 'operator', now() + interval '1 day')", node);
        await plane.ApproveAsync(node);
        (await machine.BootAsync(plane.Netboot)).ShouldContain("this machine is node n-sn-");
        (await machine.EnrolAsync(plane.Gateway)).Certificate.NodeId.ShouldBe(node.ToString());
    }

    [Fact]
    public async Task A_token_is_good_for_one_key_of_one_machine()
    {
        using Machine machine = await Machine.EnrolledAsync(plane), other = await Machine.EnrolledAsync(plane);
        // The same agent asks again, because the answer was lost.
        (await machine.EnrolAsync(plane.Gateway)).OutcomeCase.ShouldBe(EnrolReply.OutcomeOneofCase.Certificate);

        await RefusedAsync(machine, request => request.Machine = other.Identity);
        await RefusedAsync(machine, request => request.Machine.Mac = other.Mac);
        await RefusedAsync(machine, request => request.Token = other.Token);
        await RefusedAsync(machine, request => request.Token = "invented");
        using var thief = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(Machine.Request(thief)));
    }

    [Fact]
    public async Task A_token_that_nobody_used_expires()
    {
        using var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        await plane.Database.ExecuteAsync("UPDATE node_boot_tokens SET expires_at = now() - interval '1 s' WHERE serial_number = $1", machine.Serial);
        await RefusedAsync(machine, _ => { });
    }

    [Fact]
    public async Task A_node_that_waits_for_approval_keeps_its_token_for_its_key()
    {
        using var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        (await machine.EnrolAsync(plane.Gateway)).AwaitingApproval.RetryAfterSeconds.ShouldBeGreaterThan(0u);
        Guid node = await plane.Database.QueryAsync<Guid>("SELECT id FROM nodes WHERE serial_number = $1", machine.Serial);
        (await plane.Database.QueryAsync<string>("SELECT reason FROM node_lifecycles WHERE node_id = $1", node)).ShouldContain("approve it");
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates WHERE node_id = $1", node)).ShouldBe(0);
        using var thief = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(Machine.Request(thief)));
        await plane.ApproveAsync(node);
        (await machine.EnrolAsync(plane.Gateway)).OutcomeCase.ShouldBe(EnrolReply.OutcomeOneofCase.Certificate);
    }

    [Fact]
    public async Task A_retired_node_gets_neither_script_nor_certificate_nor_stream()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        await plane.MoveNodeAsync(machine.Node, "Retired");
        (await stream.EndAsync()).ShouldBe(StatusCode.PermissionDenied);
        (await Should.ThrowAsync<RpcException>(() => machine.ConnectAsync(plane.Gateway))).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        (await Should.ThrowAsync<RpcException>(() => machine.EnrolAsync(plane.Gateway))).StatusCode.ShouldBe(StatusCode.PermissionDenied);
        string before = machine.Token;
        (await machine.BootAsync(plane.Netboot)).ShouldContain("is retired");
        machine.Token.ShouldBe(before);
    }

    [Fact]
    public async Task A_certificate_that_was_revoked_ends_the_stream_and_opens_none()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        await plane.Database.ExecuteAsync("UPDATE node_certificates SET revoked_at = now(), revocation_reason = 'stolen' WHERE node_id = $1", machine.Node);
        (await stream.EndAsync()).ShouldBe(StatusCode.PermissionDenied);
        (await Should.ThrowAsync<RpcException>(() => machine.ConnectAsync(plane.Gateway))).StatusCode.ShouldBe(StatusCode.Unauthenticated);
    }

    [Fact]
    public async Task Without_a_certificate_of_the_authority_there_is_no_stream()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        machine.Certificate = null;
        (await Should.ThrowAsync<RpcException>(() => machine.ConnectAsync(plane.Gateway))).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var own = new CertificateRequest($"CN={machine.Node}", key, HashAlgorithmName.SHA256);
        own.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], true));
        using X509Certificate2 forged = own.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        machine.Certificate = X509CertificateLoader.LoadPkcs12(forged.Export(X509ContentType.Pkcs12), null);
        // TLS itself fails; how that looks depends on which side notices first.
        (await Should.ThrowAsync<Exception>(() => machine.ConnectAsync(plane.Gateway))).ShouldSatisfyAllConditions(error => (error is RpcException or IOException).ShouldBeTrue(error.ToString()));
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_connections WHERE node_id = $1", machine.Node)).ShouldBe(0);
    }

    [Fact]
    public async Task Requests_that_cannot_be_are_refused_and_change_nothing()
    {
        using var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        byte[] forged = Machine.Request(machine.Key);
        forged[^1] ^= 1;
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(forged), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(new byte[100]), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(new byte[5000]), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.CertificateRequest = ByteString.CopyFrom(Machine.Request(other)), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.Token = new string('a', 1000), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.Token = "", StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.AgentVersion = new string('a', 1000), StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.Machine = null, StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.Machine.Uuid = "not one", StatusCode.InvalidArgument);
        await RefusedAsync(machine, request => request.Machine.Serial = new string('a', 2 << 20), StatusCode.ResourceExhausted);
        (await plane.Database.QueryAsync<bool>("SELECT used_at IS NULL FROM node_boot_tokens WHERE serial_number = $1", machine.Serial)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_certificate_is_renewed_over_the_stream_and_opens_the_next_one()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream first = await machine.ConnectAsync(plane.Gateway);
        ECDsa next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await first.SayAsync(new AgentEnvelope { Renewal = new RenewalRequest { CertificateRequest = ByteString.CopyFrom(Machine.Request(next)) } });
        Certificate renewed = (await first.UntilAsync(ControlEnvelope.BodyOneofCase.Renewal)).Renewal.Certificate;
        renewed.NodeId.ShouldBe(machine.Node.ToString());
        DateTimeOffset.FromUnixTimeSeconds(renewed.RenewAfterUnix).ShouldBeGreaterThan(DateTimeOffset.UtcNow.AddDays(3));
        machine.Key.Dispose();
        machine.Key = next;
        machine.Take(renewed);
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway, resumes: first);
        second.Welcome.LeaseSeconds.ShouldBe(60u);
    }

    [Fact]
    public async Task A_certificate_that_has_ended_opens_no_stream_and_gets_its_node_a_new_one()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await EndAsync(machine, TimeSpan.FromDays(6));
        RpcException ended = await Should.ThrowAsync<RpcException>(() => machine.ConnectAsync(plane.Gateway));
        ended.StatusCode.ShouldBe(StatusCode.Unauthenticated);
        ended.Status.Detail.ShouldContain("renew it");
        ECDsa next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Certificate renewed = await RenewAsync(machine, next);
        renewed.NodeId.ShouldBe(machine.Node.ToString());
        machine.Key.Dispose();
        machine.Key = next;
        machine.Take(renewed);
        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        stream.Welcome.LeaseSeconds.ShouldBe(60u);
    }

    [Theory]
    [InlineData("too long ago", "ended more than 7.00:00:00 ago")]
    [InlineData("booted since", "older than the last boot")]
    [InlineData("revoked", "revoked")]
    [InlineData("retired", "retired")]
    [InlineData("forgotten", "not known")]
    public async Task A_certificate_that_has_ended_gets_nothing_when(string something, string says)
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await EndAsync(machine, TimeSpan.FromDays(something == "too long ago" ? 8 : 1));
        if (something == "booted since") await machine.BootAsync(plane.Netboot);
        if (something == "revoked") await plane.Database.ExecuteAsync("UPDATE node_certificates SET revoked_at = now(), revocation_reason = 'stolen' WHERE node_id = $1", machine.Node);
        if (something == "retired") await plane.MoveNodeAsync(machine.Node, "Retired");
        if (something == "forgotten") await plane.Database.ExecuteAsync("DELETE FROM node_certificates WHERE node_id = $1", machine.Node);
        long before = await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates WHERE node_id = $1", machine.Node);
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        RpcException refused = await Should.ThrowAsync<RpcException>(() => RenewAsync(machine, next));
        refused.StatusCode.ShouldBe(StatusCode.PermissionDenied);
        refused.Status.Detail.ShouldContain(says);
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates WHERE node_id = $1", machine.Node)).ShouldBe(before);
    }

    [Fact]
    public async Task Without_a_certificate_nothing_is_renewed()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        machine.Certificate = null;
        (await Should.ThrowAsync<RpcException>(() => RenewAsync(machine, machine.Key))).StatusCode.ShouldBe(StatusCode.Unauthenticated);
    }

    [Fact]
    public async Task The_private_key_of_the_authority_is_not_in_the_database_in_the_clear()
    {
        byte[] kept = await plane.Database.QueryAsync<byte[]>("SELECT protected_key FROM certificate_authorities");
        using var key = ECDsa.Create();
        Should.Throw<CryptographicException>(() => key.ImportPkcs8PrivateKey(kept, out _));
        await using Microsoft.AspNetCore.Builder.WebApplication other = await plane.StartAsync();
        using var http = new HttpClient();
        byte[] here = await http.GetByteArrayAsync(new Uri(plane.Netboot, "/netboot/v1/authority"), TestContext.Current.CancellationToken);
        (await http.GetByteArrayAsync(new Uri(Plane.NetbootOf(other), "/netboot/v1/authority"), TestContext.Current.CancellationToken)).ShouldBe(here, "replicas share the authority");
        string strange = Directory.CreateTempSubdirectory("osv-keys").FullName;
        (await Should.ThrowAsync<InvalidOperationException>(() => plane.StartAsync("--Osv:KeyFolder", strange))).Message.ShouldContain("Osv:KeyFolder");
        Directory.Delete(strange, recursive: true);
    }

    /// <summary>As though the machine had enrolled so long ago that its certificate ended before now.</summary>
    private async Task EndAsync(Machine machine, TimeSpan ago)
    {
        NodeAuthority authority = await plane.Host.Services.GetRequiredService<AuthorityStore>().GetAsync(TestContext.Current.CancellationToken);
        TimeSpan life = TimeSpan.FromDays(7);
        IssuedCertificate old = authority.CertifyNode(Machine.Request(machine.Key), machine.Node, DateTimeOffset.UtcNow - life - ago, life);
        await plane.Database.ExecuteAsync("UPDATE node_boots SET started_at = $2 WHERE node_id = $1", machine.Node, old.NotBefore.UtcDateTime);
        await plane.Database.ExecuteAsync("DELETE FROM node_certificates WHERE node_id = $1", machine.Node);
        await plane.Database.ExecuteAsync(
            "INSERT INTO node_certificates (serial_number, node_id, public_key_sha256, not_before_at, not_after_at) VALUES ($1, $2, $3, $4, $5)",
            old.SerialNumber, machine.Node, old.PublicKeySha256, old.NotBefore.UtcDateTime, old.NotAfter.UtcDateTime);
        machine.Take(new Certificate { NodeId = machine.Node.ToString(), Certificate_ = ByteString.CopyFrom(old.Der) });
    }

    private async Task<Certificate> RenewAsync(Machine machine, ECDsa next)
    {
        using GrpcChannel channel = machine.Channel(plane.Gateway, machine.Certificate);
        return await new Enrolment.EnrolmentClient(channel).RenewAsync(new RenewalRequest { CertificateRequest = ByteString.CopyFrom(Machine.Request(next)) }, cancellationToken: TestContext.Current.CancellationToken);
    }

    private async Task RefusedAsync(Machine machine, Action<EnrolRequest> change, StatusCode code = StatusCode.Unauthenticated)
    {
        EnrolRequest request = machine.EnrolRequest();
        change(request);
        long before = await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates c JOIN nodes n ON n.id = c.node_id WHERE n.serial_number = $1", machine.Serial);
        (await Should.ThrowAsync<RpcException>(() => machine.EnrolAsync(plane.Gateway, request))).StatusCode.ShouldBe(code);
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates c JOIN nodes n ON n.id = c.node_id WHERE n.serial_number = $1", machine.Serial)).ShouldBe(before);
    }
}
