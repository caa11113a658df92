using System.Text.Json;

namespace Osv.Cli.ApiGenerator;

/// <summary>The part of an OpenAPI 3.1 document that a client is made of.</summary>
/// <param name="Schemas">Objects and enumerations by name.</param>
internal sealed record ApiDocument(IReadOnlyList<ApiSchema> Schemas, IReadOnlyList<ApiOperation> Operations)
{
    /// <exception cref="NotSupportedException">The document uses something that no client can be made of yet.</exception>
    public static ApiDocument Read(string text)
    {
        JsonElement root = JsonElement.Parse(text);
        Dictionary<string, JsonElement> raw = root.GetProperty("components").GetProperty("schemas").EnumerateObject().ToDictionary(schema => schema.Name, schema => schema.Value);
        var enumerations = raw.Where(schema => schema.Value.TryGetProperty("enum", out _)).Select(schema => schema.Key).ToHashSet();
        ApiOperation[] operations =
        [
            .. from path in root.GetProperty("paths").EnumerateObject()
               from operation in path.Value.EnumerateObject()
               select ApiOperation.Read(path.Name, operation.Name, operation.Value, enumerations),
        ];
        HashSet<string> asked = Reachable(raw, operations.Select(operation => operation.Body).OfType<string>());
        ApiSchema[] schemas = [.. raw.Select(schema => ApiSchema.Read(schema.Key, schema.Value, asked.Contains(schema.Key), enumerations)).OfType<ApiSchema>()];
        return new ApiDocument(schemas, operations);
    }

    /// <summary>The names given and all that their schemas refer to.</summary>
    private static HashSet<string> Reachable(Dictionary<string, JsonElement> raw, IEnumerable<string> from)
    {
        var seen = new HashSet<string>();
        var open = new Stack<string>(from);
        while (open.TryPop(out string? name))
        {
            if (!raw.TryGetValue(name, out JsonElement schema) || !seen.Add(name)) continue;
            foreach (string next in References(schema)) open.Push(next);
        }
        return seen;
    }

    private static IEnumerable<string> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member => member.NameEquals("$ref") ? [TypeReference.NameIn(member.Value.GetString()!)] : References(member.Value)),
        _ => [],
    };
}

/// <summary>An enumeration (values, no members) or an object.</summary>
internal sealed record ApiSchema(string Name, IReadOnlyList<string> Values, IReadOnlyList<ApiMember> Members)
{
    /// <summary>Null for what is written with a type of the base library.</summary>
    /// <param name="asked">Part of a request: members that are not required may be left out, and the server has its own default. In an answer every member is there.</param>
    public static ApiSchema? Read(string name, JsonElement schema, bool asked, IReadOnlySet<string> enumerations)
    {
        if (schema.TryGetProperty("enum", out JsonElement values))
        {
            return new ApiSchema(name, [.. values.EnumerateArray().Where(value => value.ValueKind == JsonValueKind.String).Select(value => value.GetString()!)], []);
        }
        // Forms with files are written by hand.
        if (!schema.TryGetProperty("properties", out JsonElement properties) || name == "UploadForm") return null;
        HashSet<string> required = schema.TryGetProperty("required", out JsonElement list) ? [.. list.EnumerateArray().Select(item => item.GetString()!)] : [];
        return new ApiSchema(name, [], [.. properties.EnumerateObject().Select(property =>
        {
            TypeReference type = TypeReference.Read(property.Value, enumerations);
            bool optional = asked && !required.Contains(property.Name) || name == "ProblemDetails";
            return new ApiMember(property.Name, type with { Nullable = type.Nullable || optional }, IsOptional: optional);
        })]);
    }
}

/// <param name="IsOptional">Left out where it is null.</param>
internal sealed record ApiMember(string Name, TypeReference Type, bool IsOptional);

/// <param name="In">path or query.</param>
internal sealed record ApiParameter(string Name, string In, TypeReference Type);

/// <param name="Body">Schema of the JSON body; null: none.</param>
/// <param name="IsForm">The body is a form with files.</param>
/// <param name="Result">Of the answer's JSON; null: none.</param>
/// <param name="IsStream">The answer is a stream of events.</param>
/// <param name="IsIdempotent">May be repeated with the same key.</param>
internal sealed record ApiOperation(string Name, string Method, string Path, string Summary, IReadOnlyList<ApiParameter> Parameters, string? Body, bool IsForm, TypeReference? Result, bool IsStream, bool IsIdempotent)
{
    public static ApiOperation Read(string path, string method, JsonElement operation, IReadOnlySet<string> enumerations)
    {
        string name = operation.GetProperty("operationId").GetString()!;
        JsonElement[] parameters = operation.TryGetProperty("parameters", out JsonElement given) ? [.. given.EnumerateArray()] : [];
        (string? body, bool form) = ReadBody(name, operation);
        JsonProperty answer = operation.GetProperty("responses").EnumerateObject().First(response => response.Name.StartsWith('2'));
        bool json = answer.Value.TryGetProperty("content", out JsonElement content) && content.TryGetProperty("application/json", out content);
        return new ApiOperation(
            name, method, path,
            operation.TryGetProperty("summary", out JsonElement summary) ? summary.GetString()! : name,
            [.. parameters.Where(parameter => In(parameter) is "path" or "query").Select(parameter => new ApiParameter(
                parameter.GetProperty("name").GetString()!, In(parameter), TypeReference.Read(parameter.GetProperty("schema"), enumerations) with { Nullable = In(parameter) == "query" }))],
            body, form,
            json ? TypeReference.Read(content.GetProperty("schema"), enumerations) : null,
            !json && answer.Name == "200",
            parameters.Any(parameter => parameter.GetProperty("name").ValueEquals("Idempotency-Key")));

        static string In(JsonElement parameter) => parameter.GetProperty("in").GetString()!;
    }

    private static (string? Schema, bool IsForm) ReadBody(string name, JsonElement operation)
    {
        if (!operation.TryGetProperty("requestBody", out JsonElement body)) return (null, false);
        JsonElement content = body.GetProperty("content");
        if (content.TryGetProperty("multipart/form-data", out _)) return (null, true);
        if (content.TryGetProperty("application/json", out JsonElement json) && json.GetProperty("schema").TryGetProperty("$ref", out JsonElement reference)) return (TypeReference.NameIn(reference.GetString()!), false);
        throw new NotSupportedException($"the body of {name} is neither a form nor a JSON object with a name: teach src/Cli.ApiGenerator");
    }
}
