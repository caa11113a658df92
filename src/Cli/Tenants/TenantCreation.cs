using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Tenants;

/// <summary><c>osv tenant create</c>.</summary>
internal static class TenantCreation
{
    private static readonly string[] s_restarts = ["always", "on-failure", "never"];

    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits, '-' and '.'." };
        var image = new Option<string>("--image") { Description = "Name or id of the image it boots.", Required = true, HelpName = "image" };
        image.CompletionSources.Add(context => Names.Complete(context, async (api, project, cancel) => (await api.ListImagesAsync(project, Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(found => found.Name)));
        var cores = new Option<int>("--cores") { Description = "Whole cores.", Required = true, HelpName = "number" };
        var memory = new Option<long?>("--memory") { Description = "As in 512MiB or 2GiB; a multiple of 2MiB.", Required = true, HelpName = "size", CustomParser = Sizes.Parse };
        var nics = new Option<int?>("--nics") { Description = "Network cards of its own.", HelpName = "number" };
        var disks = new Option<int?>("--disks") { Description = "Disks of its own.", HelpName = "number" };
        Option<string> restart = CommonOptions.Choice("--restart", s_restarts[0], s_restarts, "What to do when it ends.");
        var sshKey = new Option<FileInfo?>("--ssh-key") { Description = "File with a public key that may sign in to it.", HelpName = "file" };
        var userData = new Option<FileInfo?>("--user-data") { Description = "File with a script or cloud-config that it acts on when it starts.", HelpName = "file" };
        var priority = new Option<int?>("--priority") { Description = "-1000 to 1000; above 0 it may displace those below.", HelpName = "number" };
        Option<Dictionary<string, string>?> labels = CommonOptions.Labels("What you want to know about it; may be given several times.");
        var runsOn = new Option<bool>("--runs-on-without-lease") { Description = "Run on when its node is cut off from the control plane." };
        var noStart = new Option<bool>("--no-start") { Description = "Only make it; 'osv tenant start' starts it." };
        return ClientCommand.Query("create", "Make a tenant, place it and start it.", async call =>
        {
            bool wait = call.Get(CommonOptions.Wait);
            if (wait && call.Get(noStart)) throw new CommandException("--wait waits until it runs, and --no-start does not start it: give one of them");
            Reply<TenantView> reply = await call.Api.CreateTenantAsync(new CreateTenant
            {
                Name = call.Required(name), Image = call.Required(image), Cores = call.Required(cores), MemoryBytes = call.Required(memory)!.Value, Nics = call.Get(nics), Disks = call.Get(disks),
                Restart = RestartPolicy.All[Array.IndexOf(s_restarts, call.Get(restart))], Priority = call.Get(priority), RunsOnWithoutLease = call.Get(runsOn),
                SshKey = await KeyAsync(call.Get(sshKey), call.Cancel).ConfigureAwait(false),
                UserData = await UserDataAsync(call.Get(userData), call.Cancel).ConfigureAwait(false), Labels = call.Get(labels), Project = call.Project, Start = !call.Get(noStart),
            }, call.Cancel).ConfigureAwait(false);
            if (wait) reply = await TenantWait.RunningAsync(call, reply).ConfigureAwait(false);
            call.Show(reply, TenantTables.Line);
        }, name, image, cores, memory, nics, disks, restart, sshKey, userData, priority, labels, runsOn, noStart, CommonOptions.Project, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static async Task<string?> UserDataAsync(FileInfo? file, CancellationToken cancel) =>
        file is null ? null : await Files.ReadTextAsync(file, "--user-data", cancel).ConfigureAwait(false);

    private static async Task<string?> KeyAsync(FileInfo? file, CancellationToken cancel)
    {
        if (file is null) return null;
        string key = (await Files.ReadTextAsync(file, "--ssh-key", cancel).ConfigureAwait(false)).Trim();
        return key.Contains("PRIVATE KEY", StringComparison.Ordinal) ? throw new CommandException($"--ssh-key {file} is a private key, which must stay with you: give the file that ends in .pub") : key;
    }
}
