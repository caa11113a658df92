using System.Text;
using System.Text.Json;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Jobs;

/// <summary>Shows why a tenant was placed where it is, or nowhere.</summary>
internal static class Explanations
{
    public static string Render(ExplanationView explanation, int? width)
    {
        var text = new StringBuilder();
        text.AppendLine($"{Terminal.Plain(explanation.Tenant)}: {(explanation.Placed ? "placed" : "not placed")}, {Ages.Since(explanation.At)} ago");
        text.AppendLine($"  {Terminal.Plain(explanation.Summary)}");
        Section(text, width, "filters", Items(explanation.Detail, "funnel"),
            new("FILTER", step => Text(step, "filter")), new("NODES LEFT", step => Text(step, "nodes")) { IsRight = true });
        Section(text, width, "refused by", Items(explanation.Detail, "rejections"),
            new("FILTER", rejection => Text(rejection, "filter")), new("DIMENSION", rejection => Text(rejection, "dimension")),
            new("NODES", rejection => Text(rejection, "nodes")) { IsRight = true }, new("WHY", rejection => Text(rejection, "text")) { IsText = true });
        Section(text, width, "would fit", Items(explanation.Detail, "largest"), new Column<JsonElement>("SHAPE", shape => Text(shape, "text")) { IsText = true });
        Section(text, width, "candidates", Items(explanation.Detail, "candidates"),
            new("NODE", candidate => Text(candidate, "node")), new("CELLS", candidate => Text(candidate, "cells")) { IsRight = true },
            new("CACHE DOMAINS", candidate => Text(candidate, "cacheDomains")) { IsRight = true }, new("", candidate => Text(candidate, "taken") == "true" ? "taken" : " "));
        return text.ToString();
    }

    private static void Section(StringBuilder text, int? width, string title, JsonElement[] rows, params IReadOnlyList<Column<JsonElement>> columns)
    {
        if (rows.Length == 0) return;
        text.AppendLine($"  {title}");
        foreach (string line in Table.Render(rows, columns, width - 4, wide: false).Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)) text.AppendLine($"    {line}");
    }

    /// <summary>The members of an explanation differ with how the attempt ended; what is not there is not shown.</summary>
    private static JsonElement[] Items(JsonElement detail, string name) =>
        detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];

    private static string? Text(JsonElement row, string name) =>
        row.ValueKind != JsonValueKind.Object || !row.TryGetProperty(name, out JsonElement value) ? null : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
}
