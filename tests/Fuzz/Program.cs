using System.Globalization;
using Osv.Fuzz;
using Osv.Fuzz.Engine;

return args switch
{
    ["list"] => CommandLine.List(),
    ["run", .. var options] => await CommandLine.RunAsync(options).ConfigureAwait(false),
    ["replay", var target, .. var files] => await CommandLine.ReplayAsync(target, files).ConfigureAwait(false),
    ["minimise", .. var targets] => await CommandLine.MinimiseAsync(targets).ConfigureAwait(false),
    // The instrumented copy's side of the above.
    ["drive", var target, .. var options] => LibFuzzer.Run(LibFuzzer.SetUp(target), options),
    ["cover", var target, var list] => Cover(LibFuzzer.SetUp(target), list),
    _ => CommandLine.Usage(),
};

static int Cover(FuzzTarget target, string list)
{
    (int edges, TimeSpan elapsed) = LibFuzzer.Replay(target, File.ReadLines(list));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"edges {edges} seconds {elapsed.TotalSeconds:F3}"));
    return 0;
}
