using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Osv.Data;

/// <summary>Rules that hold for every table.</summary>
internal static class Conventions
{
    /// <summary>2 MiB, the unit of memory.</summary>
    public const long MemoryUnitBytes = 2 << 20;

    public static void Apply(ModelBuilder builder)
    {
        foreach (IMutableEntityType entity in builder.Model.GetEntityTypes().ToArray())
        {
            EntityTypeBuilder table = builder.Entity(entity.ClrType);
            if (entity.ClrType.IsAssignableTo(typeof(IVersioned)))
            {
                table.Property<uint>(nameof(IVersioned.RowVersion)).HasColumnName("xmin").IsRowVersion();
            }
            string name = entity.GetTableName()!;
            foreach (IMutableProperty property in entity.GetProperties().ToArray())
            {
                Type type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
                string column = property.GetColumnName();
                if (type.IsEnum)
                {
                    property.SetProviderClrType(typeof(string));
                    string values = string.Join(", ", Enum.GetNames(type).Select(value => $"'{value}'"));
                    table.ToTable(t => t.HasCheckConstraint($"ck_{name}_{column}", $"{column} IN ({values})"));
                }
                else if (type == typeof(byte[]) && column.EndsWith("sha256", StringComparison.Ordinal))
                {
                    table.ToTable(t => t.HasCheckConstraint($"ck_{name}_{column}", $"octet_length({column}) = 32"));
                }
                else if (type == typeof(Dictionary<string, string>))
                {
                    property.SetColumnType("jsonb");
                    property.SetValueConverter(new ValueConverter<Dictionary<string, string>, string>(value => Write(value), text => Read(text)));
                    property.SetValueComparer(new ValueComparer<Dictionary<string, string>>((a, b) => Same(a, b), value => Write(value).GetHashCode(StringComparison.Ordinal), value => new Dictionary<string, string>(value)));
                }
            }
        }
    }

    /// <summary>A check that a stretch of memory consists of whole units.</summary>
    public static readonly string WholeUnits = $"start_address >= 0 AND start_address % {MemoryUnitBytes} = 0 AND size_bytes > 0 AND size_bytes % {MemoryUnitBytes} = 0";

    private static string Write(Dictionary<string, string> value) => JsonSerializer.Serialize(new SortedDictionary<string, string>(value, StringComparer.Ordinal));

    private static Dictionary<string, string> Read(string text) => JsonSerializer.Deserialize<Dictionary<string, string>>(text)!;

    private static bool Same(Dictionary<string, string>? a, Dictionary<string, string>? b) => ReferenceEquals(a, b) || (a is not null && b is not null && Write(a) == Write(b));
}
