using System.Text.Json;
using System.Text.Json.Serialization;

namespace Osv.Cli.Bench;

/// <summary>One figure of a benchmark.</summary>
/// <param name="Bound">The figure passes when it is at most this; null: it is told, not judged.</param>
/// <param name="Detail">How it was come by: spread, number of runs, what is in it.</param>
public sealed record Figure(string Name, double Value, string Unit, double? Bound, string Detail)
{
    public bool Passed => Bound is not { } bound || Value <= bound;
}

/// <summary>What a benchmark leaves under artifacts/bench. This file is compiled into the benchmarks and into the command that shows it.</summary>
/// <param name="Machine">What the figures were measured on, in words.</param>
public sealed record BenchReport(string Name, string Machine, IReadOnlyList<Figure> Figures)
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    [JsonIgnore]
    public bool Passed => Figures.Count > 0 && Figures.All(figure => figure.Passed);

    public void Write(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, JsonSerializer.Serialize(this, s_options));
    }

    /// <summary>Throws <see cref="JsonException"/> when the file holds something else.</summary>
    public static BenchReport Read(string file) =>
        JsonSerializer.Deserialize<BenchReport>(File.ReadAllText(file), s_options) ?? throw new JsonException($"{file} is empty");
}
