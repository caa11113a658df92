using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Osv.Database.Testing;

namespace Osv.Web.Tests;

/// <summary>
/// Asks every endpoint for nonsense that is made from the API's own description: whatever is wrong with a request, it is refused with a reason, changes
/// nothing and is on record.
/// </summary>
public sealed class FuzzTests(Site site)
{
    private const string Secret = "correct horse battery";

    /// <summary>Everything that people can change; what only counts or remembers is left out.</summary>
    private static readonly string[] Tables =
    [
        "projects", "project_members", "project_quotas", "images", "contents", "nodes", "node_desired", "node_lifecycles", "tenants", "tenant_desired", "tenant_lifecycles",
        "placement_jobs", "job_replicas", "job_schedules", "placements", "users",
    ];

    private static readonly string[] WrongText = ["", "%00", "..%2F..%2Fetc%2Fpasswd", "'%3B%20DROP%20TABLE%20tenants%3B--", "00000000-0000-0000-0000-000000000000", "-1", "99999999999999999999", "%ED%A0%80", new('x', 3000)];

    /// <summary>JSON that no member of a body expects, or not with that size.</summary>
    private static readonly string[] WrongJson =
    [
        "null", "true", "-1", "1e400", "99999999999999999999999", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\"' OR 1=1 --\"", "[]", "[null]", "{}", "{\"a\":{\"b\":null}}",
        "\"" + new string('x', 70_000) + "\"",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_is_wrong_with_a_request_it_is_refused_with_a_reason_changes_nothing_and_is_on_record()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        // Thousands of entries of the audit log need not survive a loss of power.
        await database.ExecuteAsync($"ALTER DATABASE {database.Name} SET synchronous_commit = off");
        await using WebApplication host = await site.StartOnAsync(database, "--Osv:FirstAdministrator=fuzzer");
        using Api administrator = await AdministratorAsync(database, host);
        JsonObject description = JsonNode.Parse((await administrator.GetAsync("/openapi/v1.json")).Text)!.AsObject();
        await FurnishAsync(administrator);
        var defects = new List<string>();
        int asked = 0, refused = 0;
        await CountChangesAsync(database);
        string state = await StateAsync(database);
        long changed = await ChangesAsync(database);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, Expect100ContinueTimeout = TimeSpan.FromSeconds(30) }) { BaseAddress = new Uri(host.Urls.Single()), Timeout = TimeSpan.FromSeconds(30) };
        long entries = await EntriesAsync(database);
        // What deletes comes last: nothing here should get so far, but then the others still had something to break.
        foreach (EndpointCase test in EndpointCase.All.Where(test => !test.Path.StartsWith("/metrics", StringComparison.Ordinal) && !test.Path.StartsWith("/hangfire", StringComparison.Ordinal)).OrderBy(test => test.Method == "DELETE"))
        {
            foreach ((string what, HttpRequestMessage request) in Requests(test, Operation(description, test.Endpoint), description))
            {
                using HttpRequestMessage sent = request;
                // What is too large is refused unread; whoever sends it without asking may find the connection closed before the answer.
                sent.Headers.ExpectContinue = sent.Content?.Headers.ContentLength > 1 << 20;
                sent.Headers.Authorization ??= new AuthenticationHeaderValue("Bearer", administrator.Token);
                using HttpResponseMessage answer = await http.SendAsync(sent, HttpCompletionOption.ResponseHeadersRead, Cancel);
                int status = (int)answer.StatusCode;
                asked++;
                if (status >= 500) defects.Add($"{test.Endpoint}, {what}: {status} {await answer.Content.ReadAsStringAsync(Cancel)}");
                bool changes = test.Method != "GET";
                long changedNow = changes ? await ChangesAsync(database) : changed;
                // Something was written at least for a while; what was rolled back is no change.
                string now = changedNow != changed ? await StateAsync(database) : state;
                long written = changes ? await EntriesAsync(database) : entries;
                if (status >= 400)
                {
                    refused++;
                    string text = await answer.Content.ReadAsStringAsync(Cancel);
                    if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json" || JsonNode.Parse(text)!["detail"] is null) defects.Add($"{test.Endpoint}, {what}: {status} without a reason: {text}");
                    if (now != state) defects.Add($"{test.Endpoint}, {what}: {status} and yet it changed something");
                    if (changes && written == entries) defects.Add($"{test.Endpoint}, {what}: {status} is not in the audit log");
                }
                (state, entries, changed) = (now, written, changedNow);
            }
        }
        defects.ShouldBeEmpty();
        TestContext.Current.SendDiagnosticMessage($"{asked} requests, {refused} refused");
        asked.ShouldBeGreaterThan(1000);
        refused.ShouldBeGreaterThan(asked / 2, "hardly anything was refused: the requests are not wrong any more");
        (await administrator.GetAsync("/api/v1/audit/verify")).Json.GetProperty("intact").GetBoolean().ShouldBeTrue();
        await host.StopAsync(Cancel);
    }

    /// <summary>Requests that are wrong in one thing each.</summary>
    private static IEnumerable<(string What, HttpRequestMessage Request)> Requests(EndpointCase test, JsonObject? operation, JsonObject description)
    {
        string path = Fill(test.Path);
        string[] segments = test.Path.Split('?')[0].Split('/');
        // Kestrel itself answers a path with U+0000.
        foreach (string wrong in WrongText.Where(text => text is not ("" or "%00")))
        {
            for (int i = 2; i < segments.Length; i++)
            {
                // Only what names a thing; a request for a word that is no endpoint says nothing about this one.
                if (!IsName(segments[i], i, segments)) continue;
                string[] changed = [.. Fill(test.Path.Split('?')[0]).Split('/')];
                changed[i] = wrong;
                yield return ($"path {i} = {Short(wrong)}", Request(test, string.Join('/', changed) + Query(path), Body(test)));
            }
        }
        foreach (JsonNode? parameter in operation?["parameters"]?.AsArray() ?? [])
        {
            string name = parameter!["name"]!.GetValue<string>(), place = parameter["in"]!.GetValue<string>();
            foreach (string wrong in WrongText)
            {
                if (place == "query") yield return ($"query {name} = {Short(wrong)}", Request(test, $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{name}={wrong}", Body(test)));
                if (place != "header" || wrong.Contains('%', StringComparison.Ordinal) || wrong.Length == 0) continue;
                // A key that is used once more for another request, or a tag of something that is no longer so.
                HttpRequestMessage request = Request(test, path, Body(test));
                request.Headers.TryAddWithoutValidation(name, name == "If-Match" ? $"\"{wrong}\"" : wrong);
                yield return ($"header {name} = {Short(wrong)}", request);
            }
        }
        if (test.Body is null && !test.Multipart) yield break;
        foreach ((string what, string body) in new[]
        {
            ("no JSON", "{"), ("nothing", ""), ("null", "null"), ("a list", "[]"), ("a word", "\"x\""), ("a number", "1e999"), ("too deep", new string('[', 200)), ("too large", "{\"name\":\"" + new string('x', 2 << 20) + "\"}"),
            ("no UTF-8", "{\"name\":\"\xFF\xFE\"}"), ("a member that nobody knows", "{\"nobodyKnowsThis\":1}"), ("a comment", "{/* */}"),
        })
        {
            yield return (what, Request(test, path, new ByteArrayContent(what == "no UTF-8" ? Encoding.Latin1.GetBytes(body) : Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } }));
        }
        yield return ("another content type", Request(test, path, new StringContent("name=x", Encoding.UTF8, "application/x-www-form-urlencoded")));
        if (test.Body is null) yield break;
        JsonObject right = JsonNode.Parse(Fill(JsonSerializer.Serialize(test.Body)))!.AsObject();
        foreach ((string member, JsonNode? schema) in Members(operation, description))
        {
            foreach (string wrong in WrongJson)
            {
                yield return ($"{member} = {Short(wrong)}", Request(test, path, Json(With(right, member, wrong))));
            }
            foreach ((string inner, _) in MembersOf(schema, description))
            {
                foreach (string wrong in WrongJson)
                {
                    string outer = With(right[member] as JsonObject ?? [], inner, wrong);
                    yield return ($"{member}.{inner} = {Short(wrong)}", Request(test, path, Json(With(right, member, outer))));
                }
            }
            yield return ($"without {member}", Request(test, path, Json(Without(right, member))));
            yield return ($"{member} twice", Request(test, path, Json($"{{\"{member}\":1,{right.ToJsonString()[1..]}")));
        }
    }

    private static bool IsName(string segment, int index, string[] segments) => segment.Contains('{', StringComparison.Ordinal) || (index == 2 && segments.Length > 2) || (index == 4 && segments[3] == "members");

    private static string Fill(string text) => text.Replace("{p}", "fuzzed", StringComparison.Ordinal).Replace("{n}", "fuzzed", StringComparison.Ordinal).Replace("{u}", Site.Unique("x"), StringComparison.Ordinal).Replace("{t}", Guid.NewGuid().ToString(), StringComparison.Ordinal);

    private static string Query(string path) => path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? path[at..] : "";

    private static HttpContent? Body(EndpointCase test) => test.Multipart ? Uploads.Form("", null, null) : test.Body is null ? null : Json(Fill(JsonSerializer.Serialize(test.Body)));

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    /// <summary>The text of an object with a member replaced or added: such members need not be JSON that a writer would write.</summary>
    private static string With(JsonObject right, string member, string wrong)
    {
        JsonObject rest = right.DeepClone().AsObject();
        rest.Remove(member);
        return rest.Count == 0 ? $"{{\"{member}\":{wrong}}}" : $"{{\"{member}\":{wrong},{rest.ToJsonString()[1..]}";
    }

    private static string Without(JsonObject right, string member)
    {
        JsonObject rest = right.DeepClone().AsObject();
        rest.Remove(member);
        return rest.ToJsonString();
    }

    private static HttpRequestMessage Request(EndpointCase test, string path, HttpContent? content) => new(new HttpMethod(test.Method), "/api/v1" + path) { Content = content };

    private static JsonObject? Operation(JsonObject description, string name) =>
        description["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value as JsonObject).FirstOrDefault(operation => operation?["operationId"]?.GetValue<string>() == name);

    private static IEnumerable<(string Name, JsonNode? Schema)> Members(JsonObject? operation, JsonObject description) => MembersOf(operation?["requestBody"]?["content"]?["application/json"]?["schema"], description);

    private static IEnumerable<(string Name, JsonNode? Schema)> MembersOf(JsonNode? schema, JsonObject description)
    {
        if (schema?["oneOf"] is JsonArray choices) schema = choices.FirstOrDefault(choice => choice?["$ref"] is not null);
        if (schema?["$ref"]?.GetValue<string>() is { } reference) schema = description["components"]!["schemas"]![reference.Split('/')[^1]];
        return schema?["properties"] is JsonObject properties ? properties.Select(property => (property.Key, property.Value)) : [];
    }

    private static string Short(string text) => text.Length <= 40 ? text : $"{text[..40]}... ({text.Length})";

    private static async Task<string> StateAsync(TestDatabase database) => await database.QueryAsync<string>(
        "SELECT md5(concat(" + string.Join(", ", Tables.Select(table => $"(SELECT md5(string_agg(to_jsonb(r)::text, '' ORDER BY to_jsonb(r)::text)) FROM {table} r)")) + "))");

    /// <summary>Lets the database count statements that write to the tables, which costs less than comparing them.</summary>
    private static async Task CountChangesAsync(TestDatabase database)
    {
        await database.ExecuteAsync("CREATE SEQUENCE fuzz_changes; CREATE FUNCTION fuzz_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('fuzz_changes'); RETURN NULL; END $$");
        foreach (string table in Tables) await database.ExecuteAsync($"CREATE TRIGGER fuzz_change AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION fuzz_change()");
    }

    private static Task<long> ChangesAsync(TestDatabase database) => database.QueryAsync<long>("SELECT last_value FROM fuzz_changes");

    private static Task<long> EntriesAsync(TestDatabase database) => database.QueryAsync<long>("SELECT sequence FROM audit_heads");

    private static async Task<Api> AdministratorAsync(TestDatabase database, WebApplication host)
    {
        // The printed password goes to standard output, which belongs to other tests.
        var users = (Microsoft.AspNetCore.Identity.IPasswordHasher<Osv.Data.Access.OsvUser>)host.Services.GetService(typeof(Microsoft.AspNetCore.Identity.IPasswordHasher<Osv.Data.Access.OsvUser>))!;
        await database.ExecuteAsync("UPDATE users SET password_hash = $1 WHERE user_name = 'fuzzer'", users.HashPassword(null!, Secret));
        using var anyone = new Api(new Uri(host.Urls.Single()), null);
        Answer login = await anyone.PostAsync("/api/v1/login", new { userName = "fuzzer", password = Secret });
        login.Status.ShouldBe(200, login.Text);
        return new Api(new Uri(host.Urls.Single()), login.Json.GetProperty("token").GetString());
    }

    /// <summary>What the requests are about.</summary>
    private static async Task FurnishAsync(Api administrator)
    {
        await MakeAsync("/api/v1/projects", new { name = "fuzzed" });
        await MakeAsync("/api/v1/images", Uploads.Form("linux", "fuzzed", TestKernel.Make()));
        await MakeAsync("/api/v1/tenants", new { name = "subject", project = "fuzzed", image = "linux", cores = 1, memoryBytes = 1L << 30 });
        await MakeAsync("/api/v1/jobs", new { name = "batch", project = "fuzzed", template = EndpointCase.Shape });
        await MakeAsync("/api/v1/jobs", new { name = "nightly", project = "fuzzed", template = EndpointCase.Shape, schedule = new { cron = "0 2 * * *" } });
        await MakeAsync("/api/v1/users", new { name = "spare-fuzzed", password = Secret });
        await MakeAsync("/api/v1/nodes", new { name = "fuzzed", serialNumber = "fuzzed" });

        async Task MakeAsync(string path, object body)
        {
            Answer made = await administrator.PostAsync(path, body);
            made.Status.ShouldBe(201, made.Text);
        }
    }
}
