using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Projects;

/// <summary><c>osv project ...</c>: who owns what, and how much of it.</summary>
internal static class ProjectCommand
{
    private const string Unlimited = "unlimited";

    public static Command Create() => new("project", "Projects, their members and quotas.") { New(), List(), Show(), Delete(), Quota(), Members(), AddMember(), RemoveMember() };

    private static Argument<string> Project() => Names.Argument("project", "Name or id of the project.", async (api, _, cancel) => (await api.ListProjectsAsync(Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(project => project.Name));

    private static Argument<string> User() => new("user") { Description = "Name of the user." };

    private static Command New()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits, '-' and '.'." };
        var owner = new Option<string?>("--owner") { Description = "Who owns it; you, if not given.", HelpName = "user" };
        return ClientCommand.Query("create", "Make a project.", async call => call.Show(
            await call.Api.CreateProjectAsync(new CreateProject { Name = call.Required(name), Owner = call.Get(owner) }, call.Cancel).ConfigureAwait(false),
            project => $"project {project.Name} is made{Environment.NewLine}"), name, owner);
    }

    private static Command List() => ClientCommand.Query("list", "Projects that you may see, with what they own and may own.", async call => call.ShowList(
        await Pages.ReadAsync<PageOfProjectView, ProjectView>((limit, cursor) => call.Api.ListProjectsAsync(limit, cursor, call.Cancel)).ConfigureAwait(false), "projects",
        new("NAME", project => project.Name),
        new("ROLE", project => project.Role),
        new("TENANTS", project => Number(project.Tenants)) { IsRight = true },
        new("CORES", project => Of(project.Usage.Cores, project.Quota.Cores, Number)) { IsRight = true },
        new("MEMORY", project => Of(project.Usage.MemoryBytes, project.Quota.MemoryBytes, Sizes.Format)) { IsRight = true },
        new("DEVICES", project => Of(project.Usage.Devices, project.Quota.Devices, Number)) { IsRight = true },
        new("PLACEMENTS", project => Of(project.Usage.Placements, project.Quota.Placements, Number)) { IsRight = true },
        new("CREATED", project => Ages.Stamp(project.CreatedAt)) { IsWide = true },
        new("ID", project => project.Id.ToString()) { IsWide = true }));

    private static Command Show()
    {
        Argument<string> project = Project();
        return ClientCommand.Query("show", "One project.", async call => call.Show(await call.Api.ShowProjectAsync(call.Required(project), call.Cancel).ConfigureAwait(false), view => Table.Fields(
        [
            ("name", view.Name),
            ("id", view.Id.ToString()),
            ("your role", view.Role),
            ("tenants", Number(view.Tenants)),
            ("cores", Of(view.Usage.Cores, view.Quota.Cores, Number)),
            ("memory", Of(view.Usage.MemoryBytes, view.Quota.MemoryBytes, Sizes.Format)),
            ("devices", Of(view.Usage.Devices, view.Quota.Devices, Number)),
            ("placements", Of(view.Usage.Placements, view.Quota.Placements, Number)),
            ("created", Ages.Stamp(view.CreatedAt)),
        ])), project);
    }

    private static Command Delete()
    {
        Argument<string> project = Project();
        return ClientCommand.Create("delete", "Delete a project that owns nothing any more.", async call =>
        {
            await call.Api.DeleteProjectAsync(call.Required(project), call.Cancel).ConfigureAwait(false);
            Console.WriteLine($"project {call.Required(project)} is gone");
        }, project);
    }

    private static Command Quota()
    {
        Argument<string> project = Project();
        Option<Limit?> cores = LimitOption("--cores", "Cores in all"), memory = LimitOption("--memory", "Memory in all, as in 64GiB", Sizes.Parse), devices = LimitOption("--devices", "Devices in all"), placements = LimitOption("--placements", "Tenants that have a place");
        Option<Limit?>[] limits = [cores, memory, devices, placements];
        return ClientCommand.Query("quota", $"What a project may own; with options, change it. '{Unlimited}' takes a limit away.", async call =>
        {
            string named = call.Required(project);
            Reply<ResourceAmounts> quota = await call.Api.ShowQuotaAsync(named, call.Cancel).ConfigureAwait(false);
            if (limits.Any(limit => call.Get(limit) is not null))
            {
                quota = await call.Api.SetQuotaAsync(named, new ResourceAmounts
                {
                    Cores = Changed(cores, quota.Value.Cores), MemoryBytes = Changed(memory, quota.Value.MemoryBytes), Devices = Changed(devices, quota.Value.Devices), Placements = Changed(placements, quota.Value.Placements),
                }, call.Cancel).ConfigureAwait(false);
            }
            call.Show(quota, amounts => Table.Fields(
            [
                ("cores", Amount(amounts.Cores, Number)), ("memory", Amount(amounts.MemoryBytes, Sizes.Format)), ("devices", Amount(amounts.Devices, Number)), ("placements", Amount(amounts.Placements, Number)),
            ]));

            long? Changed(Option<Limit?> option, long? present) => call.Get(option) is { } limit ? limit.Most : present;
        }, [project, .. limits]);
    }

    private static Command Members()
    {
        Argument<string> project = Project();
        return ClientCommand.Query("members", "Who is in a project.", async call => call.ShowList(await call.Api.ListMembersAsync(call.Required(project), call.Cancel).ConfigureAwait(false), "members",
            new("USER", member => member.User), new("ROLE", member => member.Role), new("SINCE", member => Ages.Stamp(member.AddedAt))), project);
    }

    private static Command AddMember()
    {
        Argument<string> project = Project(), user = User();
        Option<string?> role = CommonOptions.Filter("--role", ProjectRole.All, "viewer, member or owner.");
        role.Required = true;
        return ClientCommand.Query("add-member", "Give a user a role in a project, or another one.", async call => call.Show(
            await call.Api.SetMemberAsync(call.Required(project), call.Required(user), new SetMember { Role = call.Get(role)! }, call.Cancel).ConfigureAwait(false),
            member => $"{member.User} is {member.Role} of {call.Required(project)}{Environment.NewLine}"), project, user, role);
    }

    private static Command RemoveMember()
    {
        Argument<string> project = Project(), user = User();
        return ClientCommand.Create("remove-member", "Take a user's role in a project away.", async call =>
        {
            await call.Api.RemoveMemberAsync(call.Required(project), call.Required(user), call.Cancel).ConfigureAwait(false);
            Console.WriteLine($"{call.Required(user)} is no member of {call.Required(project)} any more");
        }, project, user);
    }

    private static Option<Limit?> LimitOption(string name, string description, Func<string, long?>? parse = null) => new(name)
    {
        Description = $"{description}, or '{Unlimited}'.", HelpName = "limit",
        CustomParser = argument =>
        {
            string text = argument.Tokens[0].Value;
            if (text == Unlimited) return new Limit(null);
            long? most = parse is not null ? parse(text) : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
            if (most is null) argument.AddError($"'{text}' is no limit for {name}: give {(parse is null ? "a number" : "a size as in 64GiB")} or '{Unlimited}'");
            return new Limit(most);
        },
    };

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Amount(long? amount, Func<long, string> format) => amount is { } known ? format(known) : Unlimited;

    private static string Of(long? used, long? most, Func<long, string> format) => most is { } limit ? $"{format(used ?? 0)} of {format(limit)}" : format(used ?? 0);

    /// <param name="Most">Null: no limit.</param>
    private sealed record Limit(long? Most);
}
