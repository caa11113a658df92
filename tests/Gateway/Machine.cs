using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Grpc.Net.Client;
using Osv.Agent.Session;
using Osv.Contracts.Node;

namespace Osv.Gateway.Tests;

/// <summary>A machine of two cells with four cores each, as its firmware and its agent show it to the control plane.</summary>
internal sealed partial class Machine : IDisposable
{
    /// <summary>Where memory for tenants begins.</summary>
    public const ulong MemoryStart = 4UL << 30;

    private readonly HttpClient _http = new();

    public string Serial { get; init; } = $"SN-{Guid.NewGuid().ToString("N")[..12]}";

    public string Mac { get; init; } = $"52:54:00:{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3)).Insert(4, ":").Insert(2, ":")}";

    public Guid Uuid { get; init; } = Guid.NewGuid();

    public ECDsa Key { get; set; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Of the monitor.</summary>
    public string BootId { get; set; } = Guid.NewGuid().ToString("N");

    public string Token { get; set; } = "";

    /// <summary>DER.</summary>
    public byte[] Authority { get; private set; } = [];

    public X509Certificate2? Certificate { get; set; }

    public Guid Node { get; private set; }

    public string Query => $"mac={Mac}&serial={Uri.EscapeDataString(Serial)}&uuid={Uuid}";

    public MachineIdentity Identity => new() { Mac = Mac, Serial = Serial, Uuid = Uuid.ToString() };

    /// <summary>Asks for its script and takes the token from it.</summary>
    public async Task<string> BootAsync(Uri netboot)
    {
        string script = await _http.GetStringAsync(new Uri(netboot, $"/netboot/v1/script?{Query}"), TestContext.Current.CancellationToken);
        Match option = TokenOption().Match(script);
        if (option.Success) Token = option.Groups[1].Value;
        Authority = await _http.GetByteArrayAsync(new Uri(netboot, "/netboot/v1/authority"), TestContext.Current.CancellationToken);
        if (option.Success) script.ShouldContain($"osv.ca={NodeIdentity.HashOf(Authority)}");
        return script;
    }

    public async Task ReportAsync(Uri netboot, string stage)
    {
        using HttpResponseMessage answer = await _http.GetAsync(new Uri(netboot, $"/netboot/v1/report?{Query}&stage={stage}"), TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    public EnrolRequest EnrolRequest() => new() { Token = Token, Machine = Identity, AgentVersion = "1.2.3", CertificateRequest = ByteString.CopyFrom(Request(Key)) };

    public static byte[] Request(ECDsa key) => new CertificateRequest("CN=whatever", key, HashAlgorithmName.SHA256).CreateSigningRequest();

    public async Task<EnrolReply> EnrolAsync(Uri gateway, EnrolRequest? request = null)
    {
        using GrpcChannel channel = Channel(gateway, null);
        EnrolReply reply = await new Enrolment.EnrolmentClient(channel).EnrolAsync(request ?? EnrolRequest(), cancellationToken: TestContext.Current.CancellationToken);
        if (reply.Certificate is { } certificate) Take(certificate);
        return reply;
    }

    public void Take(Certificate certificate)
    {
        Node = Guid.Parse(certificate.NodeId);
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(certificate.Certificate_.Span);
        using X509Certificate2 paired = bare.CopyWithPrivateKey(Key);
        Certificate = X509CertificateLoader.LoadPkcs12(paired.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Boots, is approved, enrols.</summary>
    public static async Task<Machine> EnrolledAsync(Plane plane)
    {
        var machine = new Machine();
        await machine.BootAsync(plane.Netboot);
        await plane.ApproveAsync(await plane.Database.QueryAsync<Guid>("SELECT id FROM nodes WHERE serial_number = $1", machine.Serial));
        (await machine.EnrolAsync(plane.Gateway)).OutcomeCase.ShouldBe(EnrolReply.OutcomeOneofCase.Certificate);
        return machine;
    }

    /// <summary>All of that, and the node is Ready with its inventory known; the stream stands.</summary>
    public static async Task<(Machine Machine, AgentStream Stream)> ReadyAsync(Plane plane)
    {
        Machine machine = await EnrolledAsync(plane);
        AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        await stream.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        await stream.TakenAsync();
        await plane.ReadyAsync(machine.Node);
        return (machine, stream);
    }

    public Task<AgentStream> ConnectAsync(Uri gateway, AgentStream? resumes = null) => AgentStream.OpenAsync(this, gateway, resumes);

    /// <summary>With the trust that the agent itself has: the authority that the boot script names, and no other.</summary>
    public GrpcChannel Channel(Uri gateway, X509Certificate2? certificate)
    {
        SocketsHttpHandler handler = NodeIdentity.Transport(Authority, null);
        if (certificate is not null)
        {
            handler.SslOptions.ClientCertificates = [certificate];
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }
        return GrpcChannel.ForAddress(gateway, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    public Inventory Inventory()
    {
        var inventory = new Inventory { BootId = BootId, TscKilohertz = 2_000_000, TrustedBytes = 61 << 10, AbiVersion = 3, Kernel = "6.12.0" };
        for (uint id = 0; id < 8; id++) inventory.Cores.Add(new Core { ApicId = id, Cell = id / 4, CacheDomain = id / 4, PhysicalCore = id, Partition = id == 0 ? 0 : -1 });
        for (uint cell = 0; cell < 2; cell++) inventory.Memory.Add(new MemoryRange { HostAddress = MemoryStart + ((ulong)cell << 40), Bytes = 8UL << 30, Cell = cell, FreeBytes = 8UL << 30 });
        inventory.Pci.Add(new PciFunction { Address = "0000:00:02.0", Vendor = 0x1af4, Device = 0x1041, ClassCode = 0x020000, Partition = 0 });
        inventory.Pci.Add(Function("0000:01:00.0", 0x02_0000));
        inventory.Pci.Add(Function("0000:02:00.0", 0x01_0802));
        inventory.Pci.Add(Function("0000:03:00.0", 0x02_0000, assignable: false));
        return inventory;
    }

    public static PciFunction Function(string address, uint @class, bool assignable = true) => new() { Address = address, Vendor = 0x1b36, Device = 0x10, ClassCode = @class, Assignable = assignable, Partition = -1 };

    public void Dispose()
    {
        _http.Dispose();
        Key.Dispose();
        Certificate?.Dispose();
    }

    [GeneratedRegex("osv\\.token=([A-Za-z0-9_-]+)")]
    private static partial Regex TokenOption();
}
