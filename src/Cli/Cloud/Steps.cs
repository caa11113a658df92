using System.Diagnostics;
using System.Globalization;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Cloud;

/// <summary>Shows long work step by step: what each waits for while it runs, and how it ended.</summary>
internal sealed class Steps
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>In the order they came, and whether they were shown; steps repeat some.</summary>
    private readonly List<string> _warnings = [];
    private int _shown;

    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>Shown, once, when the step that runs has ended.</summary>
    public void Warn(string warning)
    {
        if (!_warnings.Contains(warning)) _warnings.Add(warning);
    }

    /// <param name="name">What is done.</param>
    /// <param name="work">Says meanwhile what it waits for; returns how it ended.</param>
    public async Task RunAsync(string name, Func<Step, Task<string>> work)
    {
        string end;
        using (var progress = new Progress())
        {
            end = await work(new Step(name, progress)).ConfigureAwait(false);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed.TotalSeconds,6:0.0} s  {name}: {end}"));
        for (; _shown < _warnings.Count; _shown++) await Console.Error.WriteLineAsync($"warning: {Terminal.Plain(_warnings[_shown])}").ConfigureAwait(false);
    }
}

/// <summary>One step while it runs.</summary>
internal sealed record Step(string Name, Progress Progress)
{
    public void Say(string detail) => Progress.Report($"{Name}: {detail}");
}
