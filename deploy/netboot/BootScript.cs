using System.Globalization;
using System.Text;

namespace Osv.Netboot;

/// <summary>A file of the node image, addressed by what is in it.</summary>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record BootFile(string Sha256);

/// <summary>What names the machine that asks, as iPXE tells it.</summary>
public sealed record BootMachine(string Mac, string Serial, string Uuid)
{
    /// <summary>One spelling for each: MAC with colons, everything lower case.</summary>
    public static BootMachine Parse(string mac, string serial, string uuid) => new(mac.Trim().ToLowerInvariant().Replace('-', ':'), serial.Trim(), uuid.Trim().ToLowerInvariant());
}

/// <summary>How a node boots.</summary>
/// <param name="Server">Where scripts, images and reports live: plain HTTP, what firmware speaks.</param>
/// <param name="Control">Where the agent finds the control plane.</param>
/// <param name="AuthorityHash">SHA-256 of the control plane's authority certificate, DER, in hex: the agent trusts no other.</param>
public sealed record BootPlan(Uri Server, Uri Control, string AuthorityHash, BootFile Monitor, BootFile Payload)
{
    /// <summary>Cores of the management partition.</summary>
    public int ManagementCores { get; init; } = 1;

    /// <summary>Network cards of the management partition, the first of the node's.</summary>
    public int ManagementNics { get; init; } = 1;

    /// <summary>Memory of the management partition, MiB.</summary>
    public int ManagementMemory { get; init; } = 512;

    /// <summary>What the machine shows first, for whoever stands before it; printable ASCII.</summary>
    public string Greeting { get; init; } = "";
}

/// <summary>
/// iPXE scripts (ipxe.org/scripting). Every stage says to the server that it was reached, so a node that stops half-way shows
/// where: <c>script</c> when it asks for its script, <c>monitor</c> and <c>payload</c> when it asks for these, <c>loaded</c> when
/// it has both, <c>failed</c> with the step otherwise; the agent adds <c>agent</c> when it runs.
/// </summary>
public static class BootScript
{
    public const string StartPath = "/netboot/v1/start.ipxe", ScriptPath = "/netboot/v1/script", ReportPath = "/netboot/v1/report", ImagePath = "/netboot/v1/images/", AuthorityPath = "/netboot/v1/authority";

    private const string Identity = "mac=${mac}&serial=${serial:uristring}&uuid=${uuid}";

    /// <summary>What every machine gets first: it asks for its own script with its identity.</summary>
    public static string Start(Uri server) => $"""
        #!ipxe
        :ask
        chain --replace {Url(server, ScriptPath)}?{Identity} || goto again
        :again
        echo OSV Cloud: {server.Host} has no script for this machine yet; asking again in 10 seconds
        sleep 10
        goto ask

        """;

    /// <summary>For a machine that may not boot, or not yet: it says why and asks again.</summary>
    /// <param name="reason">For whoever stands before it.</param>
    public static string Wait(Uri server, string reason) => $"""
        #!ipxe
        echo OSV Cloud: {Text(reason)}; asking again in 10 seconds
        sleep 10
        chain --replace {Url(server, StartPath)}

        """;

    /// <summary>Nothing that iPXE would expand or take for a command's end.</summary>
    private static string Text(string text) => string.Concat(text.Select(letter => letter is >= ' ' and <= '~' and not ('$' or '|' or '&' or '\\' or '#' or '"' or '\'') ? letter : ' '));

    /// <summary>The script of one machine.</summary>
    /// <param name="token">Single use.</param>
    /// <param name="now">For the node, which has no clock.</param>
    public static string ForMachine(BootPlan plan, string token, DateTimeOffset now)
    {
        string report = Url(plan.Server, ReportPath);
        var options = new StringBuilder();
        void Option(string name, string value) => options.Append(' ').Append(name).Append('=').Append(value);
        Option("p0.cores", plan.ManagementCores.ToString(CultureInfo.InvariantCulture));
        Option("p0.memory", string.Create(CultureInfo.InvariantCulture, $"{plan.ManagementMemory}M"));
        Option("p0.nics", plan.ManagementNics.ToString(CultureInfo.InvariantCulture));
        Option("osv.control", plan.Control.GetLeftPart(UriPartial.Authority));
        Option("osv.authority", Url(plan.Server, AuthorityPath));
        Option("osv.ca", plan.AuthorityHash);
        Option("osv.token", token);
        Option("osv.report", report);
        Option("osv.time", now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        Option("osv.mac", "${mac}");
        Option("osv.serial", "${serial:uristring}");
        Option("osv.uuid", "${uuid}");
        string greeting = plan.Greeting.Length == 0 ? "" : $"echo OSV Cloud: {Text(plan.Greeting)}\n";
        return $"""
            #!ipxe
            {greeting}imgfree
            set step monitor
            kernel --name monitor {Url(plan.Server, ImagePath)}{plan.Monitor.Sha256}?{Identity}&stage=monitor{options} || goto failed
            set step payload
            initrd --name payload {Url(plan.Server, ImagePath)}{plan.Payload.Sha256}?{Identity}&stage=payload || goto failed
            imgfetch --name report {report}?{Identity}&stage=loaded || goto failed
            imgfree report
            set step start
            boot monitor || goto failed
            :failed
            imgfetch --name report {report}?{Identity}&stage=failed&step=${"{step}"}&error=${"{errno:uristring}"} && imgfree report ||
            echo OSV Cloud: this machine stopped at step ${"{step}"}; starting over in 10 seconds
            sleep 10
            reboot

            """;
    }

    private static string Url(Uri server, string path) => server.GetLeftPart(UriPartial.Authority) + path;
}
