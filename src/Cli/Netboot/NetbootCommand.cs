using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Osv.Cli.Cloud;
using Osv.Cli.CommandLine;
using Osv.Images;
using Osv.Netboot;

namespace Osv.Cli.Netboot;

/// <summary><c>osv netboot</c>: what a rack of real machines boots from.</summary>
internal static class NetbootCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create() => new("netboot", "What racks of real machines boot from: the node image, and DHCP and TFTP for it.") { Image(), Dnsmasq() };

    private static Command Image()
    {
        Option<string> kernel = CommonOptions.Choice("--kernel", NodeArtifacts.GenericKernel, [NodeArtifacts.GenericKernel, NodeArtifacts.CloudKernel], "Debian's kernel of the management partition: generic for real machines, cloud for emulated ones.");
        var command = new Command("image", "Build what nodes boot, and name the files for the control plane's settings.") { kernel, CommonOptions.Output };
        command.SetAction((result, cancel) => CloudCommands.RunAsync(async () =>
        {
            var warnings = new List<string>();
            var built = new NodeArtifacts(Repository.Root, warnings.Add);
            string name = result.GetRequiredValue(kernel);
            string payload;
            (string Kernel, string Initrd) eraser;
            using (var progress = new Progress())
            {
                var step = new Step("node image", progress);
                step.Say("monitor");
                await built.BuildMonitorAsync(cancel).ConfigureAwait(false);
                step.Say("agent, compiled ahead of time");
                await built.PublishAgentAsync(cancel).ConfigureAwait(false);
                step.Say($"kernel {name} and drivers");
                payload = await built.BuildPayloadAsync(name, cancel).ConfigureAwait(false);
                eraser = await built.BuildEraserAsync(name, cancel).ConfigureAwait(false);
            }
            foreach (string warning in warnings) await Console.Error.WriteLineAsync($"warning: {Terminal.Plain(warning)}").ConfigureAwait(false);
            if (result.GetValue(CommonOptions.Output) == CommonOptions.Json)
            {
                Console.WriteLine(JsonSerializer.Serialize(new { kernel = name, monitor = built.Monitor, monitorBytes = Length(built.Monitor), payload, payloadBytes = Length(payload), eraserKernel = eraser.Kernel, eraserInitrd = eraser.Initrd }, s_json));
                return;
            }
            Console.WriteLine($"Osv__Netboot__Monitor={built.Monitor}");
            Console.WriteLine($"Osv__Netboot__Payload={payload}");
            Console.WriteLine($"Osv__Netboot__EraserKernel={eraser.Kernel}");
            Console.WriteLine($"Osv__Netboot__EraserInitrd={eraser.Initrd}");
        }));
        return command;

        static long Length(string file) => new FileInfo(file).Length;
    }

    private static Command Dnsmasq()
    {
        var device = new Option<string>("--interface") { Description = "Where dnsmasq answers, and nowhere else.", Required = true };
        Option<IPAddress> server = Address("--server", "This server's address there.");
        server.Required = true;
        var start = new Option<string>("--netboot") { Description = "Address of the control plane's netboot listener as nodes see it, such as http://10.9.0.1:5081 (its setting Osv:Netboot:Address).", Required = true, HelpName = "url" };
        Option<IPAddress> first = Address("--first", "First address to give out."), last = Address("--last", "Last address to give out."), mask = Address("--mask", "Mask of the network.");
        Option<IPAddress> proxy = Address("--proxy", "The network's address, where another server gives out addresses: dnsmasq only adds what booting needs.");
        var command = new Command("dnsmasq", "Print a configuration of dnsmasq: DHCP with --first, --last and --mask, or beside another DHCP server with --proxy.") { device, server, start, first, last, mask, proxy };
        command.SetAction(result =>
        {
            IPAddress?[] range = [result.GetValue(first), result.GetValue(last), result.GetValue(mask)];
            IPAddress? network = result.GetValue(proxy);
            bool whole = Array.TrueForAll(range, one => one is not null), none = Array.TrueForAll(range, one => one is null);
            if (network is null ? !whole : !none) throw new CommandException("give either --first, --last and --mask, or --proxy with the network's address");
            if (!Uri.TryCreate(result.GetRequiredValue(start), UriKind.Absolute, out Uri? address) || address.Scheme != Uri.UriSchemeHttp) throw new CommandException($"--netboot {Terminal.Plain(result.GetRequiredValue(start))} is no http address: firmware's iPXE gets its first script without TLS");
            string name = result.GetRequiredValue(device);
            // Names of Linux: up to 15 characters, no blank, no slash (net/core/dev.c, dev_valid_name).
            if (name.Length is 0 or > 15 || name.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter) || letter is '/' or ':' or ',' or '#')) throw new CommandException($"--interface {Terminal.Plain(name)} is no name of a network interface");
            var rack = new RackNetwork(name, result.GetRequiredValue(server), new Uri(address, BootScript.StartPath))
            {
                Range = whole ? (range[0]!, range[1]!, range[2]!) : null,
                Network = network,
            };
            Console.Write(DnsmasqConfiguration.Render(rack));
        });
        return command;
    }

    private static Option<IPAddress> Address(string name, string description) => new(name)
    {
        Description = description, HelpName = "address",
        CustomParser = argument =>
        {
            // The parser also takes "10.9" for 10.0.0.9, which nobody means.
            if (IPAddress.TryParse(argument.Tokens[0].Value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && argument.Tokens[0].Value.Count(letter => letter == '.') == 3) return address;
            argument.AddError($"{name} {Terminal.Plain(argument.Tokens[0].Value)} is no IPv4 address");
            return null;
        },
    };
}
