using System.Diagnostics;
using System.Text.Json;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

/// <summary>How a command ended.</summary>
public sealed record Outcome(int Status, string Output, string Error)
{
    public JsonElement Json => JsonElement.Parse(Output);

    /// <summary>Fails the test unless the command succeeded.</summary>
    public Outcome Succeeded()
    {
        Status.ShouldBe(0, Error);
        return this;
    }

    /// <summary>Fails the test unless the command failed with one sentence.</summary>
    public string Refused(int status = 1)
    {
        Status.ShouldBe(status, Output + Error);
        string last = Error.TrimEnd().Split('\n')[^1];
        last.ShouldStartWith("osv: ");
        return last;
    }
}

/// <summary>Somebody at a shell: a home of their own, and the osv command.</summary>
public sealed class Osv : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("osv-cli-").FullName;
    private readonly Dictionary<string, string> _environment = [];

    /// <param name="server">Value of OSV_SERVER; null: not set.</param>
    /// <param name="token">Value of OSV_TOKEN; null: not set.</param>
    public Osv(Uri? server = null, string? token = null)
    {
        if (server is not null) _environment["OSV_SERVER"] = server.ToString();
        if (token is not null) _environment["OSV_TOKEN"] = token;
    }

    /// <summary>The administrator of a site.</summary>
    public static Osv Administrator(Site site) => new(site.Address, site.Administrator.Token);

    public string Credentials => Path.Combine(_home, ".config", "osv", "credentials.json");

    public string Home => _home;

    /// <summary>A variable of the environment.</summary>
    public string this[string variable]
    {
        set => _environment[variable] = value;
    }

    /// <summary>A shell script in the home that can be run.</summary>
    public string Program(string name, string script)
    {
        string path = File(name, System.Text.Encoding.UTF8.GetBytes($"#!/bin/sh\n{script}\n"));
        System.IO.File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>A file in the home.</summary>
    public string File(string name, byte[] content)
    {
        string path = Path.Combine(_home, name);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    public Task<Outcome> RunAsync(params string[] arguments) => RunAsync(null, arguments);

    /// <param name="input">Standard input; null: empty.</param>
    public async Task<Outcome> RunWithAsync(string? input, params string[] arguments) => await RunAsync(input, arguments);

    /// <summary>Starts a command that goes on; the caller ends it.</summary>
    public Process Start(params string[] arguments) => StartProgram("dotnet", [Path.Combine(AppContext.BaseDirectory, "osv.dll"), .. arguments]);

    public Process StartProgram(string program, params string[] arguments)
    {
        // A shell without job control starts what it puts into the background with SIGINT ignored, and that is inherited: here Ctrl-C is to be heard.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string variable in new[] { "OSV_SERVER", "OSV_TOKEN", "XDG_CONFIG_HOME" }) start.Environment.Remove(variable);
        start.Environment["HOME"] = _home;
        start.Environment["OSV_ROOT"] = _home;
        foreach ((string name, string value) in _environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static async Task<Outcome> EndAsync(Process process)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), error = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return new Outcome(process.ExitCode, await output, await error);
    }

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private async Task<Outcome> RunAsync(string? input, string[] arguments)
    {
        using Process process = Start(arguments);
        if (input is not null) await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        return await EndAsync(process);
    }
}
