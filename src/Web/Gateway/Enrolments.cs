using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Netboot;
using Osv.Web.Boot;
using BootToken = Osv.Netboot.BootToken;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>Trades boot tokens for certificates, and old certificates for new ones.</summary>
internal sealed class Enrolments(NpgsqlDataSource source, AuthorityStore authorities, BootTimeline timeline, IOptions<GatewayOptions> options, TimeProvider time, GatewayMetrics metrics, ILogger<Enrolments> log)
{
    private const int LongestToken = 128, LongestRequest = 4096, LongestVersion = 64;

    private const uint AskAgainSeconds = 5;

    private const string ReadToken =
        """
        SELECT t.node_id, t.mac, t.serial_number, t.system_uuid, t.expires_at, t.key_sha256, n.name, l.state, d.intent
        FROM node_boot_tokens t JOIN nodes n ON n.id = t.node_id JOIN node_lifecycles l ON l.node_id = t.node_id LEFT JOIN node_desired d ON d.node_id = t.node_id
        WHERE t.token_sha256 = $1 FOR UPDATE OF t
        """;

    private const string UseToken = "UPDATE node_boot_tokens SET key_sha256 = $2, used_at = clock_timestamp() WHERE token_sha256 = $1 AND key_sha256 IS NULL";

    private const string Insert =
        "INSERT INTO node_certificates (serial_number, node_id, public_key_sha256, not_before_at, not_after_at) VALUES ($1, $2, $3, $4, $5)";

    private const string ReadCertificate =
        """
        SELECT n.name, l.state = 'Retired' OR coalesce(d.intent = 'Retire', false), c.revoked_at IS NOT NULL, c.not_after_at + $3 < clock_timestamp(),
            EXISTS (SELECT FROM node_boots b WHERE b.node_id = n.id AND b.started_at > $4)
        FROM node_certificates c JOIN nodes n ON n.id = c.node_id JOIN node_lifecycles l ON l.node_id = n.id LEFT JOIN node_desired d ON d.node_id = n.id
        WHERE c.serial_number = $1 AND c.node_id = $2
        """;

    private const string Waits =
        "UPDATE node_lifecycles SET reason = $2, owner = 'operator' WHERE node_id = $1 AND state = 'Discovered' AND reason <> $2";

    private sealed record Found(Guid Node, BootToken Token, string Name, NodeState State, NodeIntent? Intent);

    /// <exception cref="RpcException">As enrolment.proto says.</exception>
    public async Task<Wire.EnrolReply> EnrolAsync(Wire.EnrolRequest request, CancellationToken cancel)
    {
        BootMachine machine = Check(request);
        NodeAuthority authority = await authorities.GetAsync(cancel);
        byte[] tokenHash = Convert.FromHexString(BootToken.HashOf(request.Token));
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
        Found? found = await FindAsync(connection, tokenHash, cancel);
        IssuedCertificate issued = Certify(authority, request.CertificateRequest, found?.Node ?? Guid.Empty);
        BootTokenVerdict verdict = BootToken.Check(found?.Token, machine, issued.PublicKey, time.GetUtcNow());
        if (verdict is not (BootTokenVerdict.Good or BootTokenVerdict.SameKeyAgain) || found is null) throw Refuse(verdict, machine, found);
        if (found.State == NodeState.Retired || found.Intent == NodeIntent.Retire) throw Refused(found, "retired");
        await RunAsync(connection, UseToken, cancel, new NpgsqlParameter<byte[]> { TypedValue = tokenHash }, new NpgsqlParameter<byte[]> { TypedValue = issued.PublicKeySha256 });
        if (found.Intent is null)
        {
            const string why = "its agent runs and asks to be let in: approve it";
            await RunAsync(connection, Waits, cancel, new NpgsqlParameter<Guid> { TypedValue = found.Node }, new NpgsqlParameter<string> { TypedValue = why });
            await transaction.CommitAsync(cancel);
            await timeline.WaitsForApprovalAsync(found.Node, cancel);
            metrics.Enrolled("waits");
            return new Wire.EnrolReply { AwaitingApproval = new Wire.AwaitingApproval { RetryAfterSeconds = AskAgainSeconds } };
        }
        await RecordAsync(connection, found.Node, issued, cancel);
        await transaction.CommitAsync(cancel);
        metrics.Enrolled("certified");
        log.NodeEnrolled(found.Name, issued.SerialNumber, issued.NotAfter);
        return new Wire.EnrolReply { Certificate = Answer(authority, found.Node, issued) };
    }

