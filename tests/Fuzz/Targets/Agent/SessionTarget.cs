using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Osv.Agent.Images;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Agent.Session;
using Osv.Agent.Tests;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;
using Osv.Fuzz.Engine;

namespace Osv.Fuzz.Targets.Agent;

/// <summary>Messages of the control plane to an agent, over a monitor of its own: what they say is not always what they should.</summary>
internal sealed class SessionTarget : FuzzTarget
{
    private const int MaxMessages = 12;
    private string _folder = string.Empty;
    private string _kernel = string.Empty;
    private NodeIdentity _identity = null!;
    private BootOptions _options = null!;

    public override string Name => "session";

    public override string Surface => "gRPC messages of the control plane (any bytes where a ControlEnvelope should be, any envelope in any order) to the whole agent, which then goes on";

    public override int MaxBytes => 1024;

    public override double Weight => 0.01;

    public override void SetUp()
    {
        string memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        const string Prefix = "osv-fuzz-";
        // libFuzzer ends a process without a word: the next one clears up behind it.
        foreach (string left in Directory.EnumerateDirectories(memory, $"{Prefix}*"))
            if (!Directory.Exists($"/proc/{Path.GetFileName(left)[Prefix.Length..]}")) Directory.Delete(left, recursive: true);
        _folder = Path.Combine(memory, $"{Prefix}{Environment.ProcessId}");
        Directory.CreateDirectory(_folder);
        _kernel = Path.Combine(_folder, "kernel");
        var kernel = new byte[8192];
        LinuxTarget.Header(kernel.AsSpan(0, LinuxBoot.HeaderBytes));
        File.WriteAllBytes(_kernel, kernel);
        _identity = SelfSigned();
        _options = BootOptions.Parse(OptionsTarget.Whole);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Artifacts by the first byte of their hash: here, on the way, or not to be had.</summary>
    private sealed class Images(string kernel) : IImageSource
    {
        public IReadOnlyList<ImageProgress> Request(IReadOnlyList<Artifact> artifacts) => [.. artifacts.Select(Request)];

        private ImageProgress Request(Artifact artifact) => (artifact.Sha256.IsEmpty ? 0 : artifact.Sha256[0] & 3) switch
        {
            0 => new ImageProgress(null, 0, "it is not to be had"),
            1 => new ImageProgress(null, 1, null),
            _ => new ImageProgress(kernel, artifact.Bytes, null),
        };

        public long Capacity => 1 << 30;

        public void Keep(IReadOnlySet<string> hashes)
        {
        }
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        var time = new StillTime();
        using var monitor = new SimulatedMonitor(4, 512);
        ControlDevice device = monitor.Open();
        var paths = new NodePaths(Path.Combine(_folder, "run"));
        if (Directory.Exists(paths.Root)) Directory.Delete(paths.Root, recursive: true);
        using (NodeAgent agent = Begin(device, paths, time)) Talk(agent, monitor, time, input);
        // Killed and begun again: what it has written down does not keep the next one from its work.
        using NodeAgent next = Begin(device, paths, time);
        next.Tick();
    }

    private NodeAgent Begin(ControlDevice device, NodePaths paths, StillTime time)
    {
        var notes = new NodeNotes(new NoteStore(() => device.Notes, ControlLayout.MaxPartitions));
        var log = new AgentLog(time, TextWriter.Null);
        // Its certificate is due: it asks for a new one, and takes what comes.
        return new NodeAgent(device, notes, new Images(_kernel), paths, time, log) { Identity = new IdentityHolder(_identity, new Enroller(_options, notes, time, log), time), ServerTime = static _ => { } };
    }

    private static NodeIdentity SelfSigned()
    {
        using ECDsa key = NodeIdentity.NewKey();
        using X509Certificate2 certificate = new CertificateRequest("CN=fuzz", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(99));
        byte[] bytes = certificate.Export(X509ContentType.Cert);
        return NodeIdentity.Create(key, "fuzz", bytes, bytes, renewAfterUnix: 1);
    }

    private static void Talk(NodeAgent agent, SimulatedMonitor monitor, StillTime time, ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        var outbox = new Outbox();
        int switched = 0;
        monitor.Before = operation => switched += operation == ControlOperation.Stop && monitor.Asked.Partition == 0 ? 1 : 0;
        for (int i = 0; i < MaxMessages && !from.HasEnded; i++)
        {
            int bytes = from.Word() & 0x3FF;
            ControlEnvelope envelope;
            try
            {
                envelope = ControlEnvelope.Parser.ParseFrom(from.Take(bytes));
            }
            catch (InvalidProtocolBufferException)
            {
                // gRPC ends the stream with a status.
                continue;
            }
            switched = 0;
            try
            {
                if (envelope.Welcome is { } welcome) agent.Welcomed(welcome, resumed: (i & 1) != 0);
                else if (outbox.Accept(envelope)) agent.Receive(envelope);
            }
            catch (Exception error) when (error is InvalidDataException or IOException)
            {
                // The session ends, and a new one is begun.
                outbox = new Outbox();
            }
            bool ordered = envelope.Command is { Reset: true } or { PowerOff: true };
            Check.That(switched == 0 || ordered, "the node is switched by a message that does not say so");
            time.Advance(TimeSpan.FromSeconds(1));
            agent.Tick();
            foreach (AgentEnvelope said in agent.Collect(outbox)) outbox.Add(said);
            Check.That(monitor.Existing <= 3, "there are more partitions than cores");
        }
    }

    public override IEnumerable<byte[]> Seeds()
    {
        var wanted = new DesiredPartition
        {
            TenantId = "a", Name = "a", Power = PowerState.Running, StartGeneration = 1, Restart = RestartPolicy.Always, Lease = LeasePolicy.Stop,
            Image = new Image { Name = "i", Kernel = new Artifact { Url = "u", Sha256 = ByteString.CopyFrom(2), Bytes = 8192 } },
            CloudInit = new CloudInit { Hostname = "h", SshAuthorizedKeys = { "k" } },
            ApicIds = { 1 },
            Memory = { new MemoryShare { Bytes = 64 << 20 } },
        };
        DesiredPartition other = wanted.Clone();
        other.TenantId = "b";
        other.ApicIds[0] = 2;
        yield return Script(
            new ControlEnvelope { Welcome = new Welcome { LeaseSeconds = 30, HeartbeatSeconds = 5, ServerTimeUnixMs = 1 } },
            new ControlEnvelope { Sequence = 1, Desired = new DesiredState { Revision = 1, Partitions = { wanted, other } } },
            new ControlEnvelope { Sequence = 2, Console = new ConsoleInput { TenantId = "a", Data = ByteString.CopyFromUtf8("x\n") } },
            new ControlEnvelope { Sequence = 3, Probe = new ProbeRequest { TenantId = "a" } },
            new ControlEnvelope { Sequence = 4, Desired = new DesiredState { Revision = 2, Partitions = { other } } },
            new ControlEnvelope { Sequence = 5, Acknowledged = 2 });
        yield return Script(new ControlEnvelope { Sequence = 1, Command = new NodeCommand { Reset = true } }, new ControlEnvelope { Sequence = 2, Renewal = new Renewal { Certificate = new Certificate { NodeId = "n" } } });
    }

    private static byte[] Script(params ControlEnvelope[] messages) =>
        [.. messages.Select(message => message.ToByteArray()).SelectMany(bytes => (byte[])[(byte)(bytes.Length & 255), (byte)(bytes.Length >> 8), .. bytes])];
}
