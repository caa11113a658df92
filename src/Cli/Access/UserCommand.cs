using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Access;

/// <summary><c>osv user ...</c>: local accounts.</summary>
internal static class UserCommand
{
    private static readonly string[] s_roles = ["None", "Operator", "Administrator"];

    public static Command Create() => new("user", "Local accounts, for administrators.") { New(), List(), Show(), Change(), Disable("disable", "Let a user in no more; ends their sessions and tokens.", true), Disable("enable", "Let a user in again.", false) };

    private static Argument<string> User() => Names.Argument("user", "Name of the user.", async (api, _, cancel) => (await api.ListUsersAsync(Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(user => user.Name));

    private static Option<string?> Role()
    {
        var role = new Option<string?>("--role") { Description = "Rights beyond projects: None, Operator or Administrator.", HelpName = "role" };
        role.AcceptOnlyFromAmong(s_roles);
        return role;
    }

    private static Command New()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits, '-' and '.'." };
        var email = new Option<string?>("--email") { Description = "For people.", HelpName = "address" };
        Option<string?> role = Role();
        return ClientCommand.Query("create", "Make an account. Its password is asked for, or read from standard input.", async call => call.Show(
            await call.Api.CreateUserAsync(new CreateUser { Name = call.Required(name), Email = call.Get(email), Password = Password(call.Required(name)), SiteRole = call.Get(role) ?? s_roles[0] }, call.Cancel).ConfigureAwait(false),
            user => $"user {user.Name} is made{Environment.NewLine}"), name, email, role);
    }

    private static Command List() => ClientCommand.Query("list", "All accounts.", async call => call.ShowList(
        await Pages.ReadAsync<PageOfUserView, UserView>((limit, cursor) => call.Api.ListUsersAsync(limit, cursor, call.Cancel)).ConfigureAwait(false), "users",
        new("NAME", user => user.Name),
        new("ROLE", user => user.SiteRole),
        new("STATE", State),
        new("E-MAIL", user => user.Email),
        new("CREATED", user => Ages.Stamp(user.CreatedAt)),
        new("ID", user => user.Id.ToString()) { IsWide = true }));

    private static Command Show()
    {
        Argument<string> user = User();
        return ClientCommand.Query("show", "One account.", async call => call.Show(await call.Api.ShowUserAsync(call.Required(user), call.Cancel).ConfigureAwait(false), Fields), user);
    }

    private static Command Change()
    {
        Argument<string> user = User();
        Option<string?> role = Role();
        var password = new Option<bool>("--password") { Description = "Give them a new password, asked for or read from standard input." };
        return ClientCommand.Query("set", "Change the role or the password of an account; ends its sessions.", async call =>
        {
            if (call.Get(role) is null && !call.Get(password)) throw new CommandException("nothing is to be changed: give --role, --password or both");
            var change = new UpdateUser { SiteRole = call.Get(role), Password = call.Get(password) ? Password(call.Required(user)) : null };
            call.Show(await call.Api.UpdateUserAsync(call.Required(user), change, call.Cancel).ConfigureAwait(false), Fields);
        }, user, role, password);
    }

    private static Command Disable(string name, string description, bool disabled)
    {
        Argument<string> user = User();
        return ClientCommand.Query(name, description, async call => call.Show(
            await call.Api.UpdateUserAsync(call.Required(user), new UpdateUser { Disabled = disabled }, call.Cancel).ConfigureAwait(false), view => $"user {view.Name} is {State(view)}{Environment.NewLine}"), user);
    }

    private static string Password(string user) => LoginCommand.Ask($"Password of {user}: ", "a password on standard input", Console.IsInputRedirected ? Console.ReadLine : LoginCommand.ReadSecret);

    private static string State(UserView user) => user.Disabled ? "disabled" : "enabled";

    private static string Fields(UserView user) => Table.Fields(
    [
        ("name", user.Name),
        ("id", user.Id.ToString()),
        ("role", user.SiteRole),
        ("state", State(user)),
        ("e-mail", user.Email ?? "none"),
        ("created", Ages.Stamp(user.CreatedAt)),
    ]);
}
