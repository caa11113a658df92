using System.Globalization;
using System.Reflection;

namespace Osv.Images.Tests;

/// <summary>What this machine's apt knows decides whether a kernel or an image is outdated; it is a made-up apt, whose mirror answers nobody.</summary>
public sealed class PackageTests : IDisposable
{
    private const string Mirror = "http://127.0.0.1:9";
    private static readonly string s_scripts = Path.Combine(typeof(PackageTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "RepositoryRoot").Value!, "deploy", "images");
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-packages").FullName;
    private readonly List<string> _warnings = [];

    public PackageTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "lists", "partial"));
        File.WriteAllText(Path.Combine(_folder, "sources.list"), string.Empty);
        File.WriteAllText(Path.Combine(_folder, "apt.conf"), $"Dir::Etc::SourceList \"{_folder}/sources.list\"; Dir::Etc::SourceParts \"/dev/null\"; Dir::State::Lists \"{_folder}/lists\"; Dir::Cache \"{_folder}\"; Dir::State::status \"/dev/null\"; Acquire::Retries \"0\";");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_kernel_stays_while_apt_knows_no_newer_one_of_its_series()
    {
        await KeepKernelAsync("6.1.2-1");
        await FetchAsync();
        _warnings.ShouldBeEmpty("without lists nothing is known");
        Know("debian", "Debian", "bookworm", ("linux-image-cloud-amd64", "6.1.2-1"));
        Know("debian", "Debian Backports", "bookworm-backports", ("linux-image-cloud-amd64", "6.12.3-1"));
        (await FetchAsync()).Release.ShouldBe("6.1.0-2");
        _warnings.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_newer_kernel_that_cannot_be_fetched_leaves_the_one_that_is_there_and_a_warning()
    {
        await KeepKernelAsync("6.1.2-1");
        Know("debian", "Debian", "bookworm", ("linux-image-cloud-amd64", "6.1.2-1"));
        Know("debian-security", "Debian-Security", "bookworm-security", ("linux-image-cloud-amd64", "6.1.10-1"));
        (await FetchAsync()).Release.ShouldBe("6.1.0-2");
        _warnings.ShouldHaveSingleItem().ShouldStartWith("kernel cloud-6.1 stays linux-image-6.1.0-2-cloud-amd64 6.1.2-1: linux-image-of-6.1.10-1 6.1.10-1 is out, but it cannot be fetched: kernel.sh: apt cannot use the index");
    }

    [Fact]
    public async Task Of_what_an_image_was_made_from_newer_packages_are_named()
    {
        Know("debian", "Debian", "bookworm", ("old", "1.9-1"), ("same", "2-1"), ("behind", "1-1"));
        Know("debian-security", "Debian-Security", "bookworm-security", ("old", "1.10-1"));
        Know("debian", "Debian Backports", "bookworm-backports", ("same", "3-1"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "packages"), "old 1.9-1\nsame 2-1\nbehind 2-1\nunknown 1-1\n", TestContext.Current.CancellationToken);
        (await RunAsync("bookworm_known \"$1\"; bookworm_newer \"$1/packages\"")).ShouldBe("old 1.10-1\n", "a mirror may be behind, and backports are not asked for");
    }

    [Theory]
    [InlineData("", "http://deb.debian.org/debian/ http://deb.debian.org/debian-security/")]
    [InlineData("debian", $"{Mirror}/debian/ ")]
    [InlineData("debian debian-security", $"{Mirror}/debian/ {Mirror}/debian-security/")]
    public async Task Security_updates_come_from_where_this_machine_has_them(string known, string expected)
    {
        if (known.Length > 0) Know("debian", "Debian", "bookworm");
        if (known.Contains("security", StringComparison.Ordinal)) Know("debian-security", "Debian-Security", "bookworm-security");
        (await RunAsync("bookworm_archives; printf '%s %s' \"$mirror\" \"$security\"")).ShouldBe(expected);
    }

    /// <summary>As apt leaves the index of a suite.</summary>
    private void Know(string archive, string label, string suite, params (string Package, string Version)[] packages)
    {
        File.AppendAllText(Path.Combine(_folder, "sources.list"), $"deb [trusted=yes arch=amd64] {Mirror}/{archive} {suite} main\n");
        string prefix = Path.Combine(_folder, "lists", $"127.0.0.1:9_{archive}_dists_{suite}_");
        string quiet = suite.EndsWith("-backports", StringComparison.Ordinal) ? "NotAutomatic: yes\nButAutomaticUpgrades: yes\n" : string.Empty;
        File.WriteAllText($"{prefix}Release", string.Create(CultureInfo.InvariantCulture, $"Origin: {(label.Contains("Backports", StringComparison.Ordinal) ? label : "Debian")}\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: amd64\n{quiet}Date: Mon, 01 Jun 2026 00:00:00 UTC\nSHA256:\n {new string('0', 64)} 1 main/binary-amd64/Packages\n"));
        File.WriteAllText($"{prefix}main_binary-amd64_Packages", string.Concat(packages.Select(one =>
            $"Package: {one.Package}\nVersion: {one.Version}\nArchitecture: amd64\nMaintainer: nobody\nDepends: linux-image-of-{one.Version} (= {one.Version})\nFilename: pool/{one.Package}.deb\nSize: 1\nSHA256: {new string('0', 64)}\nDescription: made up\n\n")));
    }

    private async Task KeepKernelAsync(string version)
    {
        string kernel = Path.Combine(_folder, "kernels", "cloud-6.1");
        Directory.CreateDirectory(Path.Combine(kernel, "modules", "6.1.0-2"));
        await File.WriteAllTextAsync(Path.Combine(kernel, "vmlinuz"), "a kernel", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(kernel, "package"), $"linux-image-6.1.0-2-cloud-amd64 {version}\n", TestContext.Current.CancellationToken);
    }

    private async Task<KernelPackage> FetchAsync()
    {
        string script = Path.Combine(_folder, "fetch.sh");
        await File.WriteAllTextAsync(script, $"APT_CONFIG={_folder}/apt.conf exec bash {s_scripts}/kernel.sh \"$@\"\n", TestContext.Current.CancellationToken);
        return await KernelPackage.FetchAsync("cloud-6.1", script, Path.Combine(_folder, "kernels"), _warnings.Add, TestContext.Current.CancellationToken);
    }

    private Task<string> RunAsync(string commands) =>
        Tool.RunAsync("bash", ["-euo", "pipefail", "-c", $"export APT_CONFIG=\"$1/apt.conf\"; . {s_scripts}/bookworm.sh; {commands}", "bash", _folder], TestContext.Current.CancellationToken);
}
