using Osv.Cli.ApiGenerator;

namespace Osv.Cli.UnitTests;

public sealed class GeneratorTests
{
    private const string Document =
        """
        {
          "paths": {
            "/api/v1/things/{thing}": {
              "put": {
                "operationId": "SetThing", "summary": "Set <it>",
                "parameters": [
                  { "name": "thing", "in": "path", "required": true, "schema": { "type": "string" } },
                  { "name": "state", "in": "query", "schema": { "$ref": "#/components/schemas/Colour" } },
                  { "name": "If-Match", "in": "header", "schema": { "type": "string" } },
                  { "name": "Idempotency-Key", "in": "header", "schema": { "type": "string" } }
                ],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Wish" } } } },
                "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } } }
              }
            }
          },
          "components": { "schemas": {
            "Colour": { "enum": ["Red", "Green", null] },
            "Wish": { "required": ["name", "limit"], "properties": { "name": { "type": "string" }, "limit": { "type": ["null", "integer"], "format": "int64" }, "colour": { "$ref": "#/components/schemas/Colour" } } },
            "Thing": { "properties": { "colour": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Colour" }] }, "at": { "type": "string", "format": "date-time" }, "labels": { "type": "object", "additionalProperties": { "type": "string" } } } },
            "PageOfThing": { "properties": { "items": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } }, "nextCursor": { "type": ["null", "string"] } } }
          } }
        }
        """;

    private static readonly string s_client = ClientWriter.Write(ApiDocument.Read(Document));

    [Fact]
    public void An_operation_is_a_method_with_its_path_query_body_and_key() =>
        s_client.ShouldContain(
            """
                /// <summary>Set &lt;it&gt;</summary>
                public Task<Reply<Thing>> SetThingAsync(string thing, Wish body, string? state, CancellationToken cancel) =>
                    connection.SendAsync(HttpMethod.Put, ApiConnection.Address($"/api/v1/things/{ApiConnection.Escape(thing)}", ("state", state)), ApiConnection.Json(body, ApiJson.Default.Wish), true, ApiJson.Default.Thing, cancel);
            """);

    [Fact]
    public void What_a_request_may_leave_out_is_left_out_and_what_it_must_say_is_said()
    {
        s_client.ShouldContain("    public required string Name { get; init; }");
        s_client.ShouldContain("    public long? Limit { get; init; }");
        s_client.ShouldContain("    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Colour { get; init; }");
    }

    [Fact]
    public void Every_member_of_an_answer_is_there_unless_it_may_be_null()
    {
        s_client.ShouldContain("    public required DateTimeOffset At { get; init; }");
        s_client.ShouldContain("    public required Dictionary<string, string> Labels { get; init; }");
        s_client.ShouldContain("internal sealed record PageOfThing : IPage<Thing>");
    }

    [Fact]
    public void Enumerations_are_texts_so_that_a_new_one_breaks_no_old_client() => s_client.ShouldContain("All { get; } = [Red, Green];");

    [Fact]
    public void What_no_client_can_be_made_of_stops_the_build() =>
        Should.Throw<NotSupportedException>(() => ApiDocument.Read(Document.Replace("\"format\": \"date-time\"", "\"x\": 1", StringComparison.Ordinal).Replace("\"type\": \"string\", \"x\"", "\"type\": \"file\", \"x\"", StringComparison.Ordinal)));
}
