using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

/// <summary>The console of a tenant, for scripts and for people.</summary>
public sealed class ConsoleTests(Site site)
{
    /// <summary>Long enough for a machine under load; only a failure waits for it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_script_types_and_leaves_when_a_whole_line_matches()
    {
        Guid tenant = await TenantAsync();
        await site.PrintAsync(tenant, "2\r\nroot@web:~# ");
        ChannelReader<byte[]> keys = site.Keyboards.Connect(tenant);
        using Osv admin = Osv.Administrator(site);
        Task<Outcome> asked = admin.RunWithAsync("nproc\n", "tenant", "console", tenant.ToString(), "--expect", "^2$");
        (await TypedAsync(keys, "nproc\n".Length)).ShouldBe("nproc\n");
        // Neither what was printed before nor the beginning of a line may be taken for the answer.
        await site.PrintAsync(tenant, "nproc\r\n2");
        await site.PrintAsync(tenant, "4\r\n\u001b[32m2\u001b[0m\r\n");
        (await asked).Succeeded().Output.ShouldBe("nproc\n24\n2\n");
    }

    [Fact]
    public async Task A_prompt_counts_as_a_line_when_it_stands_still()
    {
        Guid tenant = await TenantAsync();
        ChannelReader<byte[]> keys = site.Keyboards.Connect(tenant);
        using Osv admin = Osv.Administrator(site);
        Task<Outcome> asked = admin.RunWithAsync("\n", "tenant", "console", tenant.ToString(), "--expect", "login: $");
        await TypedAsync(keys, 1);
        await site.PrintAsync(tenant, "\r\nweb login: ");
        (await asked).Succeeded().Output.ShouldBe("\nweb login: \n");
    }

    [Fact]
    public async Task What_does_not_come_or_cannot_be_typed_is_a_failure_with_its_reason()
    {
        Guid tenant = await TenantAsync();
        using Osv admin = Osv.Administrator(site);
        (await admin.RunWithAsync("x\n", "tenant", "console", tenant.ToString(), "--expect", "never", "--timeout", "20")).Refused().ShouldContain("has no place on a node");
        ChannelReader<byte[]> keys = site.Keyboards.Connect(tenant);
        Task<Outcome> asked = admin.RunWithAsync("x\n", "tenant", "console", tenant.ToString(), "--expect", "never", "--timeout", "2");
        await TypedAsync(keys, 2);
        await site.PrintAsync(tenant, "x\r\nstuck here");
        string said = (await asked).Refused();
        said.ShouldContain("'never' within 2 s");
        said.ShouldContain("stuck here");
        (await admin.RunWithAsync("", "tenant", "console", tenant.ToString(), "--expect", "(")).Refused(2).ShouldContain("--expect");
        (await admin.RunWithAsync("", "tenant", "console", "nobody")).Refused().ShouldContain("there is no tenant 'nobody'");
    }

    [Fact]
    public async Task Without_an_expectation_it_leaves_after_a_silence()
    {
        Guid tenant = await TenantAsync();
        ChannelReader<byte[]> keys = site.Keyboards.Connect(tenant);
        using Osv admin = Osv.Administrator(site);
        Task<Outcome> asked = admin.RunWithAsync("date\n", "tenant", "console", tenant.ToString(), "--linger", "1");
        await TypedAsync(keys, "date\n".Length);
        await site.PrintAsync(tenant, "date\r\nWed Nov 25\r\n");
        (await asked).Succeeded().Output.ShouldBe("date\nWed Nov 25\n");
    }

    [Fact]
    public async Task A_person_sees_the_last_screen_types_every_key_and_leaves_with_the_escape()
    {
        Guid tenant = await TenantAsync();
        await site.PrintAsync(tenant, "\u001b[1mbefore\u001b[0m\r\n");
        ChannelReader<byte[]> keys = site.Keyboards.Connect(tenant);
        using Osv admin = Osv.Administrator(site);
        // script(1) gives the command a terminal; stty tells afterwards how it was left.
        using Process process = admin.StartProgram("script", "-qec", $"dotnet {Path.Combine(AppContext.BaseDirectory, "osv.dll")} tenant console {tenant}; echo status $?; stty -a", "/dev/null");
        var screen = new StringBuilder();
        await UntilAsync(process, screen, "before");
        screen.ToString().ShouldContain("\u001b[1mbefore");
        // Ctrl-C and Ctrl-D are the tenant's, too.
        await process.StandardInput.WriteAsync("a\u0003\u0004\r");
        await process.StandardInput.FlushAsync(Cancel);
        (await TypedAsync(keys, 4)).ShouldBe("a\u0003\u0004\r");
        await site.PrintAsync(tenant, "echoed");
        await UntilAsync(process, screen, "echoed");
        await process.StandardInput.WriteAsync("\u001d");
        await process.StandardInput.FlushAsync(Cancel);
        await UntilAsync(process, screen, "status 0");
        await UntilAsync(process, screen, " echo ");
        screen.ToString().ShouldContain(" icanon");
        await Osv.EndAsync(process);
    }

    private async Task<Guid> TenantAsync()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        return await site.NewTenantAsync(project, "web");
    }

    private static async Task<string> TypedAsync(ChannelReader<byte[]> keys, int bytes)
    {
        var typed = new List<byte>();
        while (typed.Count < bytes) typed.AddRange(await keys.ReadAsync(Cancel).AsTask().WaitAsync(Patience, Cancel));
        return Encoding.UTF8.GetString([.. typed]);
    }

    private static async Task UntilAsync(Process process, StringBuilder screen, string text)
    {
        char[] piece = new char[4096];
        while (!screen.ToString().Contains(text, StringComparison.Ordinal))
        {
            int read = await process.StandardOutput.ReadAsync(piece, Cancel).AsTask().WaitAsync(Patience, Cancel).ContinueWith(done => done.IsCompletedSuccessfully ? done.Result : 0, TaskScheduler.Default);
            read.ShouldBeGreaterThan(0, $"'{text}' did not come: {screen}");
            screen.Append(piece, 0, read);
        }
    }
}
