using System.CommandLine;
using Osv.Cli.Access;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary><c>osv down</c>: leaves no process; with --purge no data either.</summary>
internal static class DownCommand
{
    public static Command Create()
    {
        var purge = new Option<bool>("--purge") { Description = "Delete the database, the nodes and all else of this cloud." };
        var command = new Command("down", "Stop the nodes, the control plane and its database.") { purge };
        command.SetAction((result, cancel) => CloudCommands.RunAsync(() => RunAsync(result.GetValue(purge), cancel)));
        return command;
    }

    private static async Task RunAsync(bool purge, CancellationToken cancel)
    {
        var home = new CloudHome(Repository.Home);
        if (!Directory.Exists(home.Folder))
        {
            Console.WriteLine("nothing is up here");
            return;
        }
        var steps = new Steps();
        using (home.Lock())
        {
            foreach (VirtualNode node in home.Rack.Nodes)
            {
                await steps.RunAsync($"node {node.Shape.Name}", async _ =>
                {
                    await node.PowerOffAsync(cancel).ConfigureAwait(false);
                    return "off";
                }).ConfigureAwait(false);
            }
            await steps.RunAsync("control plane", async _ =>
            {
                await HostProcess.Of(home).StopAsync(cancel).ConfigureAwait(false);
                return "stopped";
            }).ConfigureAwait(false);
            await steps.RunAsync("switch", async _ =>
            {
                await SwitchProcess.Of(home).StopAsync(cancel).ConfigureAwait(false);
                return "stopped";
            }).ConfigureAwait(false);
            string folder = await home.PostgresFolderAsync(cancel).ConfigureAwait(false);
            await steps.RunAsync("database", async _ =>
            {
                if (purge) await PostgresCluster.DeleteAsync(folder, cancel).ConfigureAwait(false);
                else if (PostgresCluster.FindRunning(folder) is { } running) await running.StopAsync(cancel).ConfigureAwait(false);
                return purge ? "deleted" : "stopped";
            }).ConfigureAwait(false);
            if (!purge) return;
            ForgetToken(home);
            Directory.Delete(home.Folder, recursive: true);
        }
    }

    /// <summary>What 'up' has kept for later commands; a token of another cloud at the same address stays.</summary>
    private static void ForgetToken(CloudHome home)
    {
        if (CloudSettings.Load(home.Settings) is not { } settings || !File.Exists(home.Token)) return;
        Credentials credentials = Credentials.Load();
        if (credentials.Find(settings.Console)?.Token == File.ReadAllText(home.Token)) credentials.Forget(settings.Console);
    }
}
