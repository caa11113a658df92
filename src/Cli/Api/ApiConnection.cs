using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Api;

/// <summary>One server and the token for it; turns everything that can go wrong into a <see cref="CommandException"/>.</summary>
internal sealed class ApiConnection : IDisposable
{
    /// <summary>How long an answer that is not a stream may take; uploads are bounded by their progress, not by this.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    private readonly HttpClient _http;

    /// <param name="server">Address of the control plane.</param>
    /// <param name="token">Null: not signed in.</param>
    public ApiConnection(Uri server, string? token)
    {
        Server = server;
        Token = token;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = !server.IsLoopback, ConnectTimeout = TimeSpan.FromSeconds(10) })
        {
            BaseAddress = server,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public Uri Server { get; }

    public string? Token { get; }

    public static string Escape(object part) => Uri.EscapeDataString(Convert.ToString(part, CultureInfo.InvariantCulture)!);

    /// <summary>A path with those parameters that are not null.</summary>
    public static string Address(string path, params ReadOnlySpan<(string Name, object? Value)> query)
    {
        var address = new StringBuilder(path);
        char separator = '?';
        foreach ((string name, object? value) in query)
        {
            if (value is null) continue;
            address.Append(separator).Append(name).Append('=').Append(Escape(value));
            separator = '&';
        }
        return address.ToString();
    }

    public static byte[] Json<T>(T body, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(body, type);

    /// <param name="method">HTTP method.</param>
    /// <param name="address">Path and query.</param>
    /// <param name="json">The body; null: none.</param>
    /// <param name="repeatable">The server knows the request again by its key, so that it is sent once more when the connection breaks before the answer.</param>
    /// <param name="type">Of the answer.</param>
    /// <param name="cancel">Ends the request.</param>
    public async Task<Reply<T>> SendAsync<T>(HttpMethod method, string address, byte[]? json, bool repeatable, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        string? key = repeatable ? Guid.NewGuid().ToString() : null;
        try
        {
            return Read(await SendAsync(method, address, Content(json), key, Patience, cancel).ConfigureAwait(false), type);
        }
        catch (CommandException broken) when (key is not null && broken.InnerException is HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded })
        {
            return Read(await SendAsync(method, address, Content(json), key, Patience, cancel).ConfigureAwait(false), type);
        }
    }

    /// <summary>Sends a form, which may take as long as it makes progress.</summary>
    public async Task<Reply<T>> SendFormAsync<T>(HttpMethod method, string address, HttpContent form, JsonTypeInfo<T> type, CancellationToken cancel) =>
        Read(await SendAsync(method, address, form, null, Timeout.InfiniteTimeSpan, cancel).ConfigureAwait(false), type);

    /// <summary>Sends a request whose answer has no body.</summary>
    public Task SendAsync(HttpMethod method, string address, byte[]? json, CancellationToken cancel) => SendAsync(method, address, Content(json), null, Patience, cancel);

    /// <summary>Opens an answer that goes on; the caller disposes it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string address, CancellationToken cancel)
    {
        using HttpRequestMessage request = Request(method, address, null, null);
        return await ReachAsync(async () =>
        {
            HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
            if (response.IsSuccessStatusCode) return response;
            using (response) throw Refusal(response, await response.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false));
        }).ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private static ByteArrayContent? Content(byte[]? json) => json is null ? null : new ByteArrayContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private HttpRequestMessage Request(HttpMethod method, string address, HttpContent? content, string? key)
    {
        var request = new HttpRequestMessage(method, address) { Content = content };
        // A server that refuses an upload need not read it: who asks first reads the reason, who just sends may find the connection closed.
        if (content is MultipartFormDataContent) request.Headers.ExpectContinue = true;
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("osv", null));
        if (Token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return request;
    }

    private async Task<byte[]> SendAsync(HttpMethod method, string address, HttpContent? content, string? key, TimeSpan patience, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        using HttpRequestMessage request = Request(method, address, content, key);
        try
        {
            return await ReachAsync(async () =>
            {
                using HttpResponseMessage response = await _http.SendAsync(request, limit.Token).ConfigureAwait(false);
                byte[] body = await response.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
                return response.IsSuccessStatusCode ? body : throw Refusal(response, body);
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new CommandException($"{Server} did not answer within {patience.TotalSeconds:F0} s: see its log, then try again", late);
        }
    }

    private async Task<T> ReachAsync<T>(Func<Task<T>> send)
    {
        try
        {
            return await send().ConfigureAwait(false);
        }
        catch (HttpRequestException unreachable)
        {
            throw new CommandException(Unreachable(unreachable), unreachable);
        }
    }

    /// <summary>Why the server cannot be spoken to.</summary>
    private string Unreachable(HttpRequestException error) => error.HttpRequestError switch
    {
        HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError => $"no server answers at {Server}: start a cloud with 'osv up', or name another server with --server or OSV_SERVER",
        HttpRequestError.SecureConnectionError => $"{Server} cannot prove that it is the server ({error.InnerException?.Message ?? error.Message}): check the address, and that this machine trusts the authority of its certificate",
        HttpRequestError.ResponseEnded => $"{Server} broke off before it had answered: see its log, and look what was done before you try again",
        _ => $"{Server} cannot be spoken to ({error.InnerException?.Message ?? error.Message}): check the address and the network",
    };

    private RefusedException Refusal(HttpResponseMessage response, byte[] body)
    {
        string? detail = Detail(response, body);
        return new RefusedException((int)response.StatusCode, Terminal.Plain(response.StatusCode switch
        {
            HttpStatusCode.Unauthorized when Token is null && !IsLogin(response) => $"not signed in to {Server}: use 'osv login', or set OSV_TOKEN",
            HttpStatusCode.Unauthorized when !IsLogin(response) => $"{Server} does not accept the token (unknown, revoked or expired): sign in anew with 'osv login'",
            HttpStatusCode.TooManyRequests => $"{Server} has had too many requests: wait {response.Headers.RetryAfter?.Delta?.TotalSeconds ?? 1:F0} s and try again",
            _ when detail is not null => detail,
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest => $"{Server} sends its callers elsewhere ({response.Headers.Location}): give that address with --server",
            var status => $"{Server} answered {(int)status} without saying why: check that it is an OSV Cloud, and see its log",
        }));
    }

    private static bool IsLogin(HttpResponseMessage response) => response.RequestMessage?.RequestUri?.AbsolutePath == "/api/v1/login";

    private static string? Detail(HttpResponseMessage response, byte[] body)
    {
        if (response.Content.Headers.ContentType?.MediaType is not ("application/problem+json" or "application/json")) return null;
        try
        {
            ProblemDetails? problem = JsonSerializer.Deserialize(body, ApiJson.Default.ProblemDetails);
            return problem?.Detail ?? problem?.Title;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Reply<T> Read<T>(byte[] body, JsonTypeInfo<T> type)
    {
        try
        {
            JsonElement json = JsonElement.Parse(body);
            return new Reply<T>(json, json.Deserialize(type) ?? throw new JsonException("null"));
        }
        catch (JsonException foreign)
        {
            throw new CommandException($"{Server} answered something that this command does not understand ({Terminal.Plain(foreign.Message)}): use a command of the server's version", foreign);
        }
    }
}
