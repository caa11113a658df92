using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;

namespace Osv.Web.Hosting;

/// <summary>Refuses, before anything looks at it, a body that lacks what its type says it has, and the one character that no text of the database can hold, U+0000.</summary>
internal sealed class BodyCheck : IEndpointFilter
{
    private static readonly ConcurrentDictionary<Type, (PropertyInfo, bool)[]> s_members = new();

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in context.HttpContext.Request.Query)
        {
            if (values.Any(value => value?.Contains('\0', StringComparison.Ordinal) == true)) throw RefusalException.Invalid(name, $"{name} holds the character U+0000: leave it out");
        }
        foreach (object? argument in context.Arguments)
        {
            if (argument is not IRequestBody) continue;
            if (MissingIn(argument) is { } missing) throw RefusalException.Invalid(missing, $"the body lacks {missing}: give it");
            if (FindIn(JsonSerializer.SerializeToUtf8Bytes(argument, argument.GetType(), ApiJson.Options)) is { } member)
            {
                throw RefusalException.Invalid(member, $"{member} holds the character U+0000: leave it out");
            }
        }
        return next(context);
    }

    /// <returns>The path of a member that must be there and is not; null: all are.</returns>
    private static string? MissingIn(object body)
    {
        foreach ((PropertyInfo property, bool required) in s_members.GetOrAdd(body.GetType(), Members))
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            object? value = property.GetValue(body);
            if (value is null && required) return name;
            string? inner = value switch
            {
                null or string => null,
                IEnumerable items => items.OfType<object>().Where(IsOurs).Select(MissingIn).FirstOrDefault(path => path is not null),
                _ => IsOurs(value) ? MissingIn(value) : null,
            };
            if (inner is not null) return $"{name}.{inner}";
        }
        return null;
    }

    private static bool IsOurs(object value) => value.GetType() is { IsEnum: false, Namespace: { } space } && space.StartsWith("Osv.", StringComparison.Ordinal);

    /// <summary>Members that may hold nothing or something of ours, with whether they are never null when the type is used as it says.</summary>
    private static (PropertyInfo, bool)[] Members(Type type)
    {
        var nullability = new NullabilityInfoContext();
        return [.. type.GetProperties().Where(property => !property.PropertyType.IsValueType && property.GetIndexParameters().Length == 0).Select(property => (property, nullability.Create(property).ReadState == NullabilityState.NotNull))];
    }

    /// <returns>The name of the member, or of the one around it; null: there is no such character.</returns>
    private static string? FindIn(byte[] json)
    {
        var reader = new Utf8JsonReader(json);
        string member = "";
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName)) continue;
            string text = reader.GetString()!;
            if (text.Contains('\0', StringComparison.Ordinal)) return member;
            if (reader.TokenType == JsonTokenType.PropertyName) member = text;
        }
        return null;
    }
}