    /// <summary>A new certificate for a node that has proved who it is.</summary>
    /// <exception cref="CryptographicException">The request is none.</exception>
    public async Task<Wire.Certificate> RenewAsync(Guid node, ByteString request, CancellationToken cancel)
    {
        if (request.Length > LongestRequest) throw new CryptographicException($"the request has {request.Length} bytes");
        NodeAuthority authority = await authorities.GetAsync(cancel);
        IssuedCertificate issued = authority.CertifyNode(request.ToByteArray(), node, time.GetUtcNow(), options.Value.CertificateFor);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await RecordAsync(connection, node, issued, cancel);
        metrics.Enrolled("renewed");
        return Answer(authority, node, issued);
    }

    /// <summary>A new certificate for a node whose own has ended.</summary>
    /// <param name="old">TLS has seen that the caller has its key.</param>
    /// <exception cref="RpcException">As enrolment.proto says.</exception>
    public async Task<Wire.Certificate> ReturnAsync(NodeCertificate old, Wire.RenewalRequest request, CancellationToken cancel)
    {
        if (request.CertificateRequest.Length is 0 or > LongestRequest) throw Invalid($"certificate_request: it has {request.CertificateRequest.Length} bytes, at most {LongestRequest}");
        NodeAuthority authority = await authorities.GetAsync(cancel);
        IssuedCertificate issued = Certify(authority, request.CertificateRequest, old.Node);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        string name = await MayReturnAsync(connection, old, cancel);
        await RecordAsync(connection, old.Node, issued, cancel);
        metrics.Enrolled("returned");
        log.NodeReturned(name, old.Ends, issued.SerialNumber, issued.NotAfter);
        return Answer(authority, old.Node, issued);
    }

