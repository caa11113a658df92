using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Contracts.Node;

namespace Osv.Agent.Session;

/// <summary>Gets the node its certificate, once per boot of the node.</summary>
public sealed class Enroller(BootOptions options, NodeNotes notes, TimeProvider time, AgentLog log)
{
    /// <summary>From the notes when an agent before us has enrolled, else with the boot token; waits for approval as long as it takes.</summary>
    public async Task<NodeIdentity> EnrolAsync(CancellationToken cancel)
    {
        NodeNote note = notes.Node ?? throw new InvalidOperationException("the node has no note yet");
        if (Restore(note) is { } known)
        {
            log.Info("enrolment", $"this node is {known.NodeId}");
            return known;
        }
        byte[] authority = await AuthorityAsync(cancel).ConfigureAwait(false);
        using ECDsa key = KeyOf(note);
        var request = new EnrolRequest
        {
            Token = options.Token,
            Machine = options.Machine,
            CertificateRequest = ByteString.CopyFrom(NodeIdentity.Request(key, options.Machine.Uuid)),
            AgentVersion = AgentVersion.Text,
        };
        var backOff = new BackOff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        using GrpcChannel channel = GrpcChannel.ForAddress(options.Control, new GrpcChannelOptions { HttpHandler = NodeIdentity.Transport(authority, null), DisposeHttpClient = true });
        var client = new Enrolment.EnrolmentClient(channel);
        while (true)
        {
            TimeSpan wait;
            try
            {
                EnrolReply reply = await client.EnrolAsync(request, deadline: DateTime.UtcNow.AddSeconds(30), cancellationToken: cancel).ConfigureAwait(false);
                if (reply.OutcomeCase == EnrolReply.OutcomeOneofCase.Certificate) return Accept(key, reply.Certificate);
                wait = TimeSpan.FromSeconds(Math.Clamp(reply.AwaitingApproval?.RetryAfterSeconds ?? 5, 1, 300));
                log.Info("enrolment", $"waiting for approval; asking again in {wait.TotalSeconds:0} s");
            }
            catch (RpcException error) when (!cancel.IsCancellationRequested)
            {
                wait = backOff.Next();
                log.Warn("enrolment", $"the control plane at {options.Control} did not enrol this node: {error.StatusCode} {error.Status.Detail}; trying again in {wait.TotalSeconds:0.0} s");
            }
            await Task.Delay(wait, time, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>The authority's certificate, from wherever; it is the one with the hash that the boot script named.</summary>
    private async Task<byte[]> AuthorityAsync(CancellationToken cancel)
    {
        var backOff = new BackOff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        while (true)
        {
            string why;
            try
            {
                byte[] authority = await http.GetByteArrayAsync(options.Authority, cancel).ConfigureAwait(false);
                if (NodeIdentity.HashOf(authority) == options.AuthorityHash) return authority;
                why = $"it has the hash {NodeIdentity.HashOf(authority)}, the boot script named {options.AuthorityHash}";
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException && !cancel.IsCancellationRequested)
            {
                why = error.Message;
            }
            TimeSpan wait = backOff.Next();
            log.Warn("enrolment", $"no authority certificate from {options.Authority}: {why}; trying again in {wait.TotalSeconds:0.0} s");
            await Task.Delay(wait, time, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>An agent that was killed between request and answer has bound the token to a key: go on with that one.</summary>
    private ECDsa KeyOf(NodeNote note)
    {
        ECDsa key = NodeIdentity.NewKey();
        if (note.PrivateKey is { } kept) key.ImportPkcs8PrivateKey(kept, out _);
        else notes.Save(note with { PrivateKey = key.ExportPkcs8PrivateKey() });
        return key;
    }

    /// <summary>Takes over a certificate and notes it.</summary>
    public NodeIdentity Accept(ECDsa key, Certificate certificate)
    {
        NodeIdentity identity = NodeIdentity.Create(key, certificate.NodeId, certificate.Certificate_.ToByteArray(), certificate.Authority.ToByteArray(), certificate.RenewAfterUnix);
        notes.Save(notes.Node! with
        {
            NodeId = identity.NodeId,
            PrivateKey = key.ExportPkcs8PrivateKey(),
            Certificate = certificate.Certificate_.ToByteArray(),
            Authority = identity.Authority,
            RenewAfterUnix = certificate.RenewAfterUnix,
        });
        log.Info("enrolment", $"enrolled as {identity.NodeId}; the certificate is renewed after {identity.RenewAfter:u}");
        return identity;
    }

    private static NodeIdentity? Restore(NodeNote note)
    {
        if (note.NodeId is null || note.PrivateKey is null || note.Certificate is null || note.Authority is null) return null;
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(note.PrivateKey, out _);
        return NodeIdentity.Create(key, note.NodeId, note.Certificate, note.Authority, note.RenewAfterUnix);
    }
}
