using System.CommandLine;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Cloud;

/// <summary><c>osv up</c>: a whole cloud on this machine.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var nodes = new Option<int?>("--nodes") { Description = "Nodes of the virtual rack: QEMU machines that boot from the network. Default 1." };
        var cores = new Option<int?>("--cores") { Description = "Cores of each new node, one of them for its management Linux. Default 4." };
        var memory = new Option<long?>("--memory") { Description = "Memory of each new node, such as 4GiB. Default 4GiB.", HelpName = "size", CustomParser = Sizes.Parse };
        var nics = new Option<int?>("--nics") { Description = "Network cards for tenants of each new node. Default 2." };
        var disks = new Option<int?>("--disks") { Description = "NVMe disks of 1 GiB for tenants of each new node. Default 2." };
        var port = new Option<int?>("--port") { Description = "Port of console and API on 127.0.0.1. Default 5080." };
        var command = new Command("up", "Start the control plane and a virtual rack on this machine; ends when every node is Ready. Safe to repeat.") { nodes, cores, memory, nics, disks, port };
        command.SetAction((result, cancel) => CloudCommands.RunAsync(async () =>
        {
            var home = new CloudHome(Repository.Home);
            home.Create();
            using FileStream one = home.Lock();
            CloudSettings before = CloudSettings.Load(home.Settings) ?? new CloudSettings();
            CloudSettings wanted = before with
            {
                Nodes = result.GetValue(nodes) ?? before.Nodes,
                Cores = result.GetValue(cores) ?? before.Cores,
                MemoryBytes = result.GetValue(memory) ?? before.MemoryBytes,
                Nics = result.GetValue(nics) ?? before.Nics,
                Disks = result.GetValue(disks) ?? before.Disks,
                ConsolePort = result.GetValue(port) ?? before.ConsolePort,
            };
            if (wanted.Nodes is < 0 or > 100) throw new CommandException($"--nodes {wanted.Nodes}: give 0 to 100");
            if (wanted.Cores < 2) throw new CommandException($"--cores {wanted.Cores}: give at least 2, one is for the management Linux");
            await new CloudStart(home, wanted, new Steps()).RunAsync(cancel).ConfigureAwait(false);
        }));
        return command;
    }
}
