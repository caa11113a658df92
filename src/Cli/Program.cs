using System.CommandLine;
using System.CommandLine.Help;
using Osv.Cli.Access;
using Osv.Cli.Audit;
using Osv.Cli.Bench;
using Osv.Cli.Capacity;
using Osv.Cli.Cloud;
using Osv.Cli.CommandLine;
using Osv.Cli.Database;
using Osv.Cli.Images;
using Osv.Cli.Jobs;
using Osv.Cli.Netboot;
using Osv.Cli.Nodes;
using Osv.Cli.Projects;
using Osv.Cli.Tenants;
using Osv.Cli.Test;

var root = new RootCommand("OSV Cloud: Linux machines on cores of their own.")
{
    UpCommand.Create(),
    DownCommand.Create(),
    StatusCommand.Create(),
    ImageCommand.Create(),
    NodeCommand.Create(),
    TenantCommand.Create(),
    JobCommand.Create(),
    CapacityCommand.Create(),
    LoginCommand.Create(),
    TokenCommand.Create(),
    UserCommand.Create(),
    ProjectCommand.Create(),
    AuditCommand.Create(),
    DatabaseCommand.Create(),
    NetbootCommand.Create(),
    TestCommand.Create(),
    BenchCommand.Create(),
    CompletionCommand.Create(),
};
// The other spellings of --help are of another system, and would come up in every completion.
root.Options.Remove(root.Options.OfType<HelpOption>().Single());
root.Options.Add(new HelpOption("--help", "-h") { Recursive = true });
return await CommandRunner.RunAsync(root, args).ConfigureAwait(false);
