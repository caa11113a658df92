using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

public sealed class LoginTests(Site site)
{
    [Fact]
    public async Task A_password_from_standard_input_becomes_a_token_that_only_the_owner_can_read_and_nobody_sees()
    {
        using var somebody = new Osv();
        Outcome login = (await somebody.RunWithAsync($"{site.AdministratorPassword}\n", "login", "--server", site.Address.ToString(), "--user", "admin")).Succeeded();
        string kept = await File.ReadAllTextAsync(somebody.Credentials, TestContext.Current.CancellationToken);
        kept.ShouldContain("osv_");
        File.GetUnixFileMode(somebody.Credentials).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.GetUnixFileMode(Path.GetDirectoryName(somebody.Credentials)!).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        (login.Output + login.Error).ShouldNotContain("osv_");
        (login.Output + login.Error).ShouldNotContain(site.AdministratorPassword);
        // Neither a server nor a token is named any more.
        (await somebody.RunAsync("project", "list", "-o", "json")).Succeeded().Output.ShouldContain("\"default\"");
    }

    [Fact]
    public async Task An_administrator_makes_changes_disables_and_enables_users()
    {
        using Osv admin = Osv.Administrator(site);
        string name = Site.Unique("ada");
        (await admin.RunWithAsync("correct horse battery\n", "user", "create", name, "--email", "ada@example.org", "--role", "Operator")).Succeeded().Output.ShouldContain($"user {name} is made");
        (await admin.RunAsync("user", "list")).Succeeded().Output.ShouldContain(name);
        (await admin.RunAsync("user", "show", name, "-o", "json")).Succeeded().Json.GetProperty("siteRole").GetString().ShouldBe("Operator");
        (await admin.RunAsync("user", "set", name)).Refused().ShouldContain("--role");
        (await admin.RunWithAsync("another horse battery\n", "user", "set", name, "--role", "None", "--password")).Succeeded().Output.ShouldContain("None");
        using var ada = new Osv(site.Address);
        (await ada.RunWithAsync("correct horse battery\n", "login", "--user", name)).Refused().ShouldContain("wrong");
        (await ada.RunWithAsync("another horse battery\n", "login", "--user", name)).Succeeded();
        (await ada.RunAsync("user", "list")).Refused().ShouldContain("your role");
        (await admin.RunAsync("user", "disable", name)).Succeeded().Output.ShouldContain("disabled");
        (await ada.RunAsync("project", "list")).Refused().ShouldContain("osv login");
        (await admin.RunAsync("user", "enable", name)).Succeeded().Output.ShouldContain("enabled");
        (await admin.RunAsync("user", "show", "nobody-at-all")).Refused().ShouldContain("nobody-at-all");
    }

    [Fact]
    public async Task A_wrong_password_is_told_and_nothing_is_kept()
    {
        using var somebody = new Osv(site.Address);
        (await somebody.RunWithAsync("wrong password 1\n", "login", "--user", "admin")).Refused().ShouldContain("user name or password is wrong");
        (await somebody.RunWithAsync("", "login", "--user", "admin")).Refused().ShouldContain("a password on standard input");
        File.Exists(somebody.Credentials).ShouldBeFalse();
    }

    [Fact]
    public async Task Who_is_not_signed_in_or_has_a_stale_token_is_told_what_to_do()
    {
        using var stranger = new Osv(site.Address);
        (await stranger.RunAsync("tenant", "list")).Refused().ShouldContain("osv login");
        using var stale = new Osv(site.Address, "osv_nonsense");
        (await stale.RunAsync("tenant", "list")).Refused().ShouldContain("sign in anew");
    }

    [Fact]
    public async Task A_token_is_never_sent_to_another_server_than_the_one_that_issued_it()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using var somebody = new Osv();
        (await somebody.RunWithAsync($"{site.AdministratorPassword}\n", "login", "--server", site.Address.ToString(), "--user", "admin")).Succeeded();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        using Process process = somebody.Start("tenant", "list", "--server", $"http://{other.LocalEndpoint}");
        using TcpClient caller = await other.AcceptTcpClientAsync(cancel);
        using var reader = new StreamReader(caller.GetStream());
        var request = new StringBuilder();
        while (await reader.ReadLineAsync(cancel) is { Length: > 0 } line) request.AppendLine(line);
        request.ToString().ShouldContain("/api/v1/tenants");
        request.ToString().ShouldNotContain("uthorization");
        await caller.GetStream().WriteAsync("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), cancel);
        (await Osv.EndAsync(process)).Refused().ShouldContain("not signed in");
    }

    [Fact]
    public async Task Credentials_that_others_can_read_are_not_used()
    {
        using var somebody = new Osv();
        (await somebody.RunWithAsync($"{site.AdministratorPassword}\n", "login", "--server", site.Address.ToString(), "--user", "admin")).Succeeded();
        File.SetUnixFileMode(somebody.Credentials, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        (await somebody.RunAsync("tenant", "list")).Refused().ShouldContain($"chmod 600 {somebody.Credentials}");
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named_with_what_to_do()
    {
        using var somebody = new Osv(new Uri("http://127.0.0.1:9"), "osv_x");
        string said = (await somebody.RunAsync("capacity")).Refused();
        said.ShouldContain("http://127.0.0.1:9");
        said.ShouldContain("osv up");
        (await somebody.RunAsync("capacity", "--server", "localhost")).Refused().ShouldContain("http://127.0.0.1:5080");
    }

    [Fact]
    public async Task Tokens_are_made_listed_and_revoked_by_name()
    {
        using Osv admin = Osv.Administrator(site);
        string name = Site.Unique("ci");
        string token = (await admin.RunAsync("token", "create", name, "--scope", "tenants:read", "--expires-in-days", "3")).Succeeded().Output.Trim();
        token.ShouldStartWith("osv_");
        using var program = new Osv(site.Address, token);
        (await program.RunAsync("tenant", "list")).Succeeded();
        (await program.RunAsync("node", "list")).Refused().ShouldContain("do not allow this");
        (await admin.RunAsync("token", "list")).Succeeded().Output.ShouldContain(name);
        (await admin.RunAsync("token", "revoke", name)).Succeeded();
        (await program.RunAsync("tenant", "list")).Refused();
        (await admin.RunAsync("token", "revoke", name)).Refused().ShouldContain("no valid token");
    }
}
