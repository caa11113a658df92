using System.Text.Json;
using System.Text.Json.Serialization;

namespace Osv.Web.Hosting;

/// <summary>How the API writes JSON: camelCase names, enumerations by the name they have everywhere else, unknown members refused, and null where a value must be.</summary>
public static class ApiJson
{
    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    public static JsonSerializerOptions Apply(JsonSerializerOptions options)
    {
        options.Converters.Add(new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false));
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        return options;
    }
}
