using System.Text.Json;

namespace Osv.Cli.ApiGenerator;

/// <summary>A type as C# writes it, without the question mark.</summary>
internal sealed record TypeReference(string Name, bool Nullable)
{
    public override string ToString() => Nullable ? $"{Name}?" : Name;

    public static string NameIn(string reference) => reference[(reference.LastIndexOf('/') + 1)..];

    /// <param name="enumerations">Names of the enumerations, which are strings here: a client must not fail over a state that it does not know.</param>
    public static TypeReference Read(JsonElement schema, IReadOnlySet<string> enumerations)
    {
        if (schema.TryGetProperty("$ref", out JsonElement reference))
        {
            string name = NameIn(reference.GetString()!);
            return new TypeReference(enumerations.Contains(name) ? "string" : name, false);
        }
        if (schema.TryGetProperty("oneOf", out JsonElement choices))
        {
            JsonElement[] real = [.. choices.EnumerateArray().Where(choice => !(choice.TryGetProperty("type", out JsonElement kind) && kind.ValueEquals("null")))];
            if (real.Length != 1) throw new NotSupportedException($"a choice of {real.Length} types: teach src/Cli.ApiGenerator");
            return Read(real[0], enumerations) with { Nullable = true };
        }
        if (!schema.TryGetProperty("type", out JsonElement type)) return new TypeReference("JsonElement", false);
        string[] types = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(item => item.GetString()!)] : [type.GetString()!];
        string format = schema.TryGetProperty("format", out JsonElement given) ? given.GetString()! : "";
        string written = (types.Single(item => item != "null"), format) switch
        {
            ("string", "uuid") => "Guid",
            ("string", "date-time") => "DateTimeOffset",
            ("string", _) => "string",
            ("integer", "int64") => "long",
            ("integer", _) => "int",
            ("number", _) => "double",
            ("boolean", _) => "bool",
            ("array", _) => $"IReadOnlyList<{Read(schema.GetProperty("items"), enumerations)}>",
            ("object", _) when schema.TryGetProperty("additionalProperties", out JsonElement values) && values.ValueKind == JsonValueKind.Object => $"Dictionary<string, {Read(values, enumerations)}>",
            (var kind, _) => throw new NotSupportedException($"the type {kind}: teach src/Cli.ApiGenerator"),
        };
        return new TypeReference(written, types.Contains("null"));
    }
}
