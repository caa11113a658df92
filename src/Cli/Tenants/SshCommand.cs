using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.Cloud;
using Osv.Cli.CommandLine;
using Osv.Rack;

namespace Osv.Cli.Tenants;

/// <summary><c>osv tenant ssh</c>: into a tenant through its own network card, where that card is one of this machine's virtual rack.</summary>
internal static class SshCommand
{
    public static Command Create()
    {
        Argument<string> tenant = TenantCommand.Tenant();
        var command = new Argument<string[]>("command") { Description = "What to run there; a shell when nothing is named.", Arity = ArgumentArity.ZeroOrMore };
        var user = new Option<string>("--user") { Description = "Who to be there.", DefaultValueFactory = _ => "debian", HelpName = "name" };
        var identity = new Option<string?>("--identity") { Description = "File of the private key; without it ssh chooses.", HelpName = "file" };
        return ClientCommand.Create("ssh", "Log in by SSH through its network card, where its node is of this machine's virtual rack.", async call =>
        {
            TenantView view = (await call.Api.ShowTenantAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false)).Value;
            int port = await PortAsync(view, call.Cancel).ConfigureAwait(false);
            var start = new ProcessStartInfo("ssh",
            [
                // Host keys are made anew at every start of a tenant, and the way there is this machine's loopback.
                "-p", port.ToString(CultureInfo.InvariantCulture), "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
                .. call.Get(identity) is { } file ? (string[])["-i", file, "-o", "IdentitiesOnly=yes"] : [], "--", $"{call.Get(user)}@127.0.0.1", .. call.Required(command),
            ]);
            return await RunAsync(start, call.Cancel).ConfigureAwait(false);
        }, tenant, command, user, identity, CommonOptions.Project);
    }

    private static async Task<int> RunAsync(ProcessStartInfo start, CancellationToken cancel)
    {
        using Process ssh = Start(start);
        await ssh.WaitForExitAsync(cancel).ConfigureAwait(false);
        return ssh.ExitCode;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception missing)
        {
            throw new CommandException($"ssh does not start ({missing.Message}): install the package openssh-client");
        }
    }

    /// <summary>Where this machine's loopback leads to the tenant's SSH.</summary>
    private static async Task<int> PortAsync(TenantView tenant, CancellationToken cancel)
    {
        if (tenant.Nics == 0) throw new CommandException($"tenant {tenant.Name} has no network card: make one with --nics 1, or use 'osv tenant console {tenant.Name}'");
        if (tenant.Node is not { } name) throw new CommandException($"tenant {tenant.Name} has no place: it is {tenant.State}");
        VirtualNode node = new CloudHome(Repository.Home).Rack.Nodes.FirstOrDefault(one => one.Shape.Name == name)
            ?? throw new CommandException($"node {name} is not of this machine's virtual rack: ask the DHCP server of its network for the address of {tenant.Name}, and use ssh");
        if (!node.IsOn) throw new CommandException($"node {name} is off: 'osv up' switches it on");
        IReadOnlyDictionary<string, int> ports = await node.SshPortsAsync(cancel).ConfigureAwait(false);
        foreach (string address in tenant.Devices)
            if (ports.TryGetValue(address, out int port)) return port;
        throw new CommandException($"no way leads to the network cards of tenant {tenant.Name} ({string.Join(", ", tenant.Devices)}): node {name} was started by another version; 'osv down' and 'osv up' start it anew");
    }
}
