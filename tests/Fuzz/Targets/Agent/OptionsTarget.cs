using System.Text;
using Osv.Agent.Node;
using Osv.Fuzz.Engine;

namespace Osv.Fuzz.Targets.Agent;

/// <summary>What the boot script put on the kernel's command line: it came over the network.</summary>
internal sealed class OptionsTarget : FuzzTarget
{
    public const string Whole = "osv.control=https://10.0.0.1:8443 osv.authority=http://10.0.0.1/ca osv.ca=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef osv.token=t osv.mac=52:54:00:12:34:56 osv.uuid=u";

    public override string Name => "options";

    public override string Surface => "the agent's options on the management kernel's command line, from the boot script";

    public override int MaxBytes => 400;

    public override double Weight => 0.3;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        string line = (from.Byte() & 1) != 0 ? Encoding.Latin1.GetString(from.Rest()) : $"{Whole} {Encoding.Latin1.GetString(from.Rest())}";
        BootOptions options;
        try
        {
            options = BootOptions.Parse(line);
        }
        catch (InvalidOperationException)
        {
            return;
        }
        Check.That(options.Control.Scheme == Uri.UriSchemeHttps, "the control plane is spoken to without TLS");
        Check.That(options.AuthorityHash.Length == 64, "the authority is known by less than its hash");
        Check.That(options.Token.Length != 0 && options.Machine.Mac.Length != 0, "an option that the agent needs is empty");
    }

    public override IEnumerable<byte[]> Seeds()
    {
        yield return [1, .. Encoding.Latin1.GetBytes(Whole)];
        yield return [0, .. "osv.report=http://10.0.0.1/r osv.serial=a%20b"u8];
        yield return [0, .. "osv.authority=:"u8];
        yield return [0, .. "osv.control=http://h osv.ca=12"u8];
    }
}
