using System.Diagnostics;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

public sealed class CompletionTests(Site site)
{
    /// <summary>What bash would offer: it calls the function that the script registers as it would after a Tab at the end of the line.</summary>
    private const string Tab =
        """
        osv() { dotnet "$OSV_DLL" "$@"; }
        source <(osv completion bash)
        COMP_LINE=$1 COMP_POINT=${#1}
        read -ra COMP_WORDS <<<"$1"
        [[ $1 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        complete -p osv | grep -q -- '-F _osv' || exit 1
        _osv
        printf '%s\n' "${COMPREPLY[@]}"
        """;

    [Fact]
    public async Task Bash_completes_commands_options_values_and_the_names_of_things()
    {
        string project = await site.NewProjectAsync(), tenant = Site.Unique("completed");
        await site.NewImageAsync(project);
        await site.NewTenantAsync(project, tenant);
        (await OffersAsync("osv ten")).ShouldBe(["tenant"]);
        (await OffersAsync("osv tenant ")).ShouldContain("create");
        (await OffersAsync("osv tenant ")).ShouldNotContain("--help");
        (await OffersAsync("osv tenant list --st")).ShouldBe(["--state"]);
        (await OffersAsync("osv tenant list --state Run")).ShouldBe(["Running"]);
        (await OffersAsync($"osv tenant show {tenant[..12]}")).ShouldBe([tenant]);
        (await OffersAsync($"osv tenant create x --project {project} --image ")).ShouldBe(["linux"]);
    }

    [Theory]
    [InlineData("zsh", "compdef _osv osv")]
    [InlineData("fish", "complete -c osv")]
    public async Task Other_shells_have_a_script_too(string shell, string registers)
    {
        using var somebody = new Osv();
        (await somebody.RunAsync("completion", shell)).Succeeded().Output.ShouldContain(registers);
    }

    private async Task<string[]> OffersAsync(string line)
    {
        using Osv admin = Osv.Administrator(site);
        using Process process = admin.StartProgram("bash", "-c", Tab.Replace("$OSV_DLL", Path.Combine(AppContext.BaseDirectory, "osv.dll"), StringComparison.Ordinal), "bash", line);
        process.StandardInput.Close();
        return (await Osv.EndAsync(process)).Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
