using System.Net.Http.Headers;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Osv.Database.Testing;

namespace Osv.Web.Tests;

/// <summary>Asks every endpoint in the name of every role. An endpoint that is in neither list fails the first test.</summary>
public sealed class AuthorizationTests(Site site)
{
    /// <summary>Endpoints without a sign-in: they take a password, end a session, or only say that there is nothing.</summary>
    private static readonly string[] Open = ["Login", "SignIn", "SignOut"];

    /// <summary>Pages that strangers see.</summary>
    private static readonly string[] OpenPages = ["/sign-in", "/not-found"];

    [Fact]
    public void Every_endpoint_of_the_api_has_a_case()
    {
        RouteEndpoint[] endpoints = [.. Endpoints().Where(endpoint => IsApi(endpoint) && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null)];
        endpoints.Select(Name).Order().ShouldBe(EndpointCase.All.Select(test => test.Endpoint).Order(), "add a case for a new endpoint, with the least role that may use it");
        string[] open = [.. Endpoints().Where(endpoint => IsApi(endpoint) && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null && Name(endpoint).Length > 0).Select(Name)];
        open.Order().ShouldBe(Open.Order(), "an endpoint for everybody is a decision: name it here");
    }

    [Fact]
    public void Every_page_but_the_sign_in_needs_one()
    {
        RouteEndpoint[] pages = [.. Endpoints().Where(endpoint => endpoint.Metadata.OfType<Microsoft.AspNetCore.Components.Endpoints.ComponentTypeMetadata>().Any())];
        pages.Length.ShouldBeGreaterThan(15);
        string[] open = [.. pages.Where(page => page.Metadata.GetMetadata<IAllowAnonymous>() is not null).Select(page => "/" + page.RoutePattern.RawText!.TrimStart('/')).Order()];
        open.ShouldBe(OpenPages.Order());
        pages.Where(page => page.Metadata.GetMetadata<IAllowAnonymous>() is null).ShouldAllBe(page => page.Metadata.GetMetadata<IAuthorizeData>() != null);
    }

    [Fact]
    public async Task Every_role_gets_what_it_may_and_hidden_things_do_not_exist()
    {
        string project = await site.NewProjectAsync(), node = Site.Unique("n");
        await site.NewImageAsync(project);
        await site.NewTenantAsync(project, "subject");
        (await site.Administrator.PostAsync("/api/v1/jobs", new { name = "batch", project, template = EndpointCase.Shape })).Status.ShouldBe(201);
        (await site.Administrator.PostAsync("/api/v1/jobs", new { name = "nightly", project, template = EndpointCase.Shape, schedule = new { cron = "0 2 * * *" } })).Status.ShouldBe(201);
        (await site.Administrator.PostAsync("/api/v1/users", new { name = $"spare-{project}", password = "correct horse battery" })).Status.ShouldBe(201);
        (await site.Administrator.PostAsync("/api/v1/nodes", new { name = node, serialNumber = node })).Status.ShouldBe(201);
        var callers = new (string Role, Api Api, Least[] May)[]
        {
            ("anonymous", site.Anonymous(), []),
            ("stranger", await site.NewUserAsync(Site.Unique("stranger")), [Least.SignedIn]),
            ("viewer", await site.NewMemberAsync(project, "Viewer"), [Least.SignedIn, Least.Viewer]),
            ("member", await site.NewMemberAsync(project, "Member"), [Least.SignedIn, Least.Viewer, Least.Member]),
            ("owner", await site.NewMemberAsync(project, "Owner"), [Least.SignedIn, Least.Viewer, Least.Member, Least.Owner]),
            ("operator", await site.NewUserAsync(Site.Unique("operator"), "Operator"), [Least.SignedIn, Least.Viewer, Least.Operator]),
            ("administrator", site.Administrator, Enum.GetValues<Least>()),
        };
        var wrong = new List<string>();
        foreach (EndpointCase test in EndpointCase.All)
        {
            foreach ((string role, Api api, Least[] may) in callers)
            {
                int status = await AskAsync(api, test, project, node);
                bool right = role == "anonymous" ? status == 401
                    : may.Contains(test.Least) ? status is not (401 or 403 or 404 or >= 500)
                    : role == "stranger" && test.Least is (Least.Viewer or Least.Member or Least.Owner) ? status == 404
                    : status == 403;
                if (!right) wrong.Add($"{test.Endpoint} as {role}: {status}");
            }
        }
        foreach ((string role, Api api, _) in callers.Where(caller => caller.Role != "administrator")) api.Dispose();
        wrong.ShouldBeEmpty();
    }

    private async Task<int> AskAsync(Api api, EndpointCase test, string project, string node)
    {
        if (test.Endpoint == "RemoveMember") await site.Administrator.PutAsync($"/api/v1/projects/{project}/members/spare-{project}", new { role = "Viewer" });
        string token = "";
        if (test.Endpoint == "RevokeToken" && api.Token is not null) token = (await api.PostAsync("/api/v1/tokens", new { name = "t", scopes = new[] { "*" } })).Json.GetProperty("id").GetString()!;
        string Fill(string text) => text.Replace("{p}", project, StringComparison.Ordinal).Replace("{n}", node, StringComparison.Ordinal).Replace("{u}", Site.Unique("x"), StringComparison.Ordinal)
            .Replace("{t}", token.Length > 0 ? token : Guid.NewGuid().ToString(), StringComparison.Ordinal);
        string path = Fill(test.Path);
        using var request = new HttpRequestMessage(new HttpMethod(test.Method), test.Endpoint is "Metrics" or "Maintenance" ? path : "/api/v1" + path);
        if (api.Token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", api.Token);
        if (test.Multipart) request.Content = Uploads.Form(Site.Unique("i"), project, TestKernel.Make());
        else if (test.Body is not null) request.Content = new StringContent(Fill(System.Text.Json.JsonSerializer.Serialize(test.Body)), System.Text.Encoding.UTF8, "application/json");
        // Only the head of the answer: some are streams without end.
        using var http = new HttpClient { BaseAddress = site.Address, Timeout = TimeSpan.FromSeconds(30) };
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        return (int)response.StatusCode;
    }

    private IEnumerable<RouteEndpoint> Endpoints() => ((IEndpointRouteBuilder)site.Host).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>();

    /// <summary>Endpoints beside the API, by the beginning of their path.</summary>
    private static readonly (string Path, string Name)[] Beside = [("/metrics", "Metrics"), ("/hangfire", "Maintenance")];

    private static bool IsApi(RouteEndpoint endpoint) => Pattern(endpoint).StartsWith("/api/v1", StringComparison.Ordinal) || NameBeside(endpoint) is not null;

    private static string? NameBeside(RouteEndpoint endpoint) => Beside.FirstOrDefault(other => Pattern(endpoint).StartsWith(other.Path, StringComparison.Ordinal)).Name;

    private static string Pattern(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.TrimStart('/');

    private static string Name(RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName ?? NameBeside(endpoint) ?? Pattern(endpoint);
}