    /// <returns>The node's name.</returns>
    private async Task<string> MayReturnAsync(NpgsqlConnection connection, NodeCertificate old, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(ReadCertificate, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = old.SerialNumber }, new NpgsqlParameter<Guid> { TypedValue = old.Node },
                new NpgsqlParameter<TimeSpan> { TypedValue = options.Value.ReturnWithin }, new NpgsqlParameter<DateTime> { TypedValue = old.Issued.UtcDateTime },
            },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        bool known = await row.ReadAsync(cancel);
        string? problem = !known ? "is not known any more" : row.GetBoolean(1) ? "is of a node that is retired" : row.GetBoolean(2) ? "was revoked"
            : row.GetBoolean(3) ? $"ended more than {options.Value.ReturnWithin} ago" : row.GetBoolean(4) ? "is older than the last boot of its machine" : null;
        if (problem is null) return row.GetString(0);
        metrics.Enrolled("refused");
        log.ReturnRefused(known ? row.GetString(0) : old.Node.ToString(), problem);
        throw new RpcException(new Status(StatusCode.PermissionDenied, $"the certificate {problem}: boot the machine anew"));
    }

    private IssuedCertificate Certify(NodeAuthority authority, ByteString request, Guid node)
    {
        try
        {
            return authority.CertifyNode(request.ToByteArray(), node, time.GetUtcNow(), options.Value.CertificateFor);
        }
        catch (CryptographicException error)
        {
            throw Invalid($"certificate_request: {error.Message}");
        }
    }

    private Wire.Certificate Answer(NodeAuthority authority, Guid node, IssuedCertificate issued) => new()
    {
        NodeId = node.ToString(),
        Certificate_ = UnsafeByteOperations.UnsafeWrap(issued.Der),
        Authority = UnsafeByteOperations.UnsafeWrap(authority.Root),
        RenewAfterUnix = (time.GetUtcNow() + options.Value.CertificateFor / 2).ToUnixTimeSeconds(),
    };

    private static BootMachine Check(Wire.EnrolRequest request)
    {
        if (request.Token.Length is 0 or > LongestToken) throw Invalid($"token: it has {request.Token.Length} characters, at most {LongestToken}");
        if (request.CertificateRequest.Length is 0 or > LongestRequest) throw Invalid($"certificate_request: it has {request.CertificateRequest.Length} bytes, at most {LongestRequest}");
        if (request.AgentVersion.Length > LongestVersion) throw Invalid($"agent_version: it has {request.AgentVersion.Length} characters, at most {LongestVersion}");
        if (request.Machine is not { } machine) throw Invalid("machine: it is missing");
        return MachineIdentity.TryParse(machine.Mac, machine.Serial, machine.Uuid, out BootMachine? parsed, out string problem) ? parsed : throw Invalid($"machine: {problem}");
    }

    private static async Task<Found?> FindAsync(NpgsqlConnection connection, byte[] tokenHash, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(ReadToken, connection) { Parameters = { new NpgsqlParameter<byte[]> { TypedValue = tokenHash } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        if (!await row.ReadAsync(cancel)) return null;
        string? key = row.IsDBNull(5) ? null : Convert.ToHexStringLower(row.GetFieldValue<byte[]>(5));
        return new Found(
            row.GetGuid(0), new BootToken(Convert.ToHexStringLower(tokenHash), new BootMachine(row.GetString(1), row.GetString(2), row.GetString(3)), row.GetFieldValue<DateTimeOffset>(4), key),
            row.GetString(6), Enum.Parse<NodeState>(row.GetString(7)), row.IsDBNull(8) ? null : Enum.Parse<NodeIntent>(row.GetString(8)));
    }

    private static Task RecordAsync(NpgsqlConnection connection, Guid node, IssuedCertificate issued, CancellationToken cancel) => RunAsync(
        connection, Insert, cancel,
        new NpgsqlParameter<string> { TypedValue = issued.SerialNumber }, new NpgsqlParameter<Guid> { TypedValue = node }, new NpgsqlParameter<byte[]> { TypedValue = issued.PublicKeySha256 },
        new NpgsqlParameter<DateTime> { TypedValue = issued.NotBefore.UtcDateTime }, new NpgsqlParameter<DateTime> { TypedValue = issued.NotAfter.UtcDateTime });

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancel, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private RpcException Refuse(BootTokenVerdict verdict, BootMachine machine, Found? found)
    {
        metrics.Enrolled(verdict.ToString());
        log.EnrolmentRefused(machine.Serial, machine.Mac, verdict, found?.Name);
        // What is wrong goes to the log; a guesser learns nothing.
        return new RpcException(new Status(StatusCode.Unauthenticated, "the boot token is not good for this machine and key: boot it anew"));
    }

    private RpcException Refused(Found found, string why)
    {
        metrics.Enrolled("refused");
        return new RpcException(new Status(StatusCode.PermissionDenied, $"node {found.Name} is {why}: register it anew"));
    }

    private static RpcException Invalid(string message) => new(new Status(StatusCode.InvalidArgument, message));
}

/// <summary>The service that enrols, over TLS without a client certificate, and renews what has ended, over TLS with it.</summary>
internal sealed class EnrolmentService(Enrolments enrolments) : Wire.Enrolment.EnrolmentBase
{
    public override Task<Wire.EnrolReply> Enrol(Wire.EnrolRequest request, ServerCallContext context) => AnswerAsync(() => enrolments.EnrolAsync(request, context.CancellationToken));

    public override Task<Wire.Certificate> Renew(Wire.RenewalRequest request, ServerCallContext context) =>
        AnswerAsync(() => enrolments.ReturnAsync(NodeCertificate.Of(context), request, context.CancellationToken));

    private static async Task<T> AnswerAsync<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer();
        }
        catch (NpgsqlException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the control plane's database does not answer: try again"));
        }
    }
}
