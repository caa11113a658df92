using System.CommandLine.Parsing;
using System.Globalization;

namespace Osv.Cli.CommandLine;

/// <summary>Sizes of memory as people write them: 512MiB, 2GiB, 1.5G, 1073741824. Units are binary.</summary>
internal static class Sizes
{
    private static readonly (string Unit, int Shift)[] s_units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

    /// <returns>Bytes; null: no size.</returns>
    public static long? Parse(string text)
    {
        string unit = new(text.AsSpan().TrimStart("0123456789."));
        string number = text[..^unit.Length];
        unit = unit.TrimStart();
        int? shift = unit is "" or "B" ? 0 : s_units.Where(known => unit.Equals(known.Unit, StringComparison.OrdinalIgnoreCase) || unit.Equals(known.Unit[..1], StringComparison.OrdinalIgnoreCase)).Select(known => (int?)known.Shift).FirstOrDefault();
        if (shift is null || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count) || count > long.MaxValue >> shift) return null;
        decimal bytes = count * (1L << shift.Value);
        return bytes == decimal.Truncate(bytes) ? (long)bytes : null;
    }

    /// <summary>In the largest unit that leaves at least 1, with a decimal where it is not whole.</summary>
    public static string Format(long bytes)
    {
        foreach ((string unit, int shift) in s_units)
        {
            if (bytes >= 1L << shift) return string.Create(CultureInfo.InvariantCulture, $"{(double)bytes / (1L << shift):0.#}{unit}");
        }
        return string.Create(CultureInfo.InvariantCulture, $"{bytes}B");
    }

    /// <summary>For an option or argument.</summary>
    public static long? Parse(ArgumentResult argument)
    {
        string text = argument.Tokens[0].Value;
        if (Parse(text) is { } bytes) return bytes;
        argument.AddError($"'{text}' is no size: write bytes, or a number with KiB, MiB, GiB or TiB as in 512MiB");
        return null;
    }
}
